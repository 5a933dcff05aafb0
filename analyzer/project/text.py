"""A text file with exact positions: what readers of requirements and of configurations hand around."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..source.reader import LINE_END


@dataclass(frozen=True)
class Piece:
    """Part of a file's text as a tool reads it: joined lines, variables filled in.

    Attributes:
        text: the text that counts.
        at: for each of its characters, the offset in the file from which it came.
    """

    text: str
    at: Sequence[int]

    def __getitem__(self, part: slice) -> Piece:
        return Piece(self.text[part], self.at[part])

    def stripped(self) -> Piece:
        """The piece without white space at either end."""
        start = len(self.text) - len(self.text.lstrip())
        return self[start : start + len(self.text.strip())]

    @staticmethod
    def join(pieces: Sequence[Piece]) -> Piece:
        """Several pieces as one."""
        return Piece("".join(piece.text for piece in pieces), [offset for piece in pieces for offset in piece.at])


@dataclass(frozen=True)
class Source:
    """A file's text; `path` is relative to the project's root."""

    path: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in LINE_END.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def lines(self) -> list[Piece]:
        """The lines without their ends."""
        ends = [*(match.start() for match in LINE_END.finditer(self.text)), len(self.text)]
        return [self.piece(start, end) for start, end in zip(self._starts, ends, strict=True)]

    def piece(self, start: int, end: int) -> Piece:
        """The text between two offsets."""
        return Piece(self.text[start:end], range(start, end))

    def literal(self, value: str, start: int, end: int) -> Piece:
        """The value of a quoted literal that lies between two offsets.

        Where the literal is not written plainly (escapes, unusual quotes) every character points at its beginning.
        """
        for width in (1, 3, 0):
            if self.text[start + width : end - width] == value:
                return self.piece(start + width, end - width)
        return Piece(value, [start] * len(value))


def in_one_line(message: str) -> str:
    """A message that may quote a foreign file: one line, and nothing in it that steers a terminal."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(message.split()))
