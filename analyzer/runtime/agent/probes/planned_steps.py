"""Whether schedulers are given the steps that they are planned for."""

from __future__ import annotations

from typing import Any, Mapping

from ..plans import Given, given, planned, schedulers
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._words import counted, short


class PlannedSteps(Probe):
    """A scheduler is given as many steps as it is planned for.

    What it measures
    ----------------
    The calls of ``scheduler.step()`` that there will be at the end of the training, over the planned number
    (``T_max``, ``total_steps``, ``num_training_steps``). The calls are counted in the run, and scaled up by the real
    length of the training loader and by the turns of the loops around it.

    Healthy
    -------
    About 1. Schedulers without an end (steps, plateaus, restarts) are not judged, and neither is a cosine that is
    moved once an epoch and turns several times: that may be meant.

    When it is not
    --------------
    Plan and steps are counted in different units: batches against optimizer steps, or epochs against batches.
    """

    name = "planned-steps"
    rules = ("scheduler-accumulation", "config-drift")
    unit = "steps given / steps planned"
    look_next = "Print the scheduler's planned length beside epochs * len(loader), and how often step() is called."

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """The scheduler that is furthest from its plan."""
        moved = schedulers(trace)
        if not moved:
            return not_seen("no learning-rate scheduler was moved" + _asked_for(trace))
        low, high = float(limits.get("min", 0.6)), float(limits.get("max", 1.5))
        readings = []
        for sched in moved:
            plan = planned(sched)
            if plan is None:
                continue
            will_be = given(trace, sched)
            if will_be is not None:
                readings.append(_judged(sched, plan[0], plan[1], will_be, low, high))
        if not readings:
            names = ", ".join(sorted({str(s["cls"]).rpartition(".")[2] for s in moved}))
            return not_seen(f"{names}: no planned length, or no loop that says how long the training is")
        return next((r for r in readings if r.status == "unhealthy"), readings[0])


def _judged(sched: Mapping[str, Any], name: str, length: float, will_be: Given, low: float, high: float) -> Reading:
    calls = will_be.nearest(length)
    share = calls / length
    cls = str(sched["cls"]).rpartition(".")[2]
    name = name if " " in name else f"`{name}`"
    why = f"{cls}: {name} = {length:,.0f}, and it will be given {counted(int(calls), 'step')} ({will_be})"
    turns = "T_max" in name and share > high and will_be.per == "epoch"
    if low <= share <= high or turns:
        return healthy(share, why)
    return unhealthy(share, f"{why}: {short(share)} of its plan, moved at {sched.get('at')}")


def _asked_for(trace: Any) -> str:
    steps = trace.steps
    return f"; {counted(steps, 'step')} taken" if steps else ""
