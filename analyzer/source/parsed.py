"""Trees that the first pass over a repository leaves to the second."""

from __future__ import annotations

from .reader import Text
from .syntax import Syntax


class Parsed:
    """Files that this process has parsed, so that it need not parse them again.

    Args:
        lines: how many to keep; a thousand take 1.5 MiB.
    """

    def __init__(self, lines: int = 0) -> None:
        self._most = lines
        self._files: dict[str, tuple[Text, Syntax]] = {}
        self._lines = 0

    def keep(self, text: Text, syntax: Syntax, lines: int) -> None:
        """Keep a file, where there is room for it."""
        if self._lines + lines <= self._most:
            self._files[text.path] = (text, syntax)
            self._lines += lines

    def find(self, path: str, digest: str) -> tuple[Text, Syntax] | None:
        """A kept file of that content."""
        found = self._files.get(path)
        return found if found is not None and found[0].digest == digest else None
