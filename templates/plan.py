"""The learning rate that a schedule still has in store when a run ends, and where training will end in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..analyzer.runtime.agent import plans
from ..analyzer.runtime.trace import Trace, number

_DRAWN = 64  # points of a drawn plan


@dataclass(frozen=True)
class Plan:
    """What is known of a schedule.

    Attributes:
        name: the argument that says its length, such as ``T_max``.
        planned: the calls of ``scheduler.step()`` that it plans for.
        calls: those that the run made.
        given: those that the whole training will make; None where the trace does not show it.
        how: where these come from, in words.
        is_by_step: whether it moves with each optimizer step, so that its calls are places on the axis of steps.
        rest: step and learning rate from the run's end on, where the schedule's formula is known; else empty.
    """

    name: str
    planned: int
    calls: int
    given: int | None = None
    how: str = ""
    is_by_step: bool = False
    rest: tuple[tuple[float, float], ...] = ()

    def __str__(self) -> str:
        told = f"{self.name} = {self.planned}"
        if self.given is None:
            return f"{told}, {self.calls} {'call' if self.calls == 1 else 'calls'} made by the run"
        return f"{told}, and training will give it {self.given} ({self.how})"


def planned(trace: Trace, rates: Sequence[tuple[int, float]]) -> Plan | None:
    """The plan of a run's schedule, carried on from where the run stopped.

    Only a ``CosineAnnealingLR`` is drawn further: its formula needs nothing but the rate that was seen.
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html

    Args:
        trace: the run's.
        rates: optimizer step and learning rate of one parameter group, in order.

    Returns:
        None where the trace names no schedule with an end, several of them, or one that was never moved.
    """
    moved = plans.schedulers(trace)
    if len(moved) != 1 or not rates:
        return None
    event = moved[0]
    length = plans.planned(event)
    if length is None:
        return None
    name, total, calls = length[0].replace("`", ""), int(length[1]), int(event["calls"])
    will_be = plans.given(trace, event)
    given, how = (round(will_be.nearest(total)), str(will_be)) if will_be is not None else (None, "")
    # Passes over a loader may be cut short, so that steps say nothing of epochs; a run may end before its last call.
    skipped = sum(bool(e.get("skipped")) for e in trace.events("step"))
    if calls < rates[-1][0] - 1 - skipped:
        return Plan(name, total, calls, given, how)
    is_cosine = str(event.get("cls")).endswith(".CosineAnnealingLR")
    rest = _cosine(rates, number((event.get("plan") or {}).get("eta_min")) or 0.0, total) if is_cosine else ()
    return Plan(name, total, calls, given, how, True, rest)


def _cosine(rates: Sequence[tuple[int, float]], low: float, total: int) -> tuple[tuple[float, float], ...]:
    """The rest of a cosine; nothing where the rates seen so far do not follow it (a warm-up, a second schedule)."""
    peak = rates[0][1]

    def at(step: float) -> float:
        # The step event holds the rate that was used, which the scheduler moved after the step before.
        return low + (peak - low) * (1 + math.cos(math.pi * min(step - 1, total) / total)) / 2

    first, last = rates[0][0], rates[-1][0]
    if first != 1 or last >= total or any(abs(at(step) - rate) > 0.02 * abs(peak - low) for step, rate in rates):
        return ()
    return tuple((s, at(s)) for s in (last + (total + 1 - last) * i / _DRAWN for i in range(_DRAWN + 1)))
