"""What the user names under ``[tool.mlfix.watch]``: outputs of modules, variables, constants."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import weakref
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    from ..session import Session

_MISSING = object()


def install(session: Session) -> None:
    """Prepare what is to be watched."""
    session.watched = Watched(session)
    session.watched.start()


class Watched:
    """Tells the probes of named values.

    ``model.proj`` names a module below a root module, with or without the root's own name.
    ``file.py:function:variable`` names a variable, read where the function returns and where it stands around
    ``backward``; ``file.py:VARIABLE`` a global one, and ``file.yaml:key.key`` or ``file.json:key.key`` a number of a
    file; dots lead on to attributes and items.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.modules: Any = weakref.WeakKeyDictionary()
        self.paths: Dict[str, str] = {}
        self.variables: List[Tuple[str, str, str, str]] = []  # name, file, function, variable
        self.constants: Dict[str, Tuple[str, str]] = {}
        for name, what in session.settings.watch.items():
            parts = what.split(":")
            if len(parts) == 3:
                self.variables.append((name, parts[0], parts[1], parts[2]))
            elif len(parts) == 2:
                self.constants[name] = (parts[0], parts[1])
            else:
                self.paths[name] = what
        self._by_code: Dict[CodeType, List[Tuple[str, str]]] = {}
        self._before: Optional[Callable[..., Any]] = None

    def start(self) -> None:
        """Look at functions' ends; only where a variable is watched, since this slows each call down."""
        if self.variables:
            self._before = sys.gettrace()
            sys.settrace(self._call)
            threading.settrace(self._call)

    def find(self, root: Any) -> None:
        """A root module is there: see which of the named modules are its own."""
        for name, path in self.paths.items():
            for candidate in (path, path.partition(".")[2]):
                found = dict(root.named_modules()).get(candidate) if candidate else None
                if found is not None:
                    self.modules[found] = name
                    break

    def ran(self, module: Any, output: Any) -> None:
        """A module has run."""
        if self.paths and module in self.modules:
            self.session.tell("on_watched", self.modules[module], output)

    def look(self, frame: Optional[FrameType]) -> None:
        """Backward is about to run: the variables around it, and constants once."""
        for name in list(self.constants):
            value = self._constant(*self.constants[name])
            if value is not _MISSING:
                del self.constants[name]
                self.session.tell("on_watched", name, value)
        if self.variables:
            for user in self.session.sites.frames(frame):
                self._tell_all(user)

    # --- variables

    def _wanted(self, code: CodeType) -> List[Tuple[str, str]]:
        found = self._by_code.get(code)
        if found is None:
            path = self.session.sites.relative(code.co_filename)
            called = getattr(code, "co_qualname", code.co_name).replace(".<locals>", "")
            found = self._by_code[code] = [
                (name, variable)
                for name, file, function, variable in self.variables
                if path == file and (called == function or called.endswith("." + function) or code.co_name == function)
            ]
        return found

    def _tell_all(self, frame: FrameType) -> None:
        for name, variable in self._wanted(frame.f_code):
            self._tell(name, variable, frame.f_locals)

    def _tell(self, name: str, variable: str, values: Dict[str, Any]) -> None:
        first, _, rest = variable.partition(".")
        value = _inside(values.get(first, _MISSING), rest)
        if value is not _MISSING:
            self.session.tell("on_watched", name, value)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Optional[Callable[..., Any]]:
        inner = self._before(frame, event, argument) if self._before is not None else None
        if self.session.is_finished or not self._wanted(frame.f_code):
            return inner

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal inner
            inner = inner(frame, event, argument) if inner is not None else None
            if event == "return" and self.session.sampling and not self.session.is_finished:
                self.session.guarded("agent", self._tell_all, frame)
            return local

        return local

    # --- constants

    def _constant(self, file: str, key: str) -> Any:
        if file.endswith(".py"):
            first, _, rest = key.partition(".")
            for module in list(sys.modules.values()):
                path = getattr(module, "__file__", None)
                if isinstance(path, str) and self.session.sites.relative(path) == file:
                    return _inside(vars(module).get(first, _MISSING), rest)
            return _MISSING
        path = os.path.join(self.session.settings.root, file)
        try:
            with open(path, encoding="utf-8") as text:
                return _inside(json.load(text), key) if file.endswith(".json") else _of_yaml(text.read(), key)
        except (OSError, ValueError):
            return _MISSING


def _inside(value: Any, path: str) -> Any:
    """What attributes and items lead to."""
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(part, _MISSING)
        elif isinstance(value, (list, tuple)) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = getattr(value, part, _MISSING)
    return value


def _of_yaml(text: str, key: str) -> Any:
    """A number under nested keys; the standard library has no YAML, and a number needs none."""
    wanted = key.split(".")
    open_keys: List[Tuple[int, str]] = []
    for line in text.splitlines():
        found = re.match(r"^(\s*)([\w-]+)\s*:\s*([^#]*)", line)
        if found is None:
            continue
        indent = len(found.group(1))
        open_keys = [row for row in open_keys if row[0] < indent]
        open_keys.append((indent, found.group(2)))
        if [name for _, name in open_keys] == wanted:
            try:
                return float(found.group(3).strip())
            except ValueError:
                return _MISSING
    return _MISSING
