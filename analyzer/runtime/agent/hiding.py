"""Run against the names that the pinned torch has: hide those that it lacks from the user's own files."""

from __future__ import annotations

import builtins
import sys
from typing import Any, List, Mapping, Optional, Sequence

from .sites import Sites
from .writer import Writer


def hide(names: List[str], sites: Sites, writer: Writer) -> None:
    """Make imports of some dotted names fail for the user's files, as they do where the names do not exist.

    Args:
        names: modules or attributes of modules, such as ``torch.amp`` or ``torch.GradScaler``.
        sites: which files are the user's.
        writer: the trace, which is told.
    """
    hidden = set(names)
    writer.write({"k": "deviation", "s": 0, "m": 0, "what": "hidden from the program: " + ", ".join(sorted(hidden))})
    real = builtins.__import__

    def guarded(
        name: str,
        globals: Optional[Mapping[str, Any]] = None,
        locals: Optional[Mapping[str, Any]] = None,
        fromlist: Optional[Sequence[str]] = (),
        level: int = 0,
    ) -> Any:
        if level == 0 and sites.relative(sys._getframe(1).f_code.co_filename) is not None:
            _refuse(hidden, name, fromlist or ())
        return real(name, globals, locals, fromlist or (), level)

    builtins.__import__ = guarded


def _refuse(hidden: Any, name: str, fromlist: Sequence[str]) -> None:
    parts = name.split(".")
    for end in range(2, len(parts) + 1):
        module = ".".join(parts[:end])
        if module in hidden:
            raise ModuleNotFoundError("No module named %r" % module, name=module)
    for wanted in fromlist:
        if name + "." + wanted in hidden:
            raise ImportError("cannot import name %r from %r" % (wanted, name), name=name)
