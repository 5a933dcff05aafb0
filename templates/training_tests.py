"""The tests of a user's own training that ``mlfix init --tests`` writes."""

from __future__ import annotations

import posixpath

from ..analyzer.flow.training.parts import Body, Parts
from . import fill


def training_tests(parts: Parts, target: str) -> str:
    """The text of a pytest file at a path relative to the project's folder, for the parts that were found."""
    script = posixpath.dirname(parts.program)
    return fill(
        "training_tests.py.j2",
        place=parts.place,
        above=target.count("/"),
        program=repr(parts.program or "train.py"),
        folders=repr(tuple(dict.fromkeys([script, "", *parts.folders]))),
        imports=[line for line in parts.imports if line not in _OWN],
        model=_lines("make_model", parts.model),
        batch=_lines("make_batch", parts.batch),
        settings=_indented(parts.settings.lines),
        loss=_taken(parts) + _lines("loss_of", parts.loss),
    )


_OWN = ("import sys", "import torch", "import pytest", "from pathlib import Path", "from functools import cache")


def _lines(name: str, body: Body) -> list[str]:
    if body.lines:
        return _indented(body.lines)
    reason = f"fill in {name}: mlfix could not tell it from the code, since {body.reason}"
    return [f"raise NotImplementedError({reason!r})"]


def _taken(parts: Parts) -> list[str]:
    if not parts.settings.lines or not parts.loss.lines:
        return []
    return [f"{', '.join(parts.names)} = settings_of_loss()"]


def _indented(lines: tuple[str, ...]) -> list[str]:
    return [line for text in lines for line in text.split("\n")]
