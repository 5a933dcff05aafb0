"""What a run shows of images and maps that a cast empties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...analyzer.findings import Finding
from ...analyzer.rule import Proof

if TYPE_CHECKING:
    from ...analyzer.runtime.trace import Trace

_ONE_STEP = 1.5 / 255
"""A value of 1 of 255, with room for rounding: what a cast leaves of 1.0, once it is divided by 255."""
_LEAST_SIDES = 3


def measure(trace: Trace, finding: Finding) -> float | None:
    """How many fields of the batches are next to empty: images or maps of floats with nothing above 1/255.

    Args:
        trace: one run's.
        finding: of the rule; a difference that wraps around leaves nothing empty, and is not shown.

    Returns:
        The number of such fields, over all loaders; None where no batch holds an image or a map of floats.
    """
    event = trace.last("data-contract")
    if event is None or (finding.repair or {}).get("kind") == "signed":
        return None
    maps = [
        described
        for _, _, _, described in event["batches"]
        if len(described["shape"] or ()) >= _LEAST_SIDES
        and all(d.startswith(("float", "bfloat")) for d in described["dtypes"])
        and isinstance(described["min"], (int, float))
    ]
    if not maps:
        return None
    return float(sum(d["min"] >= 0 and d["max"] <= _ONE_STEP for d in maps))


PROOF = Proof(
    probe="data-contract",
    quantity="images and maps in the batches with nothing above 1/255",
    measure=measure,
    violated=lambda value: value > 0,
    satisfied=lambda value: value == 0,
)
