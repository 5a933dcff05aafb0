"""What a run shows of a loss that is computed row by row, before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_MOST = 16


def measure(trace: Trace, finding: Finding) -> float | None:
    """How often one line of the loss calls torch in a forward pass.

    Args:
        trace: one run's.
        finding: the loop.

    Returns:
        The calls of the function's busiest line, 0 where none of its lines is among the busiest of the program; None
        where no forward pass was counted.
    """
    name = finding.scope.rpartition(".")[2]
    events = trace.events("loop-calls")
    if not events:
        return None
    counts = [
        int(count)
        for event in events
        for place, count, *_ in event.get("sites") or ()
        if str(place).startswith(f"{finding.location.path}:") and (not name or str(place).endswith(name))
    ]
    return float(max(counts, default=0))


PROOF = Proof(
    probe="loop-calls",
    quantity="torch calls of the loss's busiest line in a forward pass",
    measure=measure,
    violated=lambda value: value > _MOST,
    satisfied=lambda value: value <= _MOST,
)
