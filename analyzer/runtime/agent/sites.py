"""Which lines are the user's own."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Dict, Iterator, Optional

_AGENT = os.path.dirname(os.path.abspath(__file__))
_LIBRARIES = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
_MOST_FRAMES = 80


class Sites:
    """Finds the nearest frame in the user's own code: files under the root that are in no environment.

    Args:
        root: the real path of the tree.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._relative: Dict[str, Optional[str]] = {}

    def relative(self, filename: str) -> Optional[str]:
        """The path from the root, with ``/``; None for what is not the user's."""
        if filename not in self._relative:
            self._relative[filename] = self._resolve(filename)
        return self._relative[filename]

    def _resolve(self, filename: str) -> Optional[str]:
        path = os.path.realpath(filename)
        is_ours = path.startswith(_AGENT + os.sep)
        if is_ours or not path.startswith(self.root + os.sep) or any(part in path for part in _LIBRARIES):
            return None
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def frames(self, frame: Optional[FrameType]) -> Iterator[FrameType]:
        """The user's frames from this one outwards."""
        for _ in range(_MOST_FRAMES):
            if frame is None:
                return
            if self.relative(frame.f_code.co_filename) is not None:
                yield frame
            frame = frame.f_back

    def site(self, frame: Optional[FrameType]) -> Optional[str]:
        """``path:line function`` of the nearest of the user's frames, or None."""
        for user in self.frames(frame):
            return self.describe(user.f_code, user.f_lineno)
        return None

    def is_users(self, cls: type) -> bool:
        """Whether a class is defined in the user's files."""
        return self._file_of(cls) is not None

    def class_place(self, cls: type) -> str:
        """A class as ``path:Outer.Class``; with its module where it is not the user's."""
        file = self._file_of(cls)
        return "%s:%s" % (file if file is not None else cls.__module__, cls.__qualname__)

    def _file_of(self, cls: type) -> Optional[str]:
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        return self.relative(file) if isinstance(file, str) else None

    def describe(self, code: CodeType, line: int) -> str:
        """A place in the user's code in words."""
        name = getattr(code, "co_qualname", code.co_name)
        return "%s:%d %s" % (self.relative(code.co_filename), line, name)
