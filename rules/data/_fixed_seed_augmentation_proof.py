"""What a run shows of an augmentation that repeats, before and after the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace


def measure(trace: Trace, finding: Finding) -> float | None:
    """The share of later epochs that show an item of the finding's dataset as it was not seen before.

    Args:
        trace: one run's.
        finding: its repair names the dataset's class.

    Returns:
        0 (the same view in each epoch) to 1; the least of the training datasets of that class. None where there is
        none, its items could not be made again, or it has a ``set_epoch`` and the run made no two passes.
    """
    path, name = (finding.repair or {}).get("dataset", ("", ""))
    shares = []
    for event in trace.events("augmentation-variety"):
        if f"{path}:{name}" not in event.get("classes", ()) or not event.get("distinct"):
            continue
        if event.get("set_epoch") == "unknown":
            return None
        if event.get("unheard"):
            shares.append(0.0)  # set_epoch alone makes the difference, and the workers never hear of it
            continue
        distinct, epochs = event["distinct"], int(event["epochs"])
        if epochs > 1:
            shares.append(sum(count - 1 for count in distinct) / ((epochs - 1) * len(distinct)))
    return min(shares, default=None)


PROOF = Proof(
    probe="augmentation-variety",
    quantity="share of later epochs that show an item in a new view",
    measure=measure,
    violated=lambda value: value == 0,
    satisfied=lambda value: value > 0,
)
