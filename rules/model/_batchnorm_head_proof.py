"""What a run shows of the logits before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """Classification losses whose logits come from a batch norm, or from a linear layer right behind one.

    Args:
        trace: one run's.
        finding: where the head is built.

    Returns:
        Their number; None where no classification loss was computed in training.
    """
    events = trace.events("logits-producer")
    if not events:
        return None
    return float(len({event["at"] for event in events if event.get("norm")}))


PROOF = Proof(
    probe="logits-producer",
    quantity="classification losses with a batch norm at their logits",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
)
