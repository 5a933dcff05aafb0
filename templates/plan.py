"""The learning rate that a schedule still has in store when a run ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..analyzer.runtime.trace import Event, Trace, number

_ENDS = ("T_max", "total_steps", "total_iters")
_DRAWN = 64  # points of a drawn plan


@dataclass(frozen=True)
class Plan:
    """What is known of a schedule.

    Attributes:
        end: the optimizer step at which it is through; None where it does not move with each optimizer step, because
            passes over a loader may be cut short, so that steps say nothing of epochs.
        calls: ``scheduler.step()`` calls that the run made.
        planned: calls that it plans for.
        name: the argument that says so, such as ``T_max``.
        rest: step and learning rate from the run's end on, where the schedule's formula is known; else empty.
    """

    end: float | None
    calls: int
    planned: int
    name: str
    rest: tuple[tuple[float, float], ...] = ()


def planned(trace: Trace, rates: Sequence[tuple[int, float]]) -> Plan | None:
    """The plan of a run's schedule, carried on from where the run stopped.

    Only a ``CosineAnnealingLR`` is drawn further: its formula needs nothing but the rate that was
    seen. https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html

    Args:
        trace: the run's.
        rates: optimizer step and learning rate of one parameter group, in order.

    Returns:
        None where the trace names no schedule with an end, several of them, or one that was never moved.
    """
    latest: dict[object, Event] = {e.get("sched"): e for e in trace.events("sched")}
    if len(latest) != 1 or not rates:
        return None
    event = next(iter(latest.values()))
    said = event.get("plan")
    if not isinstance(said, dict):
        return None
    name = next((n for n in _ENDS if math.isfinite(number(said.get(n)) or math.nan)), None)
    calls = int(event.get("calls") or 0)
    if name is None or calls <= 0:
        return None
    total = int(said[name])
    if total <= 0:
        return None
    last = rates[-1][0]
    if calls < last - 1 - sum(bool(e.get("skipped")) for e in trace.events("step")):  # the run may end before the last
        return Plan(None, calls, total, name)
    is_cosine = str(event.get("cls")).endswith(".CosineAnnealingLR")
    return Plan(
        total, calls, total, name, _cosine(rates, number(said.get("eta_min")) or 0.0, total) if is_cosine else ()
    )


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
