"""The type of one value, and what several make together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ..values.frames import Known


class Number(Enum):
    """What kind of numbers a value holds."""

    LOWER = "lower"
    """float16 or bfloat16."""
    FULL = "full"
    """float32 or float64."""
    COMPLEX = "complex"
    EXACT = "exact"
    """A tensor of whole numbers or truth values."""
    NUMBER = "number"
    """A number of Python, or no tensor at all."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Precision:
    """The type of a value.

    Attributes:
        number: the kind of numbers.
        type: their type's name; "" where it is one of several.
        is_single: whether it is a tensor of no dimensions, which does not raise another tensor's type.
        is_sure: whether every operation that made it is known; False for the result of a network out of sight.
        switch: what decides at run time whether autocast was on, as written; "" where it always is.
    """

    number: Number
    type: str = ""
    is_single: bool = False
    is_sure: bool = True
    switch: str = ""

    def as_single(self) -> Precision:
        """The same for one number."""
        return replace(self, is_single=True)

    def alike(self, before: Sequence[Known[Precision]]) -> Precision:
        """This type for a value that was another's: its dimensions stay."""
        return replace(self, is_single=bool(before) and before[0].what.is_single)


UNKNOWN = Precision(Number.UNKNOWN)
EXACT = Precision(Number.EXACT)
NUMBER = Precision(Number.NUMBER, is_single=True)
_RANK = (Number.COMPLEX, Number.FULL, Number.LOWER)


def promoted(parts: Sequence[Precision]) -> Precision:
    """The type of arithmetic on several values, by torch's rules of promotion."""
    if any(p.number is Number.COMPLEX for p in parts):
        return Precision(Number.COMPLEX)
    many = [p for p in parts if not p.is_single]
    single = bool(parts) and not many
    decisive = many if any(p.number in _RANK or p.number is Number.UNKNOWN for p in many) else list(parts)
    if any(p.number is Number.FULL for p in decisive):
        return Precision(Number.FULL, next(p.type for p in decisive if p.number is Number.FULL), single)
    if any(p.number is Number.UNKNOWN for p in decisive):
        return UNKNOWN
    lower = [p for p in decisive if p.number is Number.LOWER]
    if not lower:
        return Precision(Number.EXACT if many else Number.NUMBER, is_single=single)
    if len({p.type for p in lower if p.type}) > 1:
        return Precision(Number.FULL, "float32", single)
    switch = next((p.switch for p in lower if p.switch), "")
    return Precision(Number.LOWER, lower[0].type, single, all(p.is_sure for p in lower), switch)
