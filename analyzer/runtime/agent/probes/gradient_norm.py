"""How large the gradients are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Mapping

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ._gradients import Gradients
from ._words import counted, number, short

if TYPE_CHECKING:
    from ..session import Session


class GradientNorm(Probe):
    """The norm of all gradients lies in a usual range; outside of it is told, not judged.

    What it measures
    ----------------
    The median over steps of the norm over all of an optimizer's gradients: before clipping where the program clips
    by norm, after the scaler's division under AMP.

    Healthy
    -------
    Usually 0.1 to 10. Many sound programs lie outside, so that a reading there is healthy with a note.

    When it is not
    --------------
    The norm is 0 at every step, is not a number at steps that are taken, or grows by orders of magnitude.
    """

    name = "gradient-norm"
    rules = ("learning-rate", "no-grad-clip", "unstable-log", "tiny-epsilon", "missing-zero-grad")
    unit = "norm"
    look_next = "Print the loss terms and the norm of each module's gradient where the norm leaves its range."

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """Measure in sampled steps."""
        if session.sampling and not skipped:
            Gradients.of(session, optimizer)

    def conclude(self, trace: Any, limits: Mapping[str, Any]) -> Reading:
        """The median, beside its course."""
        rows = [e for e in trace.events("gradient") if e.get("norm") is not None]
        norms = [
            n
            for n in (number(e["before"] if e.get("before") is not None else e["norm"]) for e in rows)
            if n is not None
        ]
        if not norms:
            return not_seen("no optimizer stepped with a gradient")
        broken = sum(not math.isfinite(n) for n in norms)
        finite = sorted(n for n in norms if math.isfinite(n))
        if broken:
            return unhealthy(None, f"the gradient's norm is not finite at {broken} of {counted(len(norms), 'step')}")
        middle = finite[len(finite) // 2]
        if finite[-1] == 0.0 and len(norms) >= int(limits.get("minimum_steps", 3)):
            return unhealthy(0.0, f"the gradient is exactly 0 at all of {counted(len(norms), 'step')}")
        growth = float(limits.get("growth", 1e4))
        third = max(1, len(norms) // 3)
        early, late = sorted(norms[:third])[third // 2], sorted(norms[-third:])[third // 2]
        if len(norms) >= 6 and late > growth * max(early, 1.0):
            return unhealthy(
                late, f"the gradient's norm grew from {short(early)} to {short(late)} in {len(norms)} steps"
            )
        low, high = float(limits.get("min", 0.1)), float(limits.get("max", 10))
        outside = "" if low <= middle <= high else f", outside of the usual {short(low)} to {short(high)}"
        return healthy(middle, f"the gradient's norm is {short(middle)} in the middle of {len(norms)} steps{outside}")
