"""Numbers of a trace, as the probes' conclusions read them."""

from __future__ import annotations

import math
from typing import Any, Iterable, List, Optional

_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def value_of(value: Any) -> Optional[float]:
    """A number, or None for anything that is none; NaN and infinities are strings in a trace."""
    if isinstance(value, str):
        return _SPECIAL.get(value)
    if isinstance(value, (int, float)):
        return float(value)
    return None


def finite(values: Iterable[Any]) -> List[float]:
    """The finite numbers among values, in order."""
    numbers = (value_of(v) for v in values)
    return [n for n in numbers if n is not None and math.isfinite(n)]


def mean(values: List[float]) -> float:
    """The mean of at least one number."""
    return sum(values) / len(values)


def place(site: Any) -> str:
    """``path:line`` of a place ``path:line function``."""
    return str(site or "").partition(" ")[0]
