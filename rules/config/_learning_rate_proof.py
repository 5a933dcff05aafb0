"""What a run shows of a learning rate: how far a step throws the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_FIRST = 5
_MOST = 0.1


def measure(trace: Trace, finding: Finding) -> float | None:
    """How much of a weight matrix or kernel a step changes, in the first steps: the middle of all of them.

    Args:
        trace: one run's.
        finding: of ``learning-rate``.

    Returns:
        The change's length as a share of the weight's; of several optimizers the largest. None where no step was seen.
    """
    import statistics  # late: it is slow to import, and no scan needs it

    by_optimizer: dict[int, list[float]] = {}
    for event in trace.events("drift"):
        if isinstance(event.get("share"), (int, float)):
            by_optimizer.setdefault(event["opt"], []).append(float(event["share"]))
    return max((statistics.median(shares[:_FIRST]) for shares in by_optimizer.values()), default=None)


PROOF = Proof(
    probe="parameter-drift",
    quantity="share of a weight matrix that one of the first steps changes (about 0.001 is healthy)",
    measure=measure,
    violated=lambda value: value > _MOST,
    satisfied=lambda value: value <= _MOST,
    minimum_steps=3,
)
