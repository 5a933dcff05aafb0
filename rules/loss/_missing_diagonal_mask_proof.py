"""What a run shows of a contrastive denominator before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof
from .._trace_places import at_lines, in_scope

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_LEAST = 1e-4


def measure(trace: Trace, finding: Finding) -> float | None:
    """The share of the softmax that falls on the sample itself, the largest seen.

    Args:
        trace: one run's.
        finding: the place where the denominator is taken.

    Returns:
        The share, between 0 and 1; None where no similarities of a set with itself were seen there.
    """
    events = trace.events("self-similarity")
    rows = at_lines(finding, events) or in_scope(finding, events)
    shares = [float(row["share"]) for row in rows if isinstance(row.get("share"), (int, float))]
    return max(shares) if shares else None


PROOF = Proof(
    probe="self-similarity",
    quantity="share of the softmax that falls on the sample itself",
    measure=measure,
    violated=lambda value: value > _LEAST,
    satisfied=lambda value: value <= _LEAST,
    same_loss=False,
)
