"""What a run shows of targets that do not follow their image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_FEWEST = 4
_MANY = 0.2


def measure(trace: Trace, finding: Finding) -> float | None:
    """The share of mirrored views of items in which a map or points are not as their image is.

    Args:
        trace: one run's.
        finding: of the rule; a matrix that leads the wrong way is used after the network, and is not shown.

    Returns:
        0 (all follow) to 1, of the field that has the name of the finding's target, else of the worst one: a map may
        lie beside its image for another reason, too. None where no item with a map or points is mirrored.
    """
    repair = finding.repair or {}
    if repair.get("kind") == "key":
        return None
    rows = [row for event in trace.events("view-alignment") for row in event["fields"] if row["mirrored"] >= _FEWEST]
    rows = [row for row in rows if row["field"].rpartition(".")[2] == repair.get("name")] or rows
    return max((row["apart"] / row["mirrored"] for row in rows), default=None)


PROOF = Proof(
    probe="view-alignment",
    quantity="share of mirrored views whose target is not mirrored with them",
    measure=measure,
    violated=lambda value: value > _MANY,
    satisfied=lambda value: value <= _MANY,
    unseen="maps and points of items that are mirrored show it, and what is done with predictions does not",
)
