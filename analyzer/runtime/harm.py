"""What a fix must not bring: failures, numbers that are none, probes that were healthy, unexplained costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

from .results import HEALTHY, UNHEALTHY, Outcome, Run
from .trace import number

# These inform; a healthy program may show anything in a few steps (runtime facts 7 and 10).
INFORMING = frozenset({"gradient-norm", "train-loss", "throughput", "memory", "baseline", "embedding"})
_TOO_MUCH = 2.0  # times the highest as is


def harms(as_is: Sequence[Run], fixed: Sequence[Run]) -> list[str]:
    """Each harm in a sentence; the worst first."""
    return [
        *_failures(as_is, fixed),
        *_not_finite(as_is, fixed),
        *_newly_unhealthy(as_is, fixed),
        *_costs(as_is, fixed),
    ]


def _failures(as_is: Sequence[Run], fixed: Sequence[Run]) -> list[str]:
    ran = {r.seed for r in as_is if r.ran}
    failed = [r for r in fixed if not r.ran and r.seed in ran]
    return [f"with the fix the command fails: {cause_of(failed[0])}"] if failed else []


def cause_of(run: Run) -> str:
    """Why a run did not train: cause, phase and frame in one clause."""
    where = f" at {run.frame}" if run.frame else ""
    return f"{run.cause} (phase {run.phase or 'unknown'}{where})"


def first_not_finite(run: Run) -> int | None:
    """The step of the first loss that is NaN or infinite."""
    return next((step for step, value in run.trace.losses if not math.isfinite(value)), None)


def _not_finite(as_is: Sequence[Run], fixed: Sequence[Run]) -> list[str]:
    if any(first_not_finite(r) is not None for r in as_is):
        return []
    for run in fixed:
        step = first_not_finite(run)
        if step is not None:
            return [f"with the fix the loss is no finite number from step {step} on (seed {run.seed})"]
    return []


def _newly_unhealthy(as_is: Sequence[Run], fixed: Sequence[Run]) -> list[str]:
    """Probes that are healthy in every run as is, and unhealthy in most with the fix."""
    found = []
    ran = [r for r in fixed if r.ran]
    before = [r for r in as_is if r.ran]
    for reading in ran[0].readings if ran else ():
        if reading.probe in INFORMING or not before:
            continue
        were = {r.status for run in before if (r := run.reading(reading.probe)) is not None}
        bad = [r for run in ran if (r := run.reading(reading.probe)) is not None and r.status == UNHEALTHY]
        if were == {HEALTHY} and 2 * len(bad) > len(ran):
            found.append(f"{reading.probe} was healthy and no longer is: {bad[0].why}")
    return found


def _costs(as_is: Sequence[Run], fixed: Sequence[Run]) -> list[str]:
    """Time or memory beyond what A/A explains, where the model has not grown."""
    if _parameters(as_is) != _parameters(fixed):
        return []
    return [
        f"{o.name} rises from at most {max(o.before):.3g} to at least {min(o.after):.3g} {o.unit}".rstrip()
        for o in costs(as_is, fixed)
        if len(o.before) > 2 and len(o.after) > 2 and min(o.after) > _TOO_MUCH * max(o.before)
    ]


def _parameters(runs: Sequence[Run]) -> set[object]:
    return {e.get("params") for r in runs if r.ran for e in r.trace.events("model")}


def outcomes(as_is: Sequence[Run], fixed: Sequence[Run], same_loss: bool = True) -> tuple[Outcome, ...]:
    """Losses and costs by seed, before and after; no loss is better than one that is computed otherwise."""
    loss = _outcome("training loss", as_is, fixed, _late_loss, "lower" if same_loss else "", "")
    return tuple(o for o in (loss, *costs(as_is, fixed)) if o is not None)


def costs(as_is: Sequence[Run], fixed: Sequence[Run]) -> list[Outcome]:
    """Seconds a step, and memory where it was measured."""
    found = (
        _outcome("seconds per step", as_is, fixed, _pace, "lower", "s"),
        _outcome("peak memory", as_is, fixed, _memory, "lower", _memory_unit(as_is)),
    )
    return [o for o in found if o is not None]


def _outcome(
    name: str,
    as_is: Sequence[Run],
    fixed: Sequence[Run],
    measure: Callable[[Run], float | None],
    better: str,
    unit: str,
) -> Outcome | None:
    before = [v for r in as_is if r.ran and (v := measure(r)) is not None]
    after = [v for r in fixed if r.ran and (v := measure(r)) is not None]
    return Outcome(name, tuple(before), tuple(after), better, unit) if before and after else None


def _late_loss(run: Run) -> float | None:
    """The mean of the last quarter of the recorded losses."""
    values = [v for _, v in run.trace.losses]
    late = values[-max(1, len(values) // 4) :]
    return sum(late) / len(late) if late else None


def _pace(run: Run) -> float | None:
    steps = run.trace.events("step")[1:]
    # Steps in which single functions are watched are slow by our doing.
    own = [e for e in steps if not e.get("watched")] or steps
    times = [dt for e in own if (dt := number(e.get("dt"))) is not None]
    return median(times) if times else None


def _memory(run: Run) -> float | None:
    reading = run.reading("memory")
    return float(reading.value) if reading is not None and isinstance(reading.value, (int, float)) else None


def _memory_unit(runs: Sequence[Run]) -> str:
    return next((r.unit for run in runs if (r := run.reading("memory")) is not None), "")
