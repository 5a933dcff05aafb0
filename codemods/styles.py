"""Other ways to mend a bug, by name: a file ``rule__style.py`` beside the rule's codemod, with a ``fix`` of its own."""

from __future__ import annotations

import importlib
import inspect

from ..analyzer.checking import Codemod
from . import STYLE_MARK, Late, modules


def styles_of(rule: str) -> dict[str, Codemod]:
    """The codemods of a rule beside the default one, by the name of their style."""
    found: dict[str, Codemod] = {}
    for name, path in modules():
        owner, mark, style = name.partition(STYLE_MARK)
        if mark and owner.replace("_", "-") == rule:
            found[style.replace("_", "-")] = Late(path)
    return found


def style_summary(codemod: Codemod) -> str:
    """What a style does, in one sentence: the first line of its file."""
    assert isinstance(codemod, Late)
    return (inspect.getdoc(importlib.import_module(codemod.module)) or "").partition("\n")[0]
