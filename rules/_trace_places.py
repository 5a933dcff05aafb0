"""Matching a finding's place with the places that a run's trace names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..analyzer.findings import Finding

Row = Mapping[str, Any]
_MOST_SHIFT = 3
"""Lines by which a fix may move the statement that it mends: an import, and a line of its own before it."""


def split(at: object) -> tuple[str, int, str]:
    """Path, line and function of a place ``path:line function``; empty and 0 for what is none."""
    place, _, function = str(at or "").partition(" ")
    path, _, line = place.rpartition(":")
    return path, int(line) if line.isdigit() else 0, function


def at_lines(finding: Finding, rows: Iterable[Row]) -> list[Row]:
    """Rows whose ``at`` is the finding's statement, which a fix may have moved down a little; the nearest line's."""
    place = finding.location
    last = max(place.end_line, place.line) + _MOST_SHIFT
    found = [(line, row) for row in rows for path, line, _ in (split(row.get("at")),) if path == place.path]
    inside = [(line, row) for line, row in found if place.line <= line <= last]
    if not inside:
        return []
    lines = sorted({line for line, _ in inside})
    return [row for line, row in inside if line == lines[0]]


def in_scope(finding: Finding, rows: Iterable[Row]) -> list[Row]:
    """Rows whose ``at`` lies in the finding's function; else in its class; else in its file."""
    places = [(row, *split(row.get("at"))) for row in rows]
    here = [(row, function) for row, path, _, function in places if path == finding.location.path]
    owner = finding.scope.rpartition(".")[0]
    # Python 3.10 and older tell a function's own name only.
    short = finding.scope.rpartition(".")[2]
    tests = (
        lambda f: f in (finding.scope, short) and bool(f),
        lambda f: bool(owner) and f.startswith(owner + "."),
        lambda f: True,
    )
    for test in tests:
        chosen = [row for row, function in here if test(function)]
        if chosen:
            return chosen
    return []
