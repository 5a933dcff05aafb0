"""Whether the optimizer's steps are taken."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._words import counted


class StepTaken(Probe):
    """Steps are taken, not skipped by the gradient scaler.

    What it measures
    ----------------
    The share of steps that the scaler skipped because it found Inf or NaN among the gradients, after the first step
    that it let through: until then it looks for its scale, which is its warm-up.

    Healthy
    -------
    Nothing skipped beyond the warm-up but now and then one: the scaler doubles its scale from time to time to try.

    When it is not
    --------------
    The gradients overflow in half precision whatever the scale, and the model is trained less than it seems.
    """

    name = "step-taken"
    rules = ("amp-batchnorm", "val-autocast", "tiny-epsilon", "unstable-log", "clip-before-unscale", "amp-import")
    unit = "share of steps skipped"
    look_next = "Find the first operation that overflows: torch.autograd.set_detect_anomaly(True), with autocast off."

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """The share, for each optimizer; the worst is told."""
        if not trace.events("step"):
            backwards = counted(trace.backwards, "backward pass")
            return not_seen(f"no optimizer stepped ({backwards.replace('passs', 'passes')})")
        by_optimizer: Dict[int, List[bool]] = {}
        for event in trace.events("step"):
            by_optimizer.setdefault(event.get("opt", 0), []).append(bool(event.get("skipped")))
        warm_up = int(limits.get("warm_up", 20))
        worst, why = 0.0, ""
        for skips in by_optimizer.values():
            first = next((i for i, skipped in enumerate(skips) if not skipped), len(skips))
            if first == len(skips) <= warm_up and worst < 1.0:
                if len(by_optimizer) == 1:
                    return not_seen(
                        f"all of {counted(len(skips), 'step')} were skipped: the scaler still looks for its scale"
                    )
                continue
            if first > warm_up:
                return unhealthy(1.0, f"the gradient scaler skipped the first {first} steps of {len(skips)}")
            after = skips[first:]
            lost = sum(after)
            share = lost / len(after)
            if lost > int(limits.get("spared", 2)) and share > worst:
                worst, why = (
                    share,
                    f"the gradient scaler skipped {lost} of {len(after)} steps after its warm-up of {first}",
                )
        if worst > float(limits.get("max", 0.05)):
            return unhealthy(worst, why)
        total = sum(map(len, by_optimizer.values()))
        skipped = sum(map(sum, by_optimizer.values()))
        note = f", {skipped} of them skipped by the gradient scaler's warm-up" if skipped else ", none skipped"
        return healthy(worst, f"{counted(total, 'step')}{note}")
