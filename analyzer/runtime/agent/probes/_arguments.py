"""What a torch function was given."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple


def argument(args: Tuple[Any, ...], kwargs: Mapping[str, Any], position: int, name: str) -> Any:
    """One argument, however it was given; None where it was not."""
    return args[position] if len(args) > position else kwargs.get(name)


def dimension(args: Tuple[Any, ...], kwargs: Mapping[str, Any]) -> Optional[int]:
    """The one dimension that a reduction runs over; None for several, all, or none given."""
    dim = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
    if isinstance(dim, (list, tuple)) and len(dim) == 1:
        dim = dim[0]
    return dim if isinstance(dim, int) and not isinstance(dim, bool) else None
