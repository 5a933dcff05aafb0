"""What a run shows of a floor that does not hold, before and after the mending."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """How many losses and gradients are NaN or Inf.

    Args:
        trace: one run's.
        finding: the floor.

    Returns:
        The number of backward passes and steps with such a value; None where no loss was seen.
    """
    from ...analyzer.runtime.trace import number

    losses = [number(e.get("v")) for e in trace.events("loss")]
    norms = [number(e.get("norm")) for e in trace.events("gradient")]
    if not losses:
        return None
    return float(sum(v is not None and not math.isfinite(v) for v in [*losses, *norms]))


PROOF = Proof(
    probe="finite",
    quantity="losses and gradients that are NaN or Inf",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
)
