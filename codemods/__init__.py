"""One fix a file, under its rule's name; the only code that changes a user's file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache

from ..analyzer.checking import Codemod

_STAGES = ("environment", "data", "model", "loss", "optimization", "precision", "efficiency", "config")


STYLE_MARK = "__"
"""Between a rule's name and a style's, in a file's name."""


def modules() -> Iterator[tuple[str, str]]:
    """Every codemod's file name and dotted name, in the stages' order; none is imported."""
    for stage in _STAGES:
        package = importlib.import_module(f"{__name__}.{stage}")
        for info in pkgutil.iter_modules(package.__path__):
            if not info.name.startswith("_"):
                yield info.name, f"{package.__name__}.{info.name}"


@cache
def all_codemods() -> dict[str, Codemod]:
    """The ``fix`` function of every codemod, by the name of its rule; styles are left out."""
    return {name.replace("_", "-"): Late(path) for name, path in modules() if STYLE_MARK not in name}


def pattern_codemod() -> Codemod:
    """The codemod of the rules that a user wrote as patterns."""
    return Late(f"{__name__}.patterns")


class Late:
    """A codemod whose module (and LibCST with it) is imported when the first finding needs it."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __call__(self, finding, project):  # noqa: ANN001, ANN204 - the signature is Codemod's
        """What the module's ``fix`` says, made tidy."""
        return Tidy(importlib.import_module(self.module).fix)(finding, project)


class Tidy:
    """A codemod whose fixes take along the imports that they leave without a use, and break what they make too long."""

    def __init__(self, codemod: Codemod) -> None:
        self.codemod = codemod
        self.module = codemod.__module__

    def __call__(self, finding, project):  # noqa: ANN001, ANN204 - as above
        """The codemod's fix, made tidy."""
        from .long_lines import shortened
        from .unused_imports import cleared

        return cleared(shortened(self.codemod(finding, project), project), project)
