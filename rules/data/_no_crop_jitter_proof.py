"""What a run shows of crops around an object, before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_LEAST_MASKS = 8
_CENTRED = 1.0


def measure(trace: Trace, finding: Finding) -> float | None:
    """How far an object's centre usually lies from the crop's, in voxels.

    Args:
        trace: one run's.
        finding: of any dataset.

    Returns:
        The median over samples and axes, of the mask that is centred best; None where batches hold no masks.
    """
    event = trace.last("object-position")
    rows = event["masks"] if event is not None else []
    return min((float(row["median"]) for row in rows if row["count"] >= _LEAST_MASKS), default=None)


PROOF = Proof(
    probe="object-position",
    quantity="usual distance of the object's centre from the crop's, in voxels",
    measure=measure,
    violated=lambda value: value <= _CENTRED,
    satisfied=lambda value: value > _CENTRED,
    exact=False,
)
