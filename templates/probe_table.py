"""What every probe says, as rows: as is, and where a fix changes it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ..analyzer.runtime.results import AS_IS, FIXED, HEALTHY, NOT_SEEN, UNHEALTHY, Explained, ProbeReading, VerifyResult
from .text import shown, spread

_WORST_FIRST = (UNHEALTHY, HEALTHY, NOT_SEEN)


@dataclass(frozen=True)
class Cell:
    """A probe's readings of the runs of one tree, over seeds."""

    status: str
    value: str
    why: str
    numbers: tuple[float, ...] = ()

    @property
    def sort(self) -> float | None:
        """What a table sorts it by."""
        return self.numbers[0] if self.numbers else None


@dataclass(frozen=True)
class Row:
    """One probe.

    Attributes:
        anchor: its id in the page; ``docs/probes/NAME.md`` has the same documentation.
        changes: cells that differ clearly from as is, each with the fixes that bring it, in words.
        same: number of fixes that do not.
        documentation: heading and paragraph.
    """

    anchor: str
    name: str
    unit: str
    as_is: Cell
    changes: tuple[tuple[str, Cell], ...]
    same: int
    look_next: str
    findings: tuple[Explained, ...]
    documentation: tuple[tuple[str, str], ...]


def probe_rows(result: VerifyResult) -> list[Row]:
    """A row a probe, unhealthy ones first, then by name."""
    as_is = [r for r in result.runs if r.tree == AS_IS and r.ran and not r.repeat]
    rules = list(dict.fromkeys(r.rule for r in result.runs if r.tree == FIXED and r.ran))
    fixed = {rule: [r for r in result.runs if r.tree == FIXED and r.ran and r.rule == rule] for rule in rules}
    names = dict.fromkeys(reading.probe for r in result.runs if r.ran for reading in r.readings)
    rows = []
    for name in names:
        before = [reading for r in as_is if (reading := r.reading(name)) is not None]
        cell = _cell(before)
        after = {rule: _cell([x for r in runs if (x := r.reading(name)) is not None]) for rule, runs in fixed.items()}
        changes: dict[tuple[str, str], list[str]] = {}
        for rule, c in after.items():
            if _is_change(cell, c):
                changes.setdefault((c.status, c.value), []).append(rule)
        every = before or [x for r in result.runs if (x := r.reading(name)) is not None]
        rows.append(
            Row(
                "probe-" + re.sub(r"[^a-z0-9-]", "-", name.lower()),
                name,
                every[0].unit,
                cell,
                tuple((_fixes(by, len(after)), after[by[0]]) for by in changes.values()),
                len(after) - sum(map(len, changes.values())),
                next((r.look_next for r in every if r.look_next), "") if cell.status == UNHEALTHY else "",
                next((s.findings for s in result.symptoms if s.reading.probe == name), ()),
                _documentation().get(name, ()),
            )
        )
    return sorted(rows, key=lambda r: (_WORST_FIRST.index(r.as_is.status), r.name))


def _is_change(before: Cell, after: Cell) -> bool:
    """Whether the status differs, or the values do beyond their range over seeds."""
    if before.status != after.status:
        return True
    if not before.numbers or not after.numbers:
        return before.value != after.value
    return max(before.numbers) < min(after.numbers) or max(after.numbers) < min(before.numbers)


def _fixes(rules: Sequence[str], total: int) -> str:
    """The fixes that bring one change, in few words."""
    if list(rules) == ["joint"]:
        return "all fixes together"
    if len(rules) == total > 1:
        return "each fix"
    return ", ".join(rules) if len(rules) < 3 else f"{len(rules)} fixes"


def _cell(readings: Sequence[ProbeReading]) -> Cell:
    """The worst status over seeds, with the reason that goes with it."""
    known = [r for r in readings if r.status in _WORST_FIRST]
    if not known:
        return Cell(NOT_SEEN, shown(None), "no run read it")
    status = next(s for s in _WORST_FIRST if any(r.status == s for r in known))
    chosen = [r for r in known if r.status == status]
    numbers = [r.value for r in chosen if isinstance(r.value, (int, float))]
    texts = dict.fromkeys(r.value for r in chosen if isinstance(r.value, str))
    value = spread(numbers) if numbers else ", ".join(texts) or shown(None)
    return Cell(status, value, chosen[0].why, tuple(map(float, numbers)))


@cache
def _documentation() -> dict[str, tuple[tuple[str, str], ...]]:
    """Each probe's docstring, by name, as headings and paragraphs."""
    try:
        from ..analyzer.runtime.agent.probes import all_probes
    except ImportError:
        return {}
    return {probe.name: paragraphs(inspect.getdoc(type(probe)) or "") for probe in all_probes()}


def paragraphs(docstring: str) -> tuple[tuple[str, str], ...]:
    """A docstring's sections as heading and text; what stands before the first heading has none."""
    found = []
    heading = ""
    for block in re.split(r"\n\s*\n", docstring.strip()):
        lines = block.strip().splitlines()
        if len(lines) > 1 and re.fullmatch(r"[-=]{3,}", lines[1].strip()):
            heading, lines = lines[0].strip(), lines[2:]
        text = " ".join(line.strip() for line in lines).replace("``", "`")
        if text:
            found.append((heading, text))
            heading = ""
    return tuple(found)
