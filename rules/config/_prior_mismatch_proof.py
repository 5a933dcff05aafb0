"""What a run shows of a class prior before and after the mending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...analyzer.findings import Finding
from ...analyzer.project.labels import interval
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_LEAST = 50


def measure(trace: Trace, finding: Finding) -> float | None:
    """How far the prior that the loss used lies from the share of positives among the labels of the batches.

    Args:
        trace: one run's.
        finding: of ``prior-mismatch``; its settings made the run watch the prior.

    Returns:
        The difference; 0 where the prior lies in the share's interval. None where the run saw no prior, too few
        labels, or other labels than two.
    """
    events = trace.events("class-prior")
    priors = [e["prior"][0] for e in events if e.get("prior") and isinstance(e["prior"][0], (int, float))]
    counted = [e["counts"] for e in events if e.get("counts")]
    if not priors or not counted or len(counted[-1]) != 2 or sum(counted[-1]) < _LEAST:
        return None
    positive, total = counted[-1][-1], sum(counted[-1])
    low, high = interval(positive, total)
    return 0.0 if low <= priors[-1] <= high else abs(priors[-1] - positive / total)


def watched(finding: Finding) -> Mapping[str, Any] | None:
    """The run has to tell the prior where the loss uses it."""
    where = (finding.repair or {}).get("watch")
    return {"watch": {"class-prior": where}} if where else None


PROOF = Proof(
    probe="class-prior",
    quantity="difference of the loss's prior from the labels' share, 0 within its 99 % interval",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
    same_loss=False,
    settings=watched,
)
