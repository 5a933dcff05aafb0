"""Compares what a scheduler plans with how often it is moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ...findings import Evidence
from ..values.frames import Known
from .counts import BATCHES, Count, Unit
from .pace import Divided, Pace, Per
from .schedulers import Plan

_NEARLY = 0.02


class Fault(Enum):
    """How a plan and its pace disagree."""

    TOO_LONG = "planned in micro-batches, moved once per accumulation"
    TOO_SHORT = "planned in optimizer steps, moved on every micro-batch"
    EPOCHS_PER_BATCH = "planned in epochs, moved on every batch"
    BATCHES_PER_EPOCH = "planned in batches, moved once per epoch"


@dataclass(frozen=True, eq=False)
class Mismatch:
    """A disagreement. ``divided`` is the accumulation it turns on; ``exact``: everything else cancels out."""

    fault: Fault
    plan: Plan
    pace: Pace
    planned: Count
    divided: Divided | None
    exact: bool
    trail: tuple[Evidence, ...]

    @property
    def counts_batches(self) -> bool:
        """Whether the plan speaks of batches or of the accumulation itself, rather than of turns of some loop."""
        factors = {a for a, _ in self.divided.count.powers} if self.divided is not None else set()
        return bool(self.planned.power(BATCHES)) or any(a in factors for a, _ in self.planned.powers)


def compare(plan: Plan, readings: Iterable[Known[Count]], pace: Pace) -> Mismatch | None:
    """The disagreement between a plan and a pace; None where some reading of both agrees, or nothing can be said.

    Args:
        plan: the argument.
        readings: what it may come to.
        pace: how its scheduler is moved.
    """
    found: list[Mismatch] = []
    settled = [(pace.settle(known.what), known) for known in readings]
    totals = _totals([planned for planned, _ in settled], pace)
    for planned, known in settled:
        for total in totals:
            total = pace.settle(total)
            if _same(planned, total):
                return None
            verdict = _fault(planned, total, pace, plan)
            if verdict is not None:
                fault, divided, exact = verdict
                found.append(Mismatch(fault, plan, pace, planned, divided, exact, known.trail))
    if len({m.fault for m in found}) != 1:
        return None
    return min(found, key=lambda m: not m.exact)


def _totals(planned: list[Count], pace: Pace) -> list[Count]:
    """How often the scheduler is moved. A training that ends by a counter of which the plan speaks ends there."""
    for limit in pace.limits:
        for bound in limit.bounds:
            if bound.powers and any(all(p.power(a) == n for a, n in bound.powers) for p in planned):
                return list(limit.totals)
    return list(pace.totals)


def _same(planned: Count, total: Count) -> bool:
    ratio = planned.over(total)
    if ratio.is_number:
        return abs(ratio.scale - 1) < _NEARLY
    # Two variables of one value, or a literal and a variable of that value, are the same count.
    value = ratio.value
    several = len(ratio.powers) > 1 or abs(ratio.scale - 1) > _NEARLY
    return several and value is not None and abs(value - 1) < _NEARLY


def _fault(planned: Count, total: Count, pace: Pace, plan: Plan) -> tuple[Fault, Divided | None, bool] | None:
    if pace.per is Per.EPOCH:
        return (Fault.BATCHES_PER_EPOCH, None, True) if _is_per_epoch_fault(planned, total) else None
    for divided in pace.every:
        exact = _settles(planned.over(total).over(divided.count))
        if exact or _up_to_epochs(planned, total, divided.count, pace, plan):
            return Fault.TOO_LONG, divided, exact
    if plan.is_warmup and not planned.power(BATCHES):
        # A warm-up's own number has no unit; multiplied by the accumulation it counts micro-batches.
        for divided in (*pace.every, *pace.declared):
            if all(planned.power(a) == p for a, p in divided.count.powers) and divided.count.powers:
                return Fault.TOO_LONG, divided, False
        return None
    own = {d.count for d in pace.every}
    for divided in pace.optimizer:
        exact = divided.count not in own and _settles(planned.over(total).times(divided.count))
        if exact or (divided.count not in own and _up_to_epochs(planned, total, divided.count.inverse(), pace, plan)):
            return Fault.TOO_SHORT, divided, exact
    multiplied = _multiplied(planned, total, pace)
    if multiplied is not None:
        return Fault.TOO_LONG, multiplied, True
    if _is_epochs(planned, pace):
        return Fault.EPOCHS_PER_BATCH, None, True
    return None


def _settles(ratio: Count) -> bool:
    return ratio.is_number and abs(ratio.scale - 1) < _NEARLY


def _up_to_epochs(planned: Count, total: Count, factor: Count, pace: Pace, plan: Plan) -> bool:
    """Whether a plan in a loader's batches is off by a factor, and otherwise only names other epochs than the loop."""
    if planned.power(BATCHES) != 1 or total.power(BATCHES) != 1:
        return False
    thinning = [a for a, _ in factor.powers]
    if any(planned.power(a) != total.power(a) + factor.power(a) for a in thinning) or not thinning:
        return False
    rest = planned.without(BATCHES)
    for atom in thinning:
        rest = rest.without(atom)
    return all(a.unit is Unit.NUMBER and p == 1 for a, p in rest.powers) and len(rest.powers) <= 1


def _multiplied(planned: Count, total: Count, pace: Pace) -> Divided | None:
    """An accumulation factor in the plan that nothing in the loop divides by (Accelerate without its context)."""
    ratio = planned.over(total)
    if pace.every or not _single(ratio):
        return None
    atom = next(iter(ratio.powers))[0]
    return next((d for d in (*pace.declared, *pace.optimizer) if d.count == Count.of(atom)), None)


def _single(count: Count) -> bool:
    return len(count.powers) == 1 and abs(count.scale - 1) < _NEARLY and next(iter(count.powers))[1] == 1


def _is_per_epoch_fault(planned: Count, total: Count) -> bool:
    """A plan with a loader's length in it, moved once an epoch."""
    if planned.power(BATCHES) < 1 or total.power(BATCHES):
        return False
    rest = planned.without(BATCHES)
    return all(a.unit is Unit.NUMBER for a, _ in rest.powers)


def _is_epochs(planned: Count, pace: Pace) -> bool:
    """A plan that is just the number of turns of the loops around the batch loop."""
    for epochs in pace.epochs:
        if not epochs.powers and abs(epochs.scale - 1) < _NEARLY:
            continue  # no loop around it was found
        if _settles(planned.over(epochs)):
            return True
    return False
