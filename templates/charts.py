"""Curves as drawings: scales, ticks, and paths of an SVG. Labels are HTML, so that text keeps its size on any screen.

The drawing area is 1000 by 1000 units and is stretched to the place it gets (``preserveAspectRatio="none"``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ..analyzer.runtime.results import AS_IS, FIXED
from .curves import Curve, Line
from .plan import Plan
from .text import middle, scientific, shown

_SIZE = 1000.0
_MOST_POINTS = 160
_SMALL = 0.01  # an axis that ends below has its labels in powers of ten
_PAD = 0.03  # of the height above and below, so that a line at 0 does not lie on the axis
_LOG_FROM = 30.0  # ratio of largest to smallest from which a linear scale hides the small ones
NAMES = {AS_IS: "as is", FIXED: "with the fix"}
_Plans = dict[str, Plan]


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis, in percent from the left or the bottom."""

    at: float
    label: str


@dataclass(frozen=True)
class Stroke:
    """What is drawn of one tree: the median's path, the range over seeds, the plan, and where it stops being finite."""

    tree: str
    path: str
    band: str = ""
    plan: str = ""


@dataclass(frozen=True)
class Mark:
    """A vertical line with a word: where a value stops being finite, where a plan ends. ``at`` in percent."""

    at: float
    label: str
    tree: str


@dataclass(frozen=True)
class Chart:
    """One curve, ready for the template.

    ``is_same``: both trees have equal values. ``plans`` describes each tree's schedule, ``summary`` says in words what
    the lines show. ``data`` is JSON for the hover: ``{"x": [...], "at": [percent], "rows": [{"tree", "name",
    "text": [...], "y": [percent]}]}``.
    """

    title: str
    unit: str
    x: str
    log: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    strokes: tuple[Stroke, ...]
    marks: tuple[Mark, ...]
    plans: tuple[tuple[str, str], ...]
    is_same: bool
    summary: str
    data: str


@dataclass(frozen=True)
class _Row:
    """Median and range over seeds at one step; NaN where any seed is not finite."""

    step: float
    value: float
    low: float
    high: float


class _Scale:
    """Values to percent of the axis."""

    def __init__(self, low: float, high: float, log: bool, pad: float = 0.0) -> None:
        if low == high:  # a flat line lies in the middle
            low, high = (low / 2, high * 2) if log else (low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2)
        self.log = log
        low, high = (math.log10(low), math.log10(high)) if log else (low, high)
        self.low, self.high = low - pad * (high - low), high + pad * (high - low)

    def __call__(self, value: float) -> float:
        if self.log:
            value = math.log10(value)
        return 100 * (value - self.low) / (self.high - self.low)


def chart(curve: Curve) -> Chart:
    """Draw a curve: for each tree the median over its runs, with the range where there are several."""
    rows = {tree: _rows([line for line in curve.lines if line.tree == tree]) for tree in (AS_IS, FIXED)}
    rows = {tree: found for tree, found in rows.items() if found}
    plans = {tree: plan for tree in rows if (plan := _plan(curve.lines, tree)) is not None}
    values = [v for found in rows.values() for r in found for v in (r.low, r.high) if math.isfinite(v)]
    values += [v for plan in plans.values() for _, v in plan.rest]
    is_wide = bool(values) and min(values) > 0 and max(values) / min(values) > _LOG_FROM
    log = is_wide and not any(plan.rest for plan in plans.values())  # a schedule's shape is known on a linear scale
    across = _across(rows, plans)
    up, y_ticks = _up(values or [0.0, 1.0], log)
    strokes = tuple(
        Stroke(tree, _path(found, across, up), _band(found, across, up), _line(plans.get(tree), across, up))
        for tree, found in rows.items()
    )
    return Chart(
        curve.title,
        curve.unit,
        curve.x,
        log,
        _x_ticks(across),
        y_ticks,
        strokes,
        tuple(_marks(rows, plans, across)),
        _plan_notes(plans),
        len(rows) > 1 and rows[AS_IS] == rows[FIXED],
        _summary(curve, rows, plans),
        _data(rows, across, up),
    )


