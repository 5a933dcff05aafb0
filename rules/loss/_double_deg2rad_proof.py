"""What a run shows of a double conversion before and after the mending."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof
from .._trace_places import at_lines, in_scope

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_LEAST_PASSES = 3
_FULL_TURN = 2 * math.pi * (1 + 1e-6)


def measure(trace: Trace, finding: Finding) -> float | None:
    """Signs that angles are converted twice.

    Counted are terms of the loss that are computed in the finding's function (else its class, else its file) and stay
    at 0 without a gradient in each backward pass looked at, and the conversion itself where all that it is given lies
    within a full turn in radians.

    Args:
        trace: one run's.
        finding: the place of the second conversion.

    Returns:
        The number of signs; None where fewer than three backward passes were looked at, or where neither a term nor the
        conversion can be seen: those of ``math`` and NumPy cannot.
    """
    events = trace.events("loss-terms")
    if len(events) < _LEAST_PASSES:
        return None
    rows = in_scope(finding, _terms(events))
    signs = _still(rows)
    converted = [float(e["largest"]) for e in at_lines(finding, trace.events("angle-conversion"))]
    if converted and 0 < max(converted) <= _FULL_TURN:
        signs += 1
    if not rows and not converted and not _is_seen_by_torch(finding):
        return None
    return float(signs)


def _terms(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for event in events for row in event["terms"] if row["kind"] in ("term", "constant") and row.get("at")]


def _still(rows: Iterable[Mapping[str, Any]]) -> int:
    """How many terms are 0 in each row, and have no gradient in any."""
    moving: dict[str, bool] = {}
    for row in rows:
        moves = row["v"] != 0 or (row["kind"] == "term" and row.get("grad") != 0)
        moving[row["name"]] = moving.get(row["name"], False) or moves
    return sum(not moves for moves in moving.values())


def _is_seen_by_torch(finding: Finding) -> bool:
    return not finding.subject.startswith(("np.", "numpy.", "math.", "radians(", "jnp."))


PROOF = Proof(
    probe="loss-terms",
    quantity="loss terms that stay at 0, and conversions of what is in radians already",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
    minimum_steps=_LEAST_PASSES,
    same_loss=False,
)
