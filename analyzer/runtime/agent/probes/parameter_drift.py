"""Whether the optimizer moves the weights."""

from __future__ import annotations

from types import FrameType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._sample import Sample
from ._words import counted, listed, number, short

if TYPE_CHECKING:
    from ..session import Session

_WRITTEN_AT = (3, 8, 16, 32, 64)


class ParameterDrift(Probe):
    """Every group of an optimizer moves its parameters where they have a gradient.

    What it measures
    ----------------
    The L2 norm of each tensor's change in a step, over up to 256 values spread over it, without what decoupled weight
    decay takes away: decay moves parameters whose every gradient is 0. Beside it stands whether the gradient at the
    same values was other than 0, so that rows of an embedding that no batch touched do not count. For matrices and
    kernels also the change as a share of their own size, which tells how far a learning rate throws them in a step.

    Healthy
    -------
    The median and the largest change are above 0 in each group, and most tensors with a gradient move.

    When it is not
    --------------
    A rate of 0, an optimizer that holds tensors the model no longer uses, or updates too small for half precision.
    """

    name = "parameter-drift"
    rules = ("learning-rate", "optimizer-built-too-early", "frozen-in-optimizer", "scheduler-accumulation")
    unit = "L2 change of a tensor in a step"
    look_next = "Compare id() of a parameter that stands still in model.parameters() and in optimizer.param_groups."

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Take the values before the first step."""
        for key in [k for k, sample in self.memory.items() if sample.is_over]:
            del self.memory[key]
        for optimizer in session.live(session.built):
            if id(optimizer) not in self.memory:
                self.memory[id(optimizer)] = Sample(session.torch, optimizer)

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """Compare with the values after the last sampled step."""
        sample: Optional[Sample] = self.memory.get(id(optimizer))
        if sample is None or not sample.is_of(optimizer):
            return
        sample.passed(optimizer, skipped)
        if not session.sampling or skipped:
            return
        moved = sample.compare()
        opt = session.steps.number(optimizer)
        if moved is None:
            return
        drift, over, shares = moved
        session.emit(
            "drift",
            opt=opt,
            over=over,
            median=drift.median() / over,
            largest=drift.max() / over,
            share=shares.median() / over if shares.numel() else None,
        )
        if sample.steps in _WRITTEN_AT:
            self._write(session, opt, sample)

    def on_stop(self, session: Session) -> None:
        """The groups' state at the end."""
        for optimizer in session.live(session.optimizers):
            sample = self.memory.get(id(optimizer))
            if sample is not None and sample.is_of(optimizer) and sample.steps:
                self._write(session, session.steps.number(optimizer), sample)

    def _write(self, session: Session, opt: int, sample: Sample) -> None:
        rows, still = sample.groups()
        names = {id(p): name for name, p in session.named_parameters()} if still else {}
        session.emit(
            "drift-groups",
            opt=opt,
            steps=sample.steps,
            groups=rows,
            still=[names.get(id(p), "a parameter") for p in still],
        )

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """Groups that stand still, then how far the rest moves."""
        latest: Dict[int, Mapping[str, Any]] = {e["opt"]: e for e in trace.events("drift-groups")}
        least = int(limits.get("minimum_steps", 3))
        judged = {opt: e for opt, e in latest.items() if e["steps"] >= least}
        if not judged:
            return not_seen(f"fewer than {least} optimizer steps were seen")
        drifts = [number(e["median"]) for e in trace.events("drift")]
        middle = _median([d for d in drifts if d is not None])
        for opt, event in judged.items():
            rates = _largest_rates(trace, opt)
            graded = sum(g["graded"] for g in event["groups"])
            moved = sum(g["moved"] for g in event["groups"])
            which = f"optimizer {opt + 1}'s " if len(latest) > 1 else ""
            for place, group in enumerate(event["groups"]):
                if group["graded"] and not group["moved"]:
                    rate = f" (learning rate {short(rates[place])})" if place < len(rates) else ""
                    name = f"{which}group {place}" if len(event["groups"]) > 1 else f"{which}optimizer"
                    return unhealthy(0.0, f"no parameter of the {name} moved in {event['steps']} steps{rate}")
            if graded and moved < float(limits.get("min_share", 0.5)) * graded:
                names = listed([f"`{n}`" for n in event["still"]])
                still = f"{graded - moved} of {graded} tensors with a gradient"
                return unhealthy(middle, f"{still} did not move in {event['steps']} steps: {names}")
        if not any(g["graded"] for e in judged.values() for g in e["groups"]):
            return not_seen("no sampled parameter had a gradient at a step")
        steps = max(int(e["steps"]) for e in judged.values())
        return healthy(
            middle, f"half of the tensors move by more than {short(middle)} a step, over {counted(steps, 'step')}"
        )


def _median(values: List[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def _largest_rates(trace: Any, opt: int) -> List[float]:
    rows = [[number(v) or 0.0 for v in e["lr"]] for e in trace.events("step") if e.get("opt") == opt]
    return [max(column) for column in zip(*rows)]