def _rows(lines: Sequence[Line]) -> list[_Row]:
    """All runs of one tree put together, thinned to what a screen can show."""
    points = sorted(((p.step, p.value) for line in lines for p in line.points), key=lambda p: p[0])
    by_step = [(step, [v for _, v in group]) for step, group in groupby(points, key=lambda p: p[0])]
    width = max(1, math.ceil(len(by_step) / _MOST_POINTS))
    rows = []
    for start in range(0, len(by_step), width):
        chunk = by_step[start : start + width]
        values = [v for _, at in chunk for v in at]
        step = chunk[len(chunk) // 2][0]
        if all(math.isfinite(v) for v in values):
            rows.append(_Row(step, middle(values), min(values), max(values)))
        else:
            worst = next(v for v in values if not math.isfinite(v))
            rows.append(_Row(step, worst, math.nan, math.nan))
    return rows


def _plan(lines: Sequence[Line], tree: str) -> Plan | None:
    """A tree's plan; all its runs have the same."""
    return next((line.plan for line in lines if line.tree == tree and line.plan is not None), None)


def _across(rows: dict[str, list[_Row]], plans: _Plans) -> _Scale:
    steps = [r.step for found in rows.values() for r in found] + [s for plan in plans.values() for s, _ in plan.rest]
    steps += [plan.given for plan in plans.values() if plan.rest and plan.given]
    return _Scale(min(steps), max(steps), False)


def _up(values: Sequence[float], log: bool) -> tuple[_Scale, tuple[Tick, ...]]:
    """The vertical scale, widened to its outer ticks, and these."""
    low, high = min(values), max(values)
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        stride = max(1, math.ceil((last - first) / 4))
        powers = range(first, first + stride * math.ceil((last - first) / stride) + 1, stride)
        scale = _Scale(10.0 ** powers[0], 10.0 ** powers[-1], True, _PAD)
        return scale, tuple(Tick(scale(10.0**p), shown(10.0**p)) for p in powers)
    ticks = _nice(low, high, 4)
    scale = _Scale(ticks[0], ticks[-1], False, _PAD)
    return scale, tuple(Tick(scale(t), _tick(t, ticks)) for t in ticks)


def _x_ticks(across: _Scale) -> tuple[Tick, ...]:
    inside = [t for t in _nice(across.low, across.high, 5) if across.low <= t <= across.high and t == round(t)]
    return tuple(Tick(across(t), shown(t)) for t in inside)


def _nice(low: float, high: float, count: int) -> list[float]:
    """Round numbers from at or below ``low`` to at or above ``high``, about ``count`` steps apart."""
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def _tick(value: float, ticks: Sequence[float]) -> str:
    """A tick's label: written like its neighbours, and zero without the noise of floating point."""
    if abs(value) < (ticks[1] - ticks[0]) / 1e6:
        return "0"
    exact = float(f"{value:.6g}")
    return scientific(exact) if max(map(abs, ticks)) < _SMALL else shown(exact)


def _path(rows: Sequence[_Row], across: _Scale, up: _Scale) -> str:
    """The median; interrupted where it is not finite. A point alone is drawn as a dot (a line without length)."""
    parts = []
    for finite, group in groupby(rows, key=lambda r: math.isfinite(r.value)):
        if finite:
            places = [_place(r.step, r.value, across, up) for r in group]
            parts.append("M" + " L".join(places) + (" h0" if len(places) == 1 else ""))
    return " ".join(parts)


def _band(rows: Sequence[_Row], across: _Scale, up: _Scale) -> str:
    if all(r.low == r.high for r in rows if math.isfinite(r.low)):
        return ""
    parts = []
    for finite, group in groupby(rows, key=lambda r: math.isfinite(r.low)):
        if finite:
            found = list(group)
            top = [_place(r.step, r.high, across, up) for r in found]
            bottom = [_place(r.step, r.low, across, up) for r in reversed(found)]
            parts.append("M" + " L".join(top + bottom) + " Z")
    return " ".join(parts)


def _line(plan: Plan | None, across: _Scale, up: _Scale) -> str:
    return "M" + " L".join(_place(s, v, across, up) for s, v in plan.rest) if plan is not None and plan.rest else ""


def _place(step: float, value: float, across: _Scale, up: _Scale) -> str:
    return f"{across(step) * _SIZE / 100:.1f} {_SIZE - up(value) * _SIZE / 100:.1f}"


def _marks(rows: dict[str, list[_Row]], plans: _Plans, across: _Scale) -> list[Mark]:
    marks = []
    for tree, found in rows.items():
        bad = next((r for r in found if not math.isfinite(r.value)), None)
        if bad is not None:
            marks.append(Mark(across(bad.step), f"{shown(bad.value)} from step {shown(bad.step)}", tree))
    if any(plan.rest for plan in plans.values()):
        last = max(r.step for found in rows.values() for r in found)
        marks.append(Mark(across(last), "runs end", ""))
        ends = {tree: plan.given for tree, plan in plans.items() if plan.rest and plan.given and plan.given > last}
        told = ends if len(set(ends.values())) > 1 else dict.fromkeys([""], next(iter(ends.values()), 0))
        marks += [Mark(across(end), "training ends", tree) for tree, end in told.items() if end]
    return marks


def _summary(curve: Curve, rows: dict[str, list[_Row]], plans: _Plans) -> str:
    """What the lines show, in words, for those who do not see them."""
    unit = f" {curve.unit}" if curve.unit else ""
    said = []
    for tree, found in rows.items():
        first, last = found[0], found[-1]
        text = f"{NAMES[tree]}: {shown(first.value)}{unit} at {curve.x} {shown(first.step)}"
        if last is not first:
            text += f", {shown(last.value)}{unit} at {shown(last.step)}"
        if tree in plans:
            text += f" ({plans[tree]})"
        said.append(text)
    return f"{curve.title}. " + "; ".join(said)


def _plan_notes(plans: _Plans) -> tuple[tuple[str, str], ...]:
    """Tree and description of each schedule; no tree where both have one."""
    notes = {tree: str(plan) for tree, plan in plans.items()}
    if len(notes) > 1 and len(set(notes.values())) == 1:
        return (("", notes[AS_IS]),)
    return tuple(notes.items())


def _data(rows: dict[str, list[_Row]], across: _Scale, up: _Scale) -> str:
    steps = sorted({r.step for found in rows.values() for r in found})
    series = []
    for tree, found in rows.items():
        at = {r.step: r for r in found}
        cells = [at.get(s) for s in steps]
        series.append(
            {
                "tree": tree,
                "name": NAMES[tree],
                "text": [_cell(c) for c in cells],
                "y": [round(up(c.value), 1) if c is not None and math.isfinite(c.value) else None for c in cells],
            }
        )
    return json.dumps({"x": steps, "at": [round(across(s), 2) for s in steps], "rows": series}, separators=(",", ":"))


def _cell(row: _Row | None) -> str | None:
    if row is None:
        return None
    if row.low == row.high or not math.isfinite(row.low):
        return shown(row.value)
    return f"{shown(row.value)} ({shown(row.low)} to {shown(row.high)})"


@dataclass(frozen=True)
class Strip:
    """A verdict's values by seed on one axis. ``dots`` are tree, percent and words."""

    dots: tuple[tuple[str, float, str], ...]
    ticks: tuple[Tick, ...]


def strip(before: Sequence[float | None], after: Sequence[float | None], seeds: Sequence[int]) -> Strip | None:
    """Values before and after by seed; None where all are equal or one is not finite."""
    seen = [
        (tree, i, v)
        for tree, values in ((AS_IS, before), (FIXED, after))
        for i, v in enumerate(values)
        if v is not None
    ]
    if len({v for _, _, v in seen}) < 2 or not all(math.isfinite(v) for _, _, v in seen):
        return None
    up, ticks = _up([v for _, _, v in seen], False)
    dots = tuple(
        (tree, up(v), f"seed {seeds[i] if i < len(seeds) else i}, {NAMES[tree]}: {shown(v)}") for tree, i, v in seen
    )
    return Strip(dots, ticks)
