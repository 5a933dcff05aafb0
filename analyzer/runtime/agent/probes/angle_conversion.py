"""Angles that are turned into radians."""

from __future__ import annotations

import math
from types import FrameType
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen
from ..session import Session
from ._arguments import argument
from ._reading import finite, place

KIND = "angle-conversion"
_FACTORS = (math.pi / 180.0, math.pi)
_DIVISORS = (180.0 / math.pi, 180.0)


class AngleConversion(Probe):
    """How large the angles are that the program turns from degrees into radians.

    What it measures
    ----------------
    The largest absolute value that goes into ``torch.deg2rad``, ``* pi / 180`` and the like, by line, in the first
    steps.

    Healthy
    -------
    It informs: small angles in degrees are possible.

    When it is not
    --------------
    Values that never leave two pi were radians before: converted twice, all directions shrink to a sliver around 0.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("double-deg2rad",)
    unit: ClassVar[str] = "largest input"
    look_next: ClassVar[str] = "Follow the angle back to where it comes from: is it in radians already?"
    functions: ClassVar[FrozenSet[str]] = frozenset({"deg2rad", "mul", "div", "true_divide"})

    def __init__(self) -> None:
        super().__init__()
        self.largest: Dict[str, Any] = {}

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """Note what a conversion was given; ``x * pi / 180`` counts by its first half."""
        first, second = argument(args, kwargs, 0, "input"), argument(args, kwargs, 1, "other")
        if not isinstance(first, session.torch.Tensor) or not first.is_floating_point() or not first.numel():
            return
        if name != "deg2rad" and not _is_near(second, _FACTORS if name == "mul" else _DIVISORS):
            return
        if name != "deg2rad" and site in self.largest:
            return  # the other half
        value = first.detach().abs().max()
        before = self.largest.get(site)
        self.largest[site] = value if before is None else session.torch.maximum(before, value)

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Write what was converted on the way to this loss."""
        for site, value in self.largest.items():
            session.emit(KIND, at=site, largest=value)
        self.largest.clear()

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The line with the smallest angles."""
        return _conclude(trace.events(KIND))


def _is_near(value: Any, wanted: Tuple[float, ...]) -> bool:
    return isinstance(value, (int, float)) and any(math.isclose(value, w, rel_tol=1e-5) for w in wanted)


def _conclude(events: List[Mapping[str, Any]]) -> Reading:
    by_site: Dict[str, List[float]] = {}
    for event in events:
        by_site.setdefault(str(event.get("at")), []).extend(finite([event.get("largest")]))
    largest = {site: max(values) for site, values in by_site.items() if values}
    if not largest:
        return not_seen("no torch function turned degrees into radians")
    site, value = min(largest.items(), key=lambda item: item[1])
    return healthy(value, "angles of up to %.4g are converted from degrees at %s" % (value, place(site)))
