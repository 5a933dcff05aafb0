"""What a run shows of sizes in the wrong order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_FEWEST = 8
_MANY = 0.1


def measure(trace: Trace, finding: Finding) -> float | None:
    """The share of boxes and keypoints that lie outside of their image, or of masks with height and width exchanged.

    Args:
        trace: one run's.
        finding: of the rule; exchanged colours move nothing, and are not shown.

    Returns:
        The largest share; None where no batch holds enough of any, named as torchvision names them.
    """
    event = trace.last("data-contract")
    if event is None or (finding.repair or {}).get("kind") == "colours":
        return None
    rows = {kind: row for kind, row in (event.get("alignment") or {}).items() if row["count"] >= _FEWEST}
    shares = [row[_WRONG.get(kind, "outside")] / row["count"] for kind, row in rows.items()]
    return max(shares, default=None)


_WRONG = {"masks": "exchanged"}
PROOF = Proof(
    probe="data-contract",
    quantity="share of boxes and keypoints outside of their image, or of masks that lie across it",
    measure=measure,
    violated=lambda value: value > _MANY,
    satisfied=lambda value: value <= _MANY,
    exact=False,
    unseen="only boxes, keypoints and masks that have torchvision's names in a batch show it",
)
