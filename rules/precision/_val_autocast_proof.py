"""What a run shows of the type in which a loss is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof
from .._trace_places import at_lines, in_scope

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_HALVES = ("torch.float16", "torch.bfloat16")


def measure(trace: Trace, finding: Finding) -> float | None:
    """How many losses or terms of validation batches are computed in half precision, at the finding's place.

    Args:
        trace: one run's.
        finding: the call of the loss.

    Returns:
        The number; None where no loss of a validation batch was seen. A criterion that is a module of the program has
        no place in the trace: it counts wherever it runs.
    """
    events = trace.events("validation-loss")
    placed = [e for e in events if ":" in str(e.get("at"))]
    rows = at_lines(finding, placed) or in_scope(finding, placed) or [e for e in events if e not in placed]
    if not rows:
        return None
    return float(len({str(e.get("fn")) for e in rows if e.get("dtype") in _HALVES}))


PROOF = Proof(
    probe="validation-loss",
    quantity="losses of validation batches that are computed in half precision",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
)
