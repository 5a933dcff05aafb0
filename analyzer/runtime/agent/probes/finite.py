"""Whether all numbers are numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, List, Mapping

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._gradients import Gradients
from ._words import counted, number, short

if TYPE_CHECKING:
    from ..session import Session

_STATISTICS = ("running_mean", "running_var")
_MOST_BUFFERS = 400


class Finite(Probe):
    """Loss, gradients and the statistics of norm layers are finite, and the scaler's scale is stable.

    What it measures
    ----------------
    NaN and Inf in the tensors from which backward starts, in the gradients with which a step is taken (those of
    skipped steps are the gradient scaler's business), and in the running mean and variance of norm layers.

    Healthy
    -------
    None; and the scaler's scale does not fall below the number from which half precision loses small gradients.

    When it is not
    --------------
    A NaN in the loss makes every weight NaN with the next step; in the statistics it ruins evaluation alone.
    """

    name = "finite"
    rules = (
        "tiny-epsilon",
        "unstable-log",
        "amp-batchnorm",
        "val-autocast",
        "nan-argmin",
        "learning-rate",
        "no-warmup",
    )
    unit = "values that are not finite"
    look_next = "Take the first step named here and look at the batch and the loss terms of that step."

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """Gradients and statistics of sampled steps."""
        if not session.sampling or skipped:
            return
        Gradients.of(session, optimizer)
        buffers = self._statistics(session)
        if buffers:
            torch = session.torch
            norms = torch._foreach_norm(buffers)
            session.emit("statistics", largest=torch.stack([n.float().to(norms[0].device) for n in norms]).max())

    def _statistics(self, session: Session) -> List[Any]:
        roots = session.live(session.roots)
        if self.memory.get("roots") != len(roots):
            found = {
                id(b): b
                for root in roots
                for name, b in root.named_buffers()
                if name.rpartition(".")[2] in _STATISTICS and b.is_floating_point() and b.numel()
            }
            devices = {b.device for b in found.values()}
            self.memory.update(
                roots=len(roots), buffers=list(found.values())[:_MOST_BUFFERS] if len(devices) == 1 else []
            )
        return self.memory["buffers"]

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """The first of each kind."""
        losses = trace.events("loss")
        if not losses and not trace.events("step"):
            return not_seen("no backward pass was seen")
        gradients, statistics = trace.events("gradient"), trace.events("statistics")
        found = [
            (
                "the loss",
                [(e["s"], e.get("at")) for e in losses if _is_broken(e.get("v")) and not _is_spared(trace, e)],
            ),
            ("the gradient", [(e["s"], None) for e in gradients if _is_broken(e.get("norm"))]),
            ("the norm layers' running statistics", [(e["s"], None) for e in statistics if _is_broken(e["largest"])]),
        ]
        total = sum(len(rows) for _, rows in found)
        if total:
            what, rows = next((w, r) for w, r in found if r)
            at = f", at {rows[0][1]}" if rows[0][1] else ""
            return unhealthy(
                total, f"{what} is not finite from step {rows[0][0]} on ({counted(len(rows), 'time')}){at}"
            )
        scales = [s for s in (number(e["scale"]) for e in trace.events("step") if "scale" in e) if s is not None]
        if scales and scales[-1] < float(limits.get("min_scale", 1.0)) < scales[0]:
            return unhealthy(scales[-1], f"the scaler's scale fell from {short(scales[0])} to {short(scales[-1])}")
        seen = f"{counted(len(losses), 'loss').replace('losss', 'losses')} and {counted(len(gradients), 'gradient')}"
        note = f", the norm layers' statistics at {counted(len(statistics), 'step')}" if statistics else ""
        return healthy(0.0, f"{seen} are finite{note}")


def _is_spared(trace: Any, loss: Mapping[str, Any]) -> bool:
    """Whether a loss of Inf led to a step that was skipped: scaled up, half precision overflows."""
    value = number(loss.get("v"))
    following = (e for e in trace.events("step") if e["m"] > loss["m"])
    return value is not None and math.isinf(value) and bool(next(following, {}).get("skipped"))


def _is_broken(value: Any) -> bool:
    read = number(value)
    return read is not None and not math.isfinite(read)
