"""What a run shows of a choice among NaN, before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof
from .._trace_places import at_lines, in_scope

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """The share of choices at the finding's place that fall on NaN.

    Args:
        trace: one run's.
        finding: the call of ``argmin`` or ``argmax``.

    Returns:
        The share, 0 to 1; None where no choice was seen there. NumPy's methods (``x.argmin()``) cannot be seen.
    """
    event = trace.last("nan-choice")
    rows = [{"at": at, "n": n, "nan": nan} for at, n, nan in (event["sites"] if event is not None else ())]
    chosen = at_lines(finding, rows) or in_scope(finding, rows)
    total = sum(row["n"] for row in chosen)
    return sum(row["nan"] for row in chosen) / total if total else None


PROOF = Proof(
    probe="nan-choice",
    quantity="share of choices that fall on NaN",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
)
