"""Run against the names that the pinned torch has: those that it lacks are hidden from the user's own files."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set

from .sites import Sites
from .writer import Writer


class Hiding:
    """Makes dotted names fail in the user's files just as they do where they do not exist; libraries still see them.

    Args:
        names: modules or attributes of modules, such as ``torch.amp`` or ``torch.GradScaler``.
        sites: which files are the user's.
    """

    def __init__(self, names: List[str], sites: Sites) -> None:
        self.names = frozenset(names)
        self.sites = sites

    def start(self, writer: Writer) -> None:
        """Watch import statements, and say so in the trace."""
        writer.write(
            {"k": "deviation", "s": 0, "m": 0, "what": "hidden from the program: " + ", ".join(sorted(self.names))}
        )
        real = builtins.__import__

        def guarded(
            name: str,
            globals: Optional[Mapping[str, Any]] = None,
            locals: Optional[Mapping[str, Any]] = None,
            fromlist: Optional[Sequence[str]] = (),
            level: int = 0,
        ) -> Any:
            importer = (globals or {}).get("__file__")
            if level == 0 and isinstance(importer, str) and self.sites.relative(importer) is not None:
                self._refuse(name, fromlist or ())
            return real(name, globals, locals, fromlist or (), level)

        builtins.__import__ = guarded

    def torch_loaded(self) -> None:
        """Watch attributes of the modules that hold hidden names."""
        by_module: Dict[str, Set[str]] = {}
        for name in self.names:
            module, _, attribute = name.rpartition(".")
            by_module.setdefault(module, set()).add(attribute)
        for name, attributes in by_module.items():
            module = sys.modules.get(name)
            if type(module) is ModuleType:
                module.__class__ = _without(frozenset(attributes), self.sites)

    def _refuse(self, name: str, fromlist: Sequence[str]) -> None:
        parts = name.split(".")
        for end in range(2, len(parts) + 1):
            module = ".".join(parts[:end])
            if module in self.names:
                raise ModuleNotFoundError("No module named %r" % module, name=module)
        for wanted in fromlist:
            if name + "." + wanted in self.names:
                raise ImportError("cannot import name %r from %r" % (wanted, name), name=name)


def _without(hidden: FrozenSet[str], sites: Sites) -> Any:
    """A class of modules that lack some attributes, seen from the user's files."""

    class Module(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            if name in hidden and sites.relative(sys._getframe(1).f_code.co_filename) is not None:
                module = ModuleType.__getattribute__(self, "__name__")
                raise AttributeError("module %r has no attribute %r" % (module, name))
            return ModuleType.__getattribute__(self, name)

    return Module
