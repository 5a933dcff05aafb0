"""What a run shows of a loop over slices before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof
from .._trace_places import split

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_MOST = 15
"""Calls by one line in a forward pass that a fold (two reshapes each way, for two views) never comes to."""


def measure(trace: Trace, finding: Finding) -> float | None:
    """How often a line of the finding's function calls torch in a forward pass, the line with the most calls.

    Args:
        trace: one run's.
        finding: where the loop stands.

    Returns:
        The number of calls; None where no forward pass was counted, or none went through the function.
    """
    counts = [
        float(count)
        for event in trace.events("loop-calls")
        for at, count, _ in event.get("sites") or ()
        for path, _, function in (split(at),)
        if path == finding.location.path and function.rpartition(".")[2] == finding.scope.rpartition(".")[2]
    ]
    return max(counts) if counts else None


PROOF = Proof(
    probe="loop-calls",
    quantity="calls of torch by one line of the function in a forward pass",
    measure=measure,
    violated=lambda value: value > _MOST,
    satisfied=lambda value: value <= _MOST,
    unseen="calls are counted within the forward pass of the model, and data are made outside of it",
)
