"""What a run shows of a scheduler's plan before and after the mending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_SITE = "the scheduler is moved here"


def measure(trace: Trace, finding: Finding) -> float | None:
    """Steps that the finding's scheduler will be given over its planned number.

    Args:
        trace: one run's.
        finding: its place is the plan's; the tree may hold it some lines further down.

    Returns:
        The ratio; None where the scheduler was not moved, or the program's loops do not say how long it trains.
    """
    from ...analyzer.runtime.agent.plans import ratio, schedulers  # late: a scan needs no run

    sched = _of_finding(schedulers(trace), finding)
    return None if sched is None else ratio(trace, sched)


def settings(finding: Finding) -> Mapping[str, Any] | None:
    """Whole passes where the accumulation must show, and short ones where the end of a pass must."""
    fault = (finding.repair or {}).get("fault")
    return {"train_batches": None} if fault in ("TOO_LONG", "TOO_SHORT") else None


def _of_finding(known: list[dict[str, Any]], finding: Finding) -> dict[str, Any] | None:
    """The scheduler made nearest to the finding's line, else the one that is moved where the evidence says."""
    if len(known) == 1:
        return known[0]
    made = [(_distance(s.get("made") or [], finding.location.path, finding.location.line), s) for s in known]
    near = [(distance, s) for distance, s in made if distance is not None]
    if near:
        return min(near, key=lambda pair: pair[0])[1]
    places = [(e.path, e.line) for e in finding.evidence if e.note.startswith(_SITE)]
    moved = [(_distance([s["at"]], path, line), s) for s in known if s.get("at") for path, line in places]
    near = [(distance, s) for distance, s in moved if distance is not None]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _distance(sites: list[str], path: str, line: int) -> int | None:
    """Lines between a place and the nearest of some sites (``path:line function``) in the same file."""
    split = [site.partition(" ")[0].rpartition(":") for site in sites]
    return min((abs(int(at) - line) for file, _, at in split if file == path), default=None)


PROOF = Proof(
    probe="planned-steps",
    quantity="steps that the scheduler will be given / steps that it is planned for",
    measure=measure,
    violated=lambda value: not 0.75 < value < 1.34,
    satisfied=lambda value: 0.9 <= value <= 1.1,
    minimum_steps=2,
    settings=settings,
)
