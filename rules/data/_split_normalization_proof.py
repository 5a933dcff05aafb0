"""What a run shows of splits that are normalised by statistics of their own, before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """The sets of statistics among the datasets that keep the same kinds of them as the finding's class.

    Args:
        trace: one run's.
        finding: of a dataset's constructor; arrays that are scaled before there is a dataset cannot be seen.

    Returns:
        Their number; None where no loader of the class was seen, or it keeps no statistics.
    """
    name = finding.scope.rpartition(".")[0]
    event = trace.last("split-statistics")
    rows = event["loaders"] if event is not None else []
    own = [row for row in rows if f"{finding.location.path}:{name}" in row.get("classes", ())]
    kinds = {tuple(sorted(row["statistics"])) for row in own}
    alike = [row for row in rows if tuple(sorted(row["statistics"])) in kinds]
    return float(len({str(sorted(row["statistics"].items())) for row in alike})) if len(alike) > 1 else None


PROOF = Proof(
    probe="split-statistics",
    quantity="different sets of statistics by which the splits are normalised",
    measure=measure,
    violated=lambda value: value > 1,
    satisfied=lambda value: value == 1,
)
