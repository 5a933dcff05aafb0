"""Before and after over the steps of a training, read from the traces: for the report and for TensorBoard."""

from __future__ import annotations

import importlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..analyzer.runtime.results import Run, VerifyResult
from ..analyzer.runtime.trace import Event, Trace, number
from .plan import Plan, planned

_PARTS = {
    "data": "Waiting for data",
    "forward": "Forward and the rest",
    "backward": "Backward",
    "optimizer": "Optimizer",
}
_SUFFIX = ".mlfix"
_NORMS, _TERMS = "gradient-norm", "loss-terms"


Named = tuple[Event, str, float]
"""An event, the name of what it measures, and the value."""


class TensorBoardMissing(ImportError):
    """The library that writes TensorBoard's files is not installed."""


class Point(NamedTuple):
    """A value at an optimizer step (a backward call where nothing steps), ``seconds`` after the start."""

    step: int
    value: float
    seconds: float


@dataclass(frozen=True)
class Line:
    """One run's values of a curve, by step. ``tree`` and ``seed`` are the run's."""

    tree: str
    seed: int
    points: tuple[Point, ...]
    plan: Plan | None = None


@dataclass(frozen=True)
class Curve:
    """One quantity over the steps, in every run that shows it.

    ``key`` names it for TensorBoard (``gradient-norm/encoder``), ``title`` for people; ``x`` is what is counted.
    """

    key: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    x: str = "optimizer step"


@dataclass(frozen=True)
class Group:
    """Curves that are looked at together. ``about`` is one sentence on how to read them."""

    key: str
    title: str
    about: str
    curves: tuple[Curve, ...]


def curves(runs: Sequence[Run]) -> list[Group]:
    """Everything that the traces of some runs show over their steps; groups without a point are left out.

    Args:
        runs: of both trees, or of one; those that never trained add nothing.
    """
    runs = [r for r in runs if r.trace.main is not None]
    x = "optimizer step" if any(r.trace.steps for r in runs) else "backward call"
    rates = _rates(runs, x)
    is_carried_on = any(line.plan is not None and line.plan.rest for curve in rates for line in curve.lines)
    groups = [
        Group("loss", "Loss", "The mean of each step that was looked at. Shown, never the judge.", _loss(runs, x)),
        Group(
            "learning-rate",
            "Learning rate",
            "What the optimizer was given." + " Dotted is the rest of the schedule's plan." * is_carried_on,
            rates,
        ),
        Group(
            _NORMS,
            "Gradient norms by module",
            "L2 norm of each module's gradient, before clipping for all together. At 0 a module does not learn.",
            _named(runs, x, _NORMS, _norms),
        ),
        Group(
            _TERMS,
            "Loss terms",
            "What each summand adds to the loss, its weight included.",
            _named(runs, x, _TERMS, _terms(runs)),
        ),
        Group("throughput", "Throughput", "Wall clock of one step and of its parts.", _times(runs, x)),
    ]
    return [g for g in groups if g.curves]


def write_tensorboard(result: VerifyResult, directory: Path) -> None:
    """Write every run's curves as TensorBoard event files, one folder a run: ``as-is/seed-0``, ``fixed/RULE/seed-0``.

    Files of an earlier call in the same folders are replaced.

    Args:
        result: what verify or probe found.
        directory: TensorBoard's ``--logdir``; made where it is missing.

    Raises:
        TensorBoardMissing: the optional dependency is not installed; the message says how to get it.
        OSError: the folder cannot be written.
    """
    try:
        writer_class = importlib.import_module("tensorboardX").SummaryWriter
    except ImportError as error:
        raise TensorBoardMissing(
            "TensorBoard files need tensorboardX, which is not installed: pip install 'mlfix-torch[tensorboard]'"
        ) from error
    for run in result.runs:
        found = [curve for group in curves([run]) for curve in group.curves]
        if not found:
            continue
        folder = directory / _folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"events.out.tfevents.*{_SUFFIX}"):  # TensorBoard would show both results as one
            old.unlink()
        writer = writer_class(logdir=str(folder), filename_suffix=_SUFFIX)
        try:
            for curve in found:
                for point in curve.lines[0].points:
                    writer.add_scalar(_tag(curve.key), point.value, point.step, walltime=point.seconds)
        finally:
            writer.close()


