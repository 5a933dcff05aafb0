"""Whether the loss reaches every part of the model."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._paths import Paths
from ._words import counted, listed

if TYPE_CHECKING:
    from ..session import Session


class GradientPath(Probe):
    """A gradient from the loss reaches every top-level module that the forward pass runs.

    What it measures
    ----------------
    From the root of each backward pass the autograd graph is walked to the parameters that it ends in. Beside it
    stands the largest gradient norm that each top-level module had at any optimizer step. Both are needed: reentrant
    checkpoints hide parameters from the walk, and gradients that are freed inside of backward are gone at the step.

    Healthy
    -------
    Every module that ran in training mode, and whose parameters an optimizer holds, is reached with a norm above 0.
    A module that never ran, that is updated by hand (a moving average), or that lies frozen, is left alone.

    When it is not
    --------------
    A module that is called but not reached computes an output that no loss takes in: it keeps its first random
    weights. One that is reached with a gradient of exactly 0 hangs on a term that is constant.
    """

    name = "gradient-path"
    rules = ("untrained-head", "double-deg2rad", "loss-graph-retained", "discarded-result", "unused-backbone")
    unit = "smallest gradient norm of a module"
    look_next = "Follow the module's output in the code: it must enter the loss without detach() or argmax()."

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Walk the graph."""
        Paths.of(session).backward(roots)

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """Note the gradients."""
        if not skipped:
            Paths.of(session).step(optimizer)

    def on_stop(self, session: Session) -> None:
        """Write what was seen."""
        Paths.of(session).write()

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """Heads without a path, then heads whose gradient is 0."""
        event = trace.last("paths")
        if event is None:
            return not_seen("no backward pass from a model was seen")
        steps, least = int(event["steps"]), int(limits.get("minimum_steps", 3))
        if steps < least:
            return not_seen(f"{counted(steps, 'step')} with gradients were seen, and {least} are needed")
        heads = [h for h in event["heads"] if h["optimized"] and not h["by_hand"]]
        taking_part = [h for h in heads if h["called"] or h["reached"]]
        if not taking_part:
            return not_seen("no module with parameters in an optimizer ran in training mode")
        cut_off = [h for h in taking_part if not h["reached"]]
        constant = [h for h in taking_part if h["reached"] and h["grad"] == 0.0]
        smallest = min((h["grad"] for h in taking_part if isinstance(h["grad"], float)), default=0.0)
        if cut_off:
            return unhealthy(0.0, f"{_named(cut_off)} ran in all of {steps} steps, but the loss has no path to it")
        if constant:
            return unhealthy(
                0.0, f"the loss reaches {_named(constant)}, but its gradient was exactly 0 in {steps} steps"
            )
        return healthy(
            smallest, f"the loss reaches all {counted(len(taking_part), 'module')} that ran, in {steps} steps"
        )


def _named(heads: List[Dict[str, Any]]) -> str:
    return listed([f"`{h['name']}` ({h['params']:,} parameters)" for h in heads])
