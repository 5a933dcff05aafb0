"""Whether schedulers are given the steps that they are planned for, and the training those that its loop asks for."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ..endings import ending
from ..plans import Given, given, planned, schedulers
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._words import counted, short


class PlannedSteps(Probe):
    """A scheduler is given as many steps as it is planned for, and the training as many as its loop asks for.

    What it measures
    ----------------
    The calls of ``scheduler.step()`` that there will be at the end of the training, over the planned number
    (``T_max``, ``total_steps``, ``num_training_steps``). The calls are counted in the run, and scaled up by the real
    length of the training loader and by the turns of the loops around it.

    Without such a scheduler, in a run that goes to its own end: the passes over the training loader, the last one by
    the share of its batches, over the turns of the epochs' loop. Run the program whole to see that: ``mlfix probe``
    with more ``--steps`` than it takes and ``--epochs-cut 0``.

    Healthy
    -------
    About 1. Schedulers without an end (steps, plateaus, restarts) are not judged, and neither is a cosine that is
    moved once an epoch and turns several times: that may be meant. A training that ends early at the end of a pass is
    not judged either (early stopping), nor are passes that are all left after as many batches (a part of the data).

    When it is not
    --------------
    Plan and steps are counted in different units: batches against optimizer steps, or epochs against batches. A
    training that leaves its last pass in the middle, with epochs to come, has met another bound than the one asked for:
    a limit of steps or of time, of its own or from a configuration that is not the expected one.
    """

    name = "planned-steps"
    rules = ("scheduler-accumulation", "config-drift")
    unit = "steps given / steps planned"
    look_next = "Print the scheduler's planned length beside epochs * len(loader), and how often step() is called."

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """The scheduler that is furthest from its plan."""
        moved = schedulers(trace)
        low, high = float(limits.get("min", 0.6)), float(limits.get("max", 1.5))
        if not moved:
            return _ended(trace, low) or not_seen("no learning-rate scheduler was moved" + _taken(trace))
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
            why = f"{names}: no planned length, or no loop that says how long the training is"
            return _ended(trace, low) or not_seen(why)
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


def _taken(trace: Any) -> str:
    steps = trace.steps
    return f"; {counted(steps, 'step')} taken" if steps else ""


def _ended(trace: Any, low: float) -> Optional[Reading]:
    """Whether the training took the epochs that its loop asks for; None where that is not seen."""
    end = ending(trace)
    if end is None:
        return None
    asked = f"{end.at} asks for {end.asked} epochs of {end.length} batches"
    steps = counted(trace.steps, "step")
    if end.is_early:
        left = f"epoch {end.begun} was left at batch {end.batches}"
        why = (
            f"{asked}, and the training ended by itself after {steps}: {left}, {short(end.share)} of what was asked for"
        )
        return (unhealthy if end.share < low else healthy)(end.share, why)
    rest = " of a part of them each" if end.is_sampled else ""
    return healthy(end.share, f"{asked}; there were {end.begun}{rest}, with {steps}")
