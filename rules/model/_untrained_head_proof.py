"""What a run shows of a head before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """The largest gradient norm that the head had at any optimizer step.

    Args:
        trace: one run's.
        finding: where the head is built; its repair names the attribute.

    Returns:
        The norm; None where no head of that name is part of a model that ran.
    """
    name = finding.subject.partition("=")[0].partition(":")[0].strip().removeprefix("self.")
    event = trace.last("paths")
    if event is None:
        return None
    norms = [float(h["grad"]) for h in event["heads"] if h["name"].rpartition(".")[2] == name]
    dead = [d for d in event["dead"] if f".{name}." in f".{d['name']}"]
    if norms:
        return max(norms)
    return 0.0 if dead else None


PROOF = Proof(
    probe="gradient-path",
    quantity="gradient norm of the head",
    measure=measure,
    violated=lambda value: value == 0,
    satisfied=lambda value: value > 0,
    same_loss=False,
)
