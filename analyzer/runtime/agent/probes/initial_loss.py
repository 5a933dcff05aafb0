"""The loss before anything was learnt."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Mapping, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._arguments import argument
from ._reading import place, value_of

KIND = "initial-loss"


class InitialLoss(Probe):
    """Whether the first cross entropy is about that of a guess.

    What it measures
    ----------------
    The first cross entropy in training, before any step, against ln C, which is what equal probabilities for C classes
    give.

    Healthy
    -------
    Not many times ln C. A small one is fine: pretrained weights know more than a guess.

    When it is not
    --------------
    Logits that are far too large at the start: inputs that are not normalised, an initialisation without scaling, or a
    temperature that is too low. The first steps then only bring them down.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("split-normalization", "activation-loss-mismatch")
    unit: ClassVar[str] = "loss / ln C"
    look_next: ClassVar[str] = "Print mean and standard deviation of the model's inputs and of its first logits."

    def __init__(self) -> None:
        super().__init__()
        self.is_done = False

    def on_loss(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """The first cross entropy with class numbers as targets."""
        if self.is_done or name != "cross_entropy":
            return
        self.is_done = True
        logits = argument(args, kwargs, 0, "input")
        target = argument(args, kwargs, 1, "target")
        tensor = session.torch.Tensor
        if session.step or not isinstance(logits, tensor) or not isinstance(target, tensor) or logits.dim() < 2:
            return
        if target.is_floating_point() or kwargs.get("reduction", "mean") == "sum":
            return
        session.emit(KIND, at=site, v=value.detach().float().mean(), classes=logits.shape[1])

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The ratio to ln C."""
        return _conclude(trace.first(KIND) or {}, healthy)


def _conclude(event: Mapping[str, Any], row: Mapping[str, Any]) -> Reading:
    value, classes = value_of(event.get("v")), int(value_of(event.get("classes")) or 0)
    if value is None or classes < 2:
        return not_seen("no cross entropy over classes was computed before the first step")
    guess = math.log(classes)
    words = "the first cross entropy (%s) is %.4g; a guess among %d classes gives %.4g"
    why = words % (place(event.get("at")), value, classes, guess)
    if not math.isfinite(value):
        return not_seen(why)
    ratio = value / guess
    return unhealthy(ratio, why) if ratio > row["max"] else healthy(ratio, why)
