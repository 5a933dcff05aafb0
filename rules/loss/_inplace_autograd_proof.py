"""What a run shows of a write into a saved value, before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_MESSAGES = ("modified by an inplace operation", "is being used in an in-place operation")


def measure(trace: Trace, finding: Finding) -> float | None:
    """Whether the run ends because autograd refuses a change in place.

    Args:
        trace: one run's.
        finding: the write.

    Returns:
        1 where it ended so, 0 where a backward pass ran, None where it ended before the first one.
    """
    for event in trace.all_events("exc"):
        if any(message in str(event.get("message")) for message in _MESSAGES):
            return 1.0
    return 0.0 if trace.steps or trace.backwards else None


PROOF = Proof(
    probe="step-taken",
    quantity="backward passes that autograd refuses for a change in place",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
)
