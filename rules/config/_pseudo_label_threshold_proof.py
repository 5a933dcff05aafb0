"""What a run shows of a pseudo-label threshold before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_SHARE = 0.2
_EARLY = 80
"""Steps that a small model needs until it is sure of anything; before, every threshold masks nearly all."""


def measure(trace: Trace, finding: Finding) -> float | None:
    """The share of pseudo-labels that pass the threshold, once a model has had steps to become sure of anything.

    Args:
        trace: one run's.
        finding: of ``pseudo-label-threshold``.

    Returns:
        The mean share over the later steps; None where the run saw no threshold, or ended before them.
    """
    found = [e for e in trace.events("pseudo-label-use") if isinstance(e.get("share"), (int, float))]
    later = [e["share"] for e in found if (e.get("s") or 0) >= _EARLY]
    return sum(later) / len(later) if later else None


PROOF = Proof(
    probe="pseudo-label-use",
    quantity="share of pseudo-labels that pass the threshold, after eighty steps",
    measure=measure,
    violated=lambda share: share < _SHARE,
    satisfied=lambda share: share >= _SHARE,
    exact=False,
    minimum_steps=100,
    same_loss=False,
)
