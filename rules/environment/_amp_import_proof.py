"""What a run shows of mixed precision's names before and after the mending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...analyzer.findings import Finding, Level
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_FAILURES = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError"})


def settings(finding: Finding) -> Mapping[str, Any] | None:
    """Hide the names that the stated torch lacks; None where they exist and are merely deprecated."""
    names = _names(finding)
    return {"hide": names} if names and finding.level is Level.BREAKS else None


def measure(trace: Trace, finding: Finding) -> float | None:
    """Whether the program fails for want of a name, or how many places use a deprecated one.

    Args:
        trace: one run's, with the names hidden that :func:`settings` tells.
        finding: its repair holds the names.

    Returns:
        1 where the program ended with an import or attribute error that names one of them; for deprecated names the
        number of places that used one; else 0 where it trained. None where it ended otherwise before training.
    """
    lasts = {name.rpartition(".")[2] for name in _names(finding)}
    for event in trace.all_events("exc"):
        if event.get("type") in _FAILURES and any(last in str(event.get("message")) for last in lasts):
            return 1.0
    if not trace.steps and not trace.backwards:
        return None
    if finding.level is Level.BREAKS:
        return 0.0
    used = {(e.get("at"), e.get("name")) for e in trace.all_events("amp-old") if e.get("name") in _names(finding)}
    return float(len(used))


def _names(finding: Finding) -> tuple[str, ...]:
    repair = finding.repair or {}
    return tuple(dict.fromkeys([*repair.get("missing", ()), *repair.get("moves", {})]))


PROOF = Proof(
    probe="amp-active",
    quantity="failures for want of a name that the stated torch lacks, or places with a deprecated one",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
    settings=settings,
)
