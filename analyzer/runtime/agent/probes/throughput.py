"""Where a step's time goes, and whether the GPU is kept busy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, List, Mapping, Optional

from ..gpu import Utilisation
from ..probe import Probe, Reading, not_seen
from ..probe import healthy as well
from ..probe import unhealthy as ill

if TYPE_CHECKING:
    from ..session import Session

PARTS = ("data", "forward", "backward", "optimizer")
WARM_UP = 3  # steps that also load kernels and fill caches
BETWEEN_SAMPLES = 0.2  # seconds; the driver's own window is about as long


class Throughput(Probe):
    """Where a step's time goes, and whether the GPU is kept busy.

    What it measures
    ----------------
    The time of a step, after the first three, in parts: waiting for data, forward (with whatever else the loop does),
    backward, optimizer. On a GPU also the driver's utilisation, sampled five times a second while steps are taken; it
    counts every process on that GPU. The value is the utilisation in percent, and on a CPU the share of the step that
    waits for data.

    Healthy
    -------
    A GPU that is used at least 70 % of the time, over five seconds of steps or more. On a CPU the reading only informs.

    When it is not
    --------------
    The GPU waits: for data, where that part of the step is large; else for Python, which launches many small kernels.
    On a GPU the parts are times of the host, which runs ahead of the device.
    """

    name = "throughput"
    rules = ("slice-loop-op", "loop-contrastive-loss")
    unit = "%"
    look_next = "Where data takes most of the step, add loader workers; else profile one step with torch.profiler."

    def on_start(self, session: Session) -> None:
        """No GPU is known before it is used."""
        self.gpu: Optional[Utilisation] = None
        self.tried = False
        self.sampled = 0.0
        self.began = 0.0

    def on_step(self, session: Session, optimizer: Any, skipped: bool) -> None:
        """Sample the GPU's utilisation."""
        now = time.perf_counter()
        if session.step < WARM_UP or now - self.sampled < BETWEEN_SAMPLES:
            return
        if not self.tried:
            self.tried = True
            self.began = now
            if session.torch.cuda.is_available() and session.torch.cuda.is_initialized():
                self.gpu = Utilisation(session.torch)
        self.sampled = now
        used = self.gpu.percent() if self.gpu is not None else None
        if used is None:
            session.dismiss(self, "on_step")
        else:
            session.emit(self.name, used=used, since=now - self.began)

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Utilisation where there is a GPU, else the parts alone."""
        told, waiting = _told(trace.events("step"))
        if not told:
            return not_seen("too few steps to take their time: more than %d are needed" % (WARM_UP + 1))
        samples = trace.events(self.name)
        if trace.header.get("device", "cpu") == "cpu":
            return well(round(100 * waiting, 1), told)
        least, seconds = float(healthy.get("min", 70)), float(healthy.get("seconds", 5))
        if not samples:
            return not_seen("the driver told no utilisation; %s" % told)
        if float(samples[-1]["since"]) < seconds:
            return not_seen("steps were taken for less than %g s after warming up; %s" % (seconds, told))
        used = sum(float(s["used"]) for s in samples) / len(samples)
        told = "the GPU is used %d %% of the time (%d samples); %s" % (round(used), len(samples), told)
        return (well if used >= least else ill)(round(used, 1), told)


def _told(steps: List[Mapping[str, Any]]) -> Any:
    """The parts of a step in words, and the share that waits for data."""
    later = [s for s in steps if int(s.get("taken") or 0) > WARM_UP and not s.get("skipped")]
    if not later:
        return "", 0.0
    sums = {part: sum(float(s.get(part) or 0.0) for s in later) for part in PARTS}
    total = sum(sums.values())
    if total <= 0:
        return "", 0.0
    shares = ", ".join("%s %d %%" % (part, round(100 * sums[part] / total)) for part in PARTS)
    each = 1000 * total / len(later)
    return "a step takes %.3g ms: %s" % (each, shares), sums["data"] / total
