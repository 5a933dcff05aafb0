"""Call back right after a module was first imported, whoever imports it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, Optional, Sequence


class AfterImport:
    """A finder that answers for the awaited names only, and hands the work to the finders after it.

    Args:
        callbacks: what to call with the module, by the module's name.
    """

    def __init__(self, callbacks: Dict[str, Callable[[ModuleType], None]]) -> None:
        self.callbacks = callbacks

    def install(self) -> None:
        """Start to wait; modules that are there already are called back at once."""
        for name in list(self.callbacks):
            if name in sys.modules:
                self.callbacks.pop(name)(sys.modules[name])
        if self.callbacks:
            sys.meta_path.insert(0, self)  # pyright: ignore[reportArgumentType]

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """The spec that the other finders give, with its execution wrapped."""
        if name not in self.callbacks:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self)  # pyright: ignore[reportAttributeAccessIssue]
                return spec
        return None

    def loaded(self, module: ModuleType) -> None:
        """Call back, once."""
        callback = self.callbacks.pop(module.__name__, None)
        if not self.callbacks and self in sys.meta_path:
            sys.meta_path.remove(self)  # pyright: ignore[reportArgumentType]
        if callback is not None:
            callback(module)


class _Loader:
    """The real loader, followed by the call back."""

    def __init__(self, loader: Any, awaited: AfterImport) -> None:
        self.loader = loader
        self.awaited = awaited

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        """As the real loader does."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module as if nobody were there, then call back."""
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        self.awaited.loaded(module)
