"""Which of the watched lines are executed."""

from __future__ import annotations

import os
import sys
import threading
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from .sites import Sites
from .writer import Writer


class Reach:
    """Traces the functions that hold watched lines, and stops once all were seen.

    Args:
        lines: numbers of lines by absolute path.
        sites: the user's files.
        writer: the trace.
    """

    def __init__(self, lines: Dict[str, List[int]], sites: Sites, writer: Writer) -> None:
        self.missing: Set[Tuple[str, int]] = {(os.path.realpath(p), n) for p, ns in lines.items() for n in ns}
        self.sites = sites
        self.writer = writer
        self._by_code: Dict[CodeType, bool] = {}
        self._paths = {path for path, _ in self.missing}
        self._real: Dict[str, str] = {}

    def start(self) -> None:
        """Trace this thread and those that start later."""
        if self.missing and sys.gettrace() is None:
            sys.settrace(self._call)
            threading.settrace(self._call)

    def stop(self) -> None:
        """Leave the program alone; a tracer that somebody else set stays."""
        threading.settrace(None)  # pyright: ignore[reportArgumentType]
        if getattr(sys.gettrace(), "__self__", None) is self:
            sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Optional[Callable[..., Any]]:
        code = frame.f_code
        wanted = self._by_code.get(code)
        if wanted is None:
            wanted = self._by_code[code] = self._holds(code)
        return self._line if wanted else None

    def _holds(self, code: CodeType) -> bool:
        path = self._path(code.co_filename)
        if path not in self._paths:
            return False
        lines = lines_of(code)
        return any(p == path and n in lines for p, n in self.missing)

    def _path(self, filename: str) -> str:
        if filename not in self._real:
            self._real[filename] = os.path.realpath(filename)
        return self._real[filename]

    def _line(self, frame: FrameType, event: str, argument: Any) -> Optional[Callable[..., Any]]:
        if event == "line":
            key = (self._path(frame.f_code.co_filename), frame.f_lineno)
            if key in self.missing:
                self.missing.discard(key)
                relative = self.sites.relative(frame.f_code.co_filename)
                self.writer.write({"k": "reach", "path": relative, "line": frame.f_lineno})
                if not self.missing:
                    self.stop()
        return self._line


def lines_of(code: CodeType) -> Set[Optional[int]]:
    """The lines that a function's own code runs."""
    if hasattr(code, "co_lines"):
        return {line for _, _, line in code.co_lines()}
    import dis

    return {line for _, line in dis.findlinestarts(code)}
