"""What a rule says and what a codemod would change: plain, picklable data shared by every layer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import total_ordering
from typing import Any


@total_ordering
class _Ranked(Enum):
    """An enumeration whose members are ordered as written: the first is the strongest."""

    @property
    def rank(self) -> int:
        """Position in the definition, 0 for the strongest member."""
        return list(type(self)).index(self)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self.rank < other.rank

    def __str__(self) -> str:
        return self.value


class Level(_Ranked):
    """What the bug costs, as a person debugging a run would sort it."""

    BREAKS = "breaks"
    DEGRADES = "degrades"
    WASTES = "wastes"


class Confidence(_Ranked):
    """How sure the rule is. Low is hidden unless asked for."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Applicability(_Ranked):
    """When a fix may be applied.

    ``SAFE``: correct under every reading of the code. ``UNSAFE``: changes what is trained, needs consent.
    ``ADVICE``: shown, never written.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    ADVICE = "advice"


Position = tuple[int, int]
"""A line and a column, both from 1; columns count characters."""


@dataclass(frozen=True, slots=True)
class Location:
    """A span in a file. ``path`` is relative to the project's root, with ``/``; the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line that led to a finding, with what it shows."""

    path: str
    line: int
    note: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the span from ``start`` to ``end`` (exclusive) of ``path`` by ``text``.

    ``clears``: it removes an import that the fix's other edits leave without a use. Such edits hold for a fix that is
    made alone; where several are made together, what they leave unused is worked out anew.
    """

    path: str
    start: Position
    end: Position
    text: str
    clears: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that belong together: all are applied, or none. ``title`` says in the imperative what they do."""

    applicability: Applicability
    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One bug at one place, with why the rule is sure.

    ``repair`` is plain data from the rule to the codemod of the same name; ``None`` where there is no edit to offer,
    and then ``no_fix`` says why. ``scope`` is the qualified name of the enclosing function or class and
    ``subject`` the normalised code: both only make the fingerprint, which therefore survives moved lines.
    """

    rule: str
    code: str
    level: Level
    confidence: Confidence
    location: Location
    message: str
    symptom: str
    evidence: tuple[Evidence, ...] = ()
    scope: str = ""
    subject: str = ""
    repair: Mapping[str, Any] | None = None
    no_fix: str = ""
    fix: Fix | None = None
    suppressed: bool = False
    occurrence: int = field(default=0)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that name this finding by rule, file, enclosing name and code, never by line number.

        ``occurrence`` tells equal findings of one scope apart, in source order; the engine sets it.
        """
        parts = (self.rule, self.location.path, self.scope, self.subject, str(self.occurrence))
        return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:16]

    @property
    def label(self) -> str:
        """Code and name of the rule, for people; a rule without a code of its own has the name alone."""
        return self.rule if self.code == self.rule else f"{self.code} {self.rule}"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of the output: by file, then place, then rule."""
        return (self.location.path, self.location.line, self.location.column, self.code, self.message)

    def with_fix(self, fix: Fix | None, no_fix: str = "") -> Finding:
        """The same finding with its computed fix, or with the reason why there is none."""
        return replace(self, fix=fix, no_fix=no_fix or self.no_fix)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be read or understood: one line with the remedy. ``line`` 0 is the whole file."""

    path: str
    message: str
    line: int = 0
