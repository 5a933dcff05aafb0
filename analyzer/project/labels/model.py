"""Counted labels."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CLASSES = 1000
"""Distinct values of a column or array that may still be labels."""
_NEGATIVE = re.compile(
    r"""0|0\.0|-1|-1\.0|false|f|no|n|neg|negatives?|backgrounds?|bg|none|nothing|empty|normal|healthy|benign|other|rest
    |non?[-_\ ].*""",
    re.IGNORECASE | re.VERBOSE,
)
_POSITIVE = re.compile(r"\+?1|1\.0|true|t|yes|y|pos|positives?", re.IGNORECASE)


class BadLabels(Exception):
    """A file whose labels cannot be counted; the message says why."""


class BrokenLabels(BadLabels):
    """A damaged file: its program cannot read it either. ``line`` 0 is the whole file."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class MissingReader(BadLabels):
    """A file that only an optional package can read, which is not installed; the message says which."""


@dataclass(frozen=True)
class Labels:
    """How often each label occurs.

    Attributes:
        path: the file, or the folder of the class folders.
        form: ``table``, ``array``, ``coco`` or ``folders``.
        column: a table's column; "" for the others.
        counts: each label as text with its number, in the order of the labels.
        line: where a reader finds the first label, from 1.
    """

    path: str
    form: str
    column: str
    counts: tuple[tuple[str, int], ...]
    line: int = 1

    @property
    def total(self) -> int:
        """Number of labelled items."""
        return sum(number for _, number in self.counts)

    @property
    def positive(self) -> tuple[str, int] | None:
        """The positive label of two and its number; None where there are not two, or it is not plain which it is."""
        if len(self.counts) != 2:
            return None
        first, second = self.counts
        for one, other in ((first, second), (second, first)):
            if _NEGATIVE.fullmatch(other[0]) and not _NEGATIVE.fullmatch(one[0]):
                return one
        sure = [row for row in self.counts if _POSITIVE.fullmatch(row[0])]
        return sure[0] if len(sure) == 1 else None

    @property
    def what(self) -> str:
        """The place in words."""
        return f"`{self.column}` of `{self.path}`" if self.column else f"`{self.path}`"
