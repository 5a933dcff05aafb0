"""Whether every group has a learning rate, and where its schedule ends."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..plans import Given, given, planned, schedulers
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._words import counted, number, short


class LearningRate(Probe):
    """The learning rate of each group is above 0 and follows its plan to the end.

    What it measures
    ----------------
    The rates at every optimizer step, and for schedulers with a plan the rate at the end of the training: the calls
    that there will be (see ``planned-steps``) put into the schedule's formula.

    Healthy
    -------
    Above 0 in each group (a warm-up may start at 0), and at the end near the rate with which the plan ends.

    When it is not
    --------------
    A scheduler that gets a part of its steps never lowers the rate; one that gets too many has it at its floor, or
    swinging, for most of the training.
    """

    name = "learning-rate"
    rules = ("scheduler-accumulation", "scheduler-before-optimizer", "learning-rate")
    unit = "learning rate at the end / highest"
    look_next = "Plot the rate at every optimizer step over the whole planned training."

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """Rates of 0 first, then the schedules."""
        by_optimizer: Dict[int, List[List[Optional[float]]]] = {}
        for event in trace.events("step"):
            by_optimizer.setdefault(event.get("opt", 0), []).append([number(v) for v in event.get("lr") or [None]])
        if not by_optimizer:
            return not_seen("no optimizer stepped")
        least = int(limits.get("minimum_steps", 3))
        for opt, rows in by_optimizer.items():
            wrong = _wrong_group(rows, least)
            if wrong is not None:
                which = f" of optimizer {opt + 1}" if len(by_optimizer) > 1 else ""
                return unhealthy(
                    0.0, f"the learning rate of group {wrong[0]}{which} is {wrong[1]} at {counted(len(rows), 'step')}"
                )
        found: List[Reading] = []
        for sched in schedulers(trace):
            opt = sched.get("opt")
            frozen = _frozen(sched, by_optimizer[opt]) if opt in by_optimizer else ""
            if frozen:
                return unhealthy(1.0, frozen)
            will_be = given(trace, sched)
            reading = None if will_be is None else self._at_the_end(sched, will_be, limits)
            if reading is not None:
                found.append(reading)
        rows = max(by_optimizer.values(), key=len)
        last, top = rows[-1][0] or 0.0, max(row[0] or 0.0 for row in rows)
        if found:
            return next((r for r in found if r.status == "unhealthy"), found[0])
        steps = counted(len(rows), "step")
        return healthy(
            last / top if top else 0.0, f"the learning rate is {short(last)} after {steps}, at most {short(top)}"
        )

    def _at_the_end(self, sched: Mapping[str, Any], will_be: Given, limits: Mapping[str, Any]) -> Optional[Reading]:
        """The rate at the end of the training against the rate at the end of the plan, both as shares of the base."""
        cls = str(sched["cls"]).rpartition(".")[2]
        plan = planned(sched)
        if plan is None:
            return self._decay(cls, sched, will_be, limits)
        calls = will_be.nearest(plan[1])
        progress = calls / plan[1]
        is_cosine = "T_max" in plan[0]
        left = (1 + math.cos(math.pi * progress)) / 2 if is_cosine else max(0.0, 1 - progress)
        why = f"{cls} will be at {left:.0%} of its rate after {counted(int(calls), 'step')} of {plan[1]:,.0f} planned"
        if progress > float(limits.get("max_progress", 1.5)):
            if is_cosine and will_be.per == "epoch":
                return healthy(left, why)
            return unhealthy(left, f"{cls} has come to its end after {1 / progress:.1%} of the training ({will_be})")
        if progress < 1 and left > float(limits.get("max_left", 0.25)):
            return unhealthy(left, f"{why} ({will_be})")
        return healthy(left, why)

    def _decay(
        self, cls: str, sched: Mapping[str, Any], will_be: Given, limits: Mapping[str, Any]
    ) -> Optional[Reading]:
        plan = sched.get("plan") or {}
        gamma, size = number(plan.get("gamma")), number(plan.get("step_size")) or 1.0
        if cls not in ("StepLR", "ExponentialLR") or gamma is None or not 0 < gamma < 1:
            return None
        halfway = gamma ** (will_be.low / 2 // size)
        if halfway < float(limits.get("min_halfway", 1e-5)):
            return unhealthy(
                halfway,
                f"{cls} brings the rate down to {short(halfway)} of its start by half of the training ({will_be})",
            )
        return healthy(halfway, f"{cls} keeps {short(halfway)} of the rate by half of the training ({will_be})")


def _wrong_group(rows: List[List[Optional[float]]], least: int) -> Optional[Tuple[int, str]]:
    """A group whose rate is no number or below 0 once, or 0 all the time."""
    for place, column in enumerate(zip(*rows)):
        values = [v for v in column if v is not None]
        broken = next((v for v in values if not math.isfinite(v) or v < 0), None)
        if broken is not None:
            return place, str(broken)
        if len(values) >= least and max(values) == 0.0:
            return place, "0"
    return None


def _frozen(sched: Mapping[str, Any], rows: List[List[Optional[float]]]) -> str:
    """Why a scheduler that is moved has no effect; empty where it has one, or may not have it yet."""
    plan, calls = planned(sched), int(sched["calls"])
    if plan is None or calls < 3 or plan[1] > 1000 * calls or len(rows) < calls:
        return ""
    if any(row != rows[0] for row in rows):
        return ""
    cls = str(sched["cls"]).rpartition(".")[2]
    return f"{cls} was moved {calls} times, and the learning rate stays at {rows[0][0]}"
