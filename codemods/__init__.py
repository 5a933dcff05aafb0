"""One fix a file, under its rule's name; the only code that changes a user's file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ..analyzer.checking import Codemod

_STAGES = ("environment", "data", "model", "loss", "optimization")


@cache
def all_codemods() -> dict[str, Codemod]:
    """The ``fix`` function of every codemod, by the name of its rule."""
    found: dict[str, Codemod] = {}
    for stage in _STAGES:
        package = importlib.import_module(f"{__name__}.{stage}")
        for info in pkgutil.iter_modules(package.__path__):
            if not info.name.startswith("_"):
                found[info.name.replace("_", "-")] = _Late(f"{package.__name__}.{info.name}")
    return found


def pattern_codemod() -> Codemod:
    """The codemod of the rules that a user wrote as patterns."""
    return _Late(f"{__name__}.patterns")


class _Late:
    """A codemod whose module (and LibCST with it) is imported when the first finding needs it."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __call__(self, finding, project):  # noqa: ANN001, ANN204 - the signature is Codemod's
        return importlib.import_module(self.module).fix(finding, project)
