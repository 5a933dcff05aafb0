"""Parameters that nothing trains."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._paths import Paths
from ._words import counted, listed

if TYPE_CHECKING:
    from ..session import Session


class DeadParameters(Probe):
    """Every trainable parameter that an optimizer holds gets a gradient at some time.

    What it measures
    ----------------
    The share of these parameters that no backward pass reaches *and* whose gradient is absent or 0 at every step
    looked at. Either alone can mislead. Frozen parameters, those that are updated by hand, and members of a list of
    modules of which others are alive (experts, tasks that take turns) do not count.

    Healthy
    -------
    No module that runs is dead as a whole, and the rest is a small share: pretrained models come with a layer or two
    that a task leaves out.

    When it is not
    --------------
    The parameters cost memory and are counted in the paper, but stay as they were initialised.
    """

    name = "dead-parameters"
    rules = ("untrained-head", "unused-submodule", "unused-backbone", "unregistered-modules", "module-built-in-forward")
    unit = "share of trainable parameters"
    look_next = "Search the forward pass for the named modules: they are not called, or what they return is dropped."

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
        """The share, with the modules' names."""
        event = trace.last("paths")
        if event is None:
            return not_seen("no backward pass from a model was seen")
        steps, least = int(event["steps"]), int(limits.get("minimum_steps", 3))
        if steps < least:
            return not_seen(f"{counted(steps, 'step')} with gradients were seen, and {least} are needed")
        if not event["trainable"]:
            return not_seen("no optimizer holds a parameter of a model that ran")
        dead = [d for d in event["dead"] if not d["choice"]]
        share = sum(d["params"] for d in dead) / event["trainable"]
        called = [d for d in dead if d["called"] and d["whole"]]
        if called:
            names = listed([f"`{d['name']}`" for d in called])
            return unhealthy(share, f"{names}: no gradient in {steps} steps, though the module runs")
        if share > float(limits.get("max", 0.01)):
            names = listed([f"`{d['name']}`" for d in dead])
            return unhealthy(
                share, f"{names}: {share:.1%} of the trainable parameters got no gradient in {steps} steps"
            )
        note = f"; {listed([d['name'] for d in dead])} take no part" if dead else ""
        return healthy(
            share, f"{share:.1%} of {event['trainable']:,} parameters without a gradient in {steps} steps{note}"
        )