def _folder(run: Run) -> Path:
    seed = f"seed-{run.seed}{'-again' if run.repeat else ''}"
    return (
        Path(run.tree, _tag(run.rule).replace("/", "_").lstrip(".") or "_", seed) if run.rule else Path(run.tree, seed)
    )


def _tag(text: str) -> str:
    """A name that TensorBoard takes as it is, and that is no way out of the folder."""
    return re.sub(r"[^-./\w]", "_", text, flags=re.ASCII) or "_"


def _loss(runs: Sequence[Run], x: str) -> tuple[Curve, ...]:
    lines = []
    for run in runs:
        by_step: dict[int, list[tuple[float, float]]] = {}
        for event in run.trace.events("loss"):
            value = number(event.get("v"))
            if value is not None:
                by_step.setdefault(_under_way(event, x), []).append((value, _seconds(event)))
        points = [Point(s, sum(v for v, _ in at) / len(at), at[-1][1]) for s, at in sorted(by_step.items())]
        lines.append(Line(run.tree, run.seed, tuple(points)))
    return _made(Curve("loss", "Loss", "", tuple(lines), x))


def _rates(runs: Sequence[Run], x: str) -> tuple[Curve, ...]:
    """A curve a parameter group; groups whose rate is the same throughout share one."""
    by_group: dict[tuple[int, int], list[Line]] = {}
    for run in runs:
        rates: dict[tuple[int, int], list[Point]] = {}
        for optimizer, event in _steps(run.trace):
            for group, rate in enumerate(event.get("lr") or ()):
                value = number(rate)
                if value is not None:
                    rates.setdefault((optimizer, group), []).append(Point(_taken(event), value, _seconds(event)))
        seen: set[tuple[Point, ...]] = set()
        for key, points in rates.items():
            if tuple(points) not in seen:
                seen.add(tuple(points))
                plan = planned(run.trace, [(p.step, p.value) for p in points])
                by_group.setdefault(key, []).append(Line(run.tree, run.seed, tuple(points), plan))
    several = len(by_group) > 1
    made = []
    for (optimizer, group), lines in sorted(by_group.items()):
        title = f"Group {group + 1}" if several else "Learning rate"
        if len({o for o, _ in by_group}) > 1:
            title = f"Optimizer {optimizer + 1}, group {group + 1}"
        key = f"learning-rate/{optimizer}-{group}" if several else "learning-rate"
        made += _made(Curve(key, title, "", tuple(lines), x))
    return tuple(made)


def _named(runs: Sequence[Run], x: str, kind: str, read: Callable[[Run], Iterable[Named]]) -> tuple[Curve, ...]:
    """A curve a name that a probe's events hold, in the order in which the names come up."""
    by_name: dict[str, list[Line]] = {}
    for run in runs:
        points: dict[str, dict[int, Point]] = {}
        for event, name, value in read(run):
            step = _under_way(event, x)
            points.setdefault(name, {})[step] = Point(step, value, _seconds(event))
        for name, at in points.items():
            by_name.setdefault(name, []).append(Line(run.tree, run.seed, tuple(at[s] for s in sorted(at))))
    return tuple(
        c for name, lines in by_name.items() for c in _made(Curve(f"{kind}/{name}", name, "", tuple(lines), x))
    )


