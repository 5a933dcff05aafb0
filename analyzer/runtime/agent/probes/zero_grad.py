"""Whether gradients are cleared between steps."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._gradients import local
from ._words import counted

if TYPE_CHECKING:
    from ..session import Session

_MOST_WATCHED = 12
_VALUES = 64


class ZeroGrad(Probe):
    """An optimizer's gradients are cleared at some time between two of its steps.

    What it measures
    ----------------
    After each step a few of the optimizer's gradients are remembered, and looked at again before every backward pass
    and after every ``zero_grad``: cleared is what is None or all 0, whoever did it. Another optimizer's backward in
    between (as in a GAN) does no harm, because one clear sight of each gradient is enough.

    Healthy
    -------
    Every step but the first has its gradients cleared since the one before.

    When it is not
    --------------
    Each step uses the sum of all gradients so far. The loss may well fall faster at first, so that no curve shows it.
    """

    name = "zero-grad"
    rules = ("missing-zero-grad", "optimizer-built-too-early")
    unit = "share of steps on gradients that were not cleared"
    look_next = "Find zero_grad() in the loop: it must run once a step, on the optimizer that steps, before backward."

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """What is cleared before a backward pass?"""
        self._look()
        for watched in self.memory.values():
            watched["backwards"] += 1

    def on_zero_grad(self, session: Session, optimizer: Any) -> None:
        """What did it clear?"""
        if session.sampling:
            self._look()

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """A step ends the time in which its gradients must be cleared."""
        number = session.steps.number(optimizer)
        before = self.memory.pop(number, None)
        if not session.sampling:
            self.memory.clear()  # what happens until the next sampled step is not seen
            return
        if before is not None and before["backwards"]:
            session.emit("zero-grad", opt=number, cleared=_all_cleared(session.torch, before["seen"]))
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        stride = max(1, len(parameters) // _MOST_WATCHED)
        watched = parameters[::stride][:_MOST_WATCHED]
        if watched:
            self.memory[number] = {"parameters": watched, "seen": [False] * len(watched), "backwards": 0}

    def _look(self) -> None:
        for watched in self.memory.values():
            seen: List[Any] = watched["seen"]
            for place, parameter in enumerate(watched["parameters"]):
                if seen[place] is True:
                    continue
                if parameter.grad is None:
                    seen[place] = True
                else:
                    values = local(parameter.grad)
                    flat = values.reshape(-1) if values.numel() <= _VALUES else _some(values)
                    now = ~(flat != 0).any()
                    seen[place] = now if seen[place] is False else seen[place] | now

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """The share for the worst optimizer."""
        by_optimizer: Dict[int, List[bool]] = {}
        for event in trace.events("zero-grad"):
            by_optimizer.setdefault(event["opt"], []).append(bool(event["cleared"]))
        least = int(limits.get("minimum_steps", 2))
        judged = {n: rows for n, rows in by_optimizer.items() if len(rows) >= least}
        if not judged:
            return not_seen(f"fewer than {least} pairs of steps with gradients were seen")
        number, rows = max(judged.items(), key=lambda item: item[1].count(False) / len(item[1]))
        share = rows.count(False) / len(rows)
        if share > float(limits.get("max", 0.4)):
            which = f" of optimizer {number + 1}" if len(by_optimizer) > 1 else ""
            often = f"{rows.count(False)} of {counted(len(rows), 'step')}"
            return unhealthy(share, f"the gradients{which} were not cleared before {often}")
        return healthy(share, f"gradients were cleared before {rows.count(True)} of {counted(len(rows), 'step')}")


def _some(values: Any) -> Any:
    """A few values, strided over the memory where it is dense; a copy of all is never made."""
    if values.is_contiguous():
        return values.view(-1)[:: values.numel() // _VALUES]
    return values[..., 0]


def _all_cleared(torch: Any, seen: List[Any]) -> Any:
    tensors = [s for s in seen if not isinstance(s, bool)]
    if any(s is False for s in seen):
        return False
    return torch.stack([t.cpu() for t in tensors]).all() if tensors else True
