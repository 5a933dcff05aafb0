"""The training loss."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._reading import finite, mean, place

_PARTS = 3
_NOTHING = 1e-8


class TrainLoss(Probe):
    """Whether the loss falls where it must: on a few batches that are shown again and again.

    What it measures
    ----------------
    The value at each call of ``backward``. In overfit mode the mean of the last third against the first third.

    Healthy
    -------
    In overfit mode it falls. A short run of ever new batches informs, and judges nothing.

    When it is not
    --------------
    A model that cannot learn a few batches by heart has no gradient where it needs one, a learning rate that is far
    off, or targets that do not belong to their inputs.
    """

    name: ClassVar[str] = "train-loss"
    rules: ClassVar[Tuple[str, ...]] = (
        "missing-zero-grad",
        "parameters-not-optimized",
        "activation-loss-mismatch",
        "double-deg2rad",
        "untrained-head",
    )
    unit: ClassVar[str] = "last third / first third"
    look_next: ClassVar[str] = (
        "Look at one replayed batch by eye: do its targets belong to its inputs? Then try a tenth of the learning rate."
    )

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The fall of the loss on replayed batches; else its course."""
        return _conclude(trace, healthy)


def _conclude(trace: Any, row: Mapping[str, Any]) -> Reading:
    by_site: Dict[str, List[Any]] = {}
    for event in trace.events("loss"):
        by_site.setdefault(str(event.get("at")), []).append(event.get("v"))
    if not by_site:
        return not_seen("backward was never called")
    site, values = max(by_site.items(), key=lambda item: len(item[1]))
    numbers = finite(values)
    if len(numbers) < _PARTS:
        return not_seen("fewer than %d losses were seen at %s" % (_PARTS, place(site)))
    third = max(1, len(numbers) // _PARTS)
    first, last = mean(numbers[:third]), mean(numbers[-third:])
    course = "the loss at %s went from %.4g to %.4g in %d steps" % (place(site), first, last, trace.steps)
    ratio = last / first if abs(first) > _NOTHING else 0.0
    if not trace.events("replay"):
        return healthy(ratio, course)
    course += " on replayed batches"
    optimizers = {e.get("opt") for e in trace.events("step")}
    if len(by_site) > 1 or len(optimizers) > 1:
        return healthy(ratio, course + "; losses that play against each other need not fall")
    if trace.steps < row["minimum_steps"]:
        return not_seen("%s: too few steps to judge" % course)
    if first - last >= row["min_fall"] * abs(first) or abs(first) <= _NOTHING:
        return healthy(ratio, course)
    if _is_warming_up(trace):
        return not_seen("%s, while the learning rate was still rising" % course)
    return unhealthy(ratio, "%s: it does not fall" % course)


def _is_warming_up(trace: Any) -> bool:
    rates = [max(finite(e.get("lr") or ()), default=0.0) for e in trace.events("step")]
    return len(rates) > 1 and rates[-1] > 1.2 * rates[0] and rates[-1] >= max(rates)