def _times(runs: Sequence[Run], x: str) -> tuple[Curve, ...]:
    made = []
    for key, title in {"dt": "Whole step", **_PARTS}.items():
        lines = []
        for run in runs:
            points = [
                Point(_taken(event), 1000 * value, _seconds(event))
                for _, event in _steps(run.trace)
                if (value := number(event.get(key))) is not None
            ]
            lines.append(Line(run.tree, run.seed, tuple(points)))
        made += _made(Curve(f"throughput/{'step' if key == 'dt' else key}", title, "ms", tuple(lines), x))
    return tuple(made)


def _made(curve: Curve) -> tuple[Curve, ...]:
    """The curve without empty lines; none where nothing is left of it."""
    lines = tuple(line for line in curve.lines if line.points)
    return (Curve(curve.key, curve.title, curve.unit, lines, curve.x),) if lines else ()


def _steps(trace: Trace) -> Iterator[tuple[int, Event]]:
    """The optimizer steps, each with the place of its optimizer in the order of their first steps."""
    order: dict[object, int] = {}
    for event in trace.events("step"):
        yield order.setdefault(event.get("opt"), len(order)), event


def _under_way(event: Event, x: str) -> int:
    """The step (or backward call) in which an event was written: events count those that are finished."""
    return int((event.get("s") if x == "optimizer step" else event.get("m")) or 0) + 1


def _taken(event: Event) -> int:
    """Which step of its optimizer an event stands for; one that AMP skipped stands where it would have been."""
    return int(event.get("taken") or 0) + bool(event.get("skipped"))


def _seconds(event: Event) -> float:
    value = number(event.get("t"))
    return value if value is not None and math.isfinite(value) else 0.0


def _terms(runs: Sequence[Run]) -> Callable[[Run], Iterator[Named]]:
    """Reads what each summand adds to the loss: its value with its factor.

    The graph knows no names: a term that a loop adds up appears as its items, under the name of the sum. They are put
    together, by the function that they come from, under the name that this has where it is one term (in the other
    tree, mostly). Constants that are written in the code are no terms.
    """
    named: dict[str, set[str]] = {}
    for event in (e for run in runs for e in run.trace.events("loss-terms")):
        rows = _rows(event)
        often = Counter(name for name, *_ in rows)
        for name, function, _ in rows:
            if often[name] == 1 and function:
                named.setdefault(function, set()).add(name)

    def read(run: Run) -> Iterator[Named]:
        for event in run.trace.events("loss-terms"):
            rows = _rows(event)
            often = Counter(name for name, *_ in rows)
            sums: dict[str, float] = {}
            for name, function, value in rows:
                if often[name] > 1 and function:
                    known = named.get(function, set())
                    name = next(iter(known)) if len(known) == 1 else f"{name} in {function}"
                sums[name] = sums.get(name, 0.0) + value
            yield from ((event, name, value) for name, value in sums.items())

    return read


def _rows(event: Event) -> list[tuple[str, str, float]]:
    """Name, function and contribution of each term in one event."""
    found = []
    for place, term in enumerate(event.get("terms") or ()):
        value = number(term.get("v")) if isinstance(term, dict) and term.get("kind") != "number" else None
        if value is not None:
            factor = number(term.get("coefficient"))
            function = str(term.get("at") or "").partition(" ")[2]
            found.append(
                (str(term.get("name") or f"term {place + 1}"), function, value * (1.0 if factor is None else factor))
            )
    return found


def _norms(run: Run) -> Iterator[Named]:
    """The norm of each module's gradient, and of all: what ``gradient`` events hold, whose modules are named once."""
    names = {e.get("opt"): e.get("names") or [] for e in run.trace.events("gradient-modules")}
    several = len({e.get("opt") for e in run.trace.events("gradient")}) > 1
    for event in run.trace.events("gradient"):
        whole = number(event.get("before") if event.get("before") is not None else event.get("norm"))
        if whole is not None:
            yield event, f"all of optimizer {int(event.get('opt') or 0) + 1}" if several else "all", whole
        for name, value in zip(names.get(event.get("opt"), ()), event.get("modules") or (), strict=False):
            norm = number(value)
            if norm is not None:
                yield event, str(name), norm
