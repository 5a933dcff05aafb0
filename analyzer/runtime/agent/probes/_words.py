"""Numbers and lists in sentences."""

from __future__ import annotations

from typing import Any, List, Optional

_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def number(value: Any) -> Optional[float]:
    """A number of a trace, in which NaN and infinities are text; None for anything else."""
    if isinstance(value, str):
        return _SPECIAL.get(value)
    return float(value) if isinstance(value, (int, float)) else None


def counted(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(words: List[str], most: int = 3) -> str:
    """The first few of a list, and how many are left out."""
    shown = ", ".join(words[:most])
    return shown + (f" and {len(words) - most} more" if len(words) > most else "")


def short(value: float) -> str:
    """A number with three digits."""
    return f"{value:.3g}"
