"""How long a scheduler is planned, and how many steps it will be given by the end of the training."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Optional, Tuple

_LENGTHS = (
    "T_max", "total_steps", "num_training_steps", "max_steps", "t_total", "total_iters", "max_iters", "num_steps",
    "n_steps", "total_step", "total",
)  # fmt: skip
_NO_PLAN = ("LinearLR", "ConstantLR", "CosineAnnealingWarmRestarts", "ReduceLROnPlateau")


class Given:
    """The calls of ``step()`` that a scheduler will have got at the end.

    Attributes:
        low, high: between these, by whether the batches left over at the end of an epoch make a step.
        epochs: passes over the training loader; None where the loop has none.
        per: ``epoch``, ``step`` (calls within a pass) or ``run`` (the run went to its end, nothing is extrapolated).
        every: batches between two calls, for ``step``.
        length: batches in a pass, where known.
    """

    def __init__(
        self, low: float, high: float, per: str, epochs: Optional[int] = None, every: float = 1.0, length: int = 0
    ) -> None:
        self.low = low
        self.high = high
        self.per = per
        self.epochs = epochs
        self.every = every
        self.length = length

    def nearest(self, plan: float) -> float:
        """The number of calls nearest to a plan."""
        return min(max(plan, self.low), self.high)

    def __str__(self) -> str:
        if self.per == "epoch":
            return f"one in each of {self.epochs} epochs"
        if self.per == "run" or not self.epochs or not self.length:
            return "over the whole run"
        batches = f"every {self.every:g} batches" if self.every != 1 else "every batch"
        return f"{batches}, {self.epochs} epochs of {self.length}"


def schedulers(trace: Any) -> List[Dict[str, Any]]:
    """The last word on each scheduler that was moved at least once."""
    latest = {e["sched"]: e for e in trace.events("sched")}
    return [e for e in latest.values() if e.get("calls")]


def planned(sched: Mapping[str, Any]) -> Optional[Tuple[str, float]]:
    """The name and the number of a scheduler's planned calls; None where it has no end."""
    return _length(str(sched.get("cls", "")).rpartition(".")[2], sched.get("plan") or {})


def _length(cls: str, plan: Mapping[str, Any]) -> Optional[Tuple[str, float]]:
    inner = plan.get("inner")
    if inner:
        lengths = [_length(str(i.get("cls")), i) for i in inner]
        milestones = plan.get("milestones")
        if milestones:  # one after the other
            last = lengths[-1]
            return None if last is None else (f"the last milestone + `{last[0]}`", milestones[-1] + last[1])
        known = [found for found in lengths if found is not None]
        return max(known, key=lambda found: found[1]) if known else None
    if cls in _NO_PLAN:
        return None
    for name in _LENGTHS:
        value = plan.get(name)
        if isinstance(value, (int, float)) and value > 1:
            return name, float(value)
    return None


def given(trace: Any, sched: Mapping[str, Any]) -> Optional[Given]:
    """What a scheduler will be given; None where the trace does not show it."""
    passes = [e for e in trace.events("epoch") if e.get("role") == "train"]
    is_finished = (trace.last("stop") or {}).get("why") == "finished"
    if is_finished and not any(e.get("cut") for e in passes) and not trace.events("replay"):
        return Given(sched["calls"], sched["calls"], "run")
    loops = _own_loops(sched)
    place = loader_loop(loops, bool(passes))
    outer = loops[place + 1 :] if place is not None else loops
    epochs = _product(outer)
    if place is None and not loops:
        return None
    if place is None:
        return _without_loader(trace, sched, loops, epochs)
    if epochs is None and is_finished:
        epochs = len(passes)
    when = sched.get("when") or []
    loader = when[0][0] if when else None
    length = next((e["length"] for e in passes if e["loader"] == loader and e.get("length")), None)
    every = _every(trace, sched)
    if epochs is None or length is None or every is None:
        return None
    low, high = max(1.0, length // every), float(math.ceil(length / every))
    return Given(epochs * low, epochs * high, "step", epochs, every, length)


def ratio(trace: Any, sched: Mapping[str, Any]) -> Optional[float]:
    """Steps given over steps planned, of one scheduler; None where the trace does not show it."""
    plan, will_be = planned(sched), given(trace, sched)
    return None if plan is None or will_be is None else will_be.nearest(plan[1]) / plan[1]


def _without_loader(
    trace: Any, sched: Mapping[str, Any], loops: List[Mapping[str, Any]], turns: Optional[int]
) -> Optional[Given]:
    """Not inside of a loop over a loader: once an epoch, or in a loop that counts its own steps."""
    if turns is None:
        return None
    when = sched.get("when") or []
    visits = [tuple(w[:2]) for w in when]
    is_within = len(set(visits)) < len(visits) or any(not w[3] for w in when)
    if when and not is_within:
        return Given(turns, turns, "epoch", turns)
    if not any(loop.get("guarded") for loop in loops):
        return Given(turns, turns, "step" if when else "run")
    every = _every(trace, sched)
    if every is None:
        return None
    return Given(turns // every, math.ceil(turns / every), "step", every=every)


def _own_loops(sched: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """Without loops in which the scheduler itself is made anew (folds, trials)."""
    made = [site.partition(" ")[0].rpartition(":") for site in sched.get("made") or []]
    return [
        loop
        for loop in sched.get("loops") or []
        if not any(path == loop["path"] and loop["first"] <= int(line) <= loop["last"] for path, _, line in made)
    ]


def loader_loop(loops: List[Mapping[str, Any]], has_passes: bool) -> Optional[int]:
    """The place of the loop over the training loader; a loop over something unknown is taken for it if it is alone."""
    certain = [i for i, loop in enumerate(loops) if loop["kind"] == "loader"]
    if certain:
        return certain[0]
    unknown = [i for i, loop in enumerate(loops) if loop["kind"] == "other"]
    return unknown[0] if has_passes and len(unknown) == 1 else None


def _product(loops: List[Mapping[str, Any]]) -> Optional[int]:
    if not loops or any(loop["count"] is None for loop in loops):
        return None
    return math.prod(int(loop["count"]) for loop in loops)


def _every(trace: Any, sched: Mapping[str, Any]) -> Optional[float]:
    """Batches from one call to the next, within a pass; else backward passes from one step to the next."""
    when = sched.get("when") or []
    gaps = [when[i][2] - when[i - 1][2] for i in range(1, len(when)) if when[i][:2] == when[i - 1][:2]]
    if gaps:
        common = max(set(gaps), key=gaps.count)
        return float(common) if common else len([g for g in gaps if g]) / len(gaps) or None
    steps = [e for e in trace.events("step") if e.get("opt") == sched.get("opt")]
    gaps = [steps[i]["m"] - steps[i - 1]["m"] for i in range(1, len(steps))]
    if gaps and abs(len(steps) - int(sched["calls"])) <= 1:
        return float(max(set(gaps), key=gaps.count)) or None
    return None
