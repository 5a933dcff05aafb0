"""The share of positives that the program assumes."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._reading import finite, value_of

KIND = "class-prior"
_NAMES = ("label", "labels", "y", "target", "targets", "class", "cls")
_PLAIN_SAMPLERS = (None, "RandomSampler", "SequentialSampler", "DistributedSampler")
_MOST_CLASSES = 64


class ClassPrior(Probe):
    """Whether a class prior in the configuration agrees with the labels.

    What it measures
    ----------------
    The labels of the training batches: how many of each class. Against the number that
    ``[tool.mlfix.watch] class-prior`` names (``"config.py:PRIOR"``, ``"configs/run.yaml:loss.prior"``): the share of
    the largest label, or a list with a share for each class.

    Healthy
    -------
    The prior lies in the confidence interval of the labels' share.

    When it is not
    --------------
    Losses that use the prior (positive-unlabelled learning, logit adjustment) are biased by the difference.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("prior-mismatch",)
    unit: ClassVar[str] = "labels' share - prior"
    look_next: ClassVar[str] = "Count the labels of the whole training set, and put that share into the configuration."

    def __init__(self) -> None:
        super().__init__()
        self.counts: Dict[float, int] = {}
        self.sampler: Optional[str] = None

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Count the labels of a training batch."""
        if role == "validation":
            return
        labels = _labels(session.torch, batch)
        if labels is None:
            return
        self.sampler = type(getattr(loader, "sampler", None)).__name__
        try:
            most = len(loader.dataset)
        except (TypeError, AttributeError, NotImplementedError):  # an iterable dataset has no length
            most = math.inf
        if sum(self.counts.values()) >= most:
            return  # a second pass tells nothing new
        for label in labels.tolist():
            self.counts[label] = self.counts.get(label, 0) + 1
        if len(self.counts) > _MOST_CLASSES:
            self.counts.clear()

    def on_watched(self, session: Session, name: str, value: Any) -> None:
        """The prior that the user named."""
        if name != KIND:
            return
        if isinstance(value, session.torch.Tensor):
            value = value.detach().float().tolist()
        session.emit(KIND, prior=list(value) if isinstance(value, (list, tuple)) else [value])

    def on_stop(self, session: Session) -> None:
        """Write what was counted."""
        if self.counts:
            rows = sorted(self.counts.items())
            session.emit(KIND, labels=[k for k, _ in rows], counts=[n for _, n in rows], sampler=self.sampler)

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The prior against the interval of the share."""
        return _conclude(trace.events(KIND), healthy)


def _labels(torch: Any, batch: Any) -> Any:
    """The labels of a batch: a field of that name, or the last one; whole numbers, or zeros and ones."""
    if isinstance(batch, dict):
        found = [v for k, v in batch.items() if str(k).lower() in _NAMES]
    elif isinstance(batch, (list, tuple)) and len(batch) > 1:
        found = [batch[-1]]
    else:
        found = []
    for value in found:
        if isinstance(value, torch.Tensor) and value.numel() and value.dim() in (1, 2) and value.numel() == len(value):
            flat = value.detach().reshape(-1)
            if not flat.is_floating_point() or bool(((flat == 0) | (flat.abs() == 1)).all()):
                return flat
    return None


def _conclude(events: List[Mapping[str, Any]], row: Mapping[str, Any]) -> Reading:
    prior = next((finite(e["prior"]) for e in events if e.get("prior")), [])
    counted = [e for e in events if e.get("counts")]
    if not prior:
        return not_seen("no prior is named under [tool.mlfix.watch] class-prior")
    if not counted:
        return not_seen("no labels were recognised in the training batches")
    counts = [int(value_of(c) or 0) for c in counted[-1]["counts"]]
    total = sum(counts)
    if counted[-1].get("sampler") not in _PLAIN_SAMPLERS:
        return not_seen("the loader's %s changes the labels' shares" % counted[-1].get("sampler"))
    if total < row["min_labels"] or len(counts) < 2:
        return not_seen("only %d labels of %d classes were seen" % (total, len(counts)))
    if len(prior) > 1 and len(prior) != len(counts):
        return not_seen("the prior has %d classes, the labels have %d" % (len(prior), len(counts)))
    pairs = [(prior[0], counts[-1])] if len(prior) == 1 else list(zip(prior, counts))
    worst = max(pairs, key=lambda pair: abs(pair[0] - pair[1] / total))
    low, high = _interval(worst[1], total, row["sigmas"])
    share = worst[1] / total
    why = "%d of %d labels are positive or of the class (%.3f, between %.3f and %.3f); the prior is %.3f" % (
        worst[1], total, share, low, high, worst[0],
    )  # fmt: skip
    return healthy(share - worst[0], why) if low <= worst[0] <= high else unhealthy(share - worst[0], why)


def _interval(count: int, total: int, sigmas: float) -> Tuple[float, float]:
    """Wilson's interval of a share (Wilson 1927)."""
    share, square = count / total, sigmas * sigmas
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = sigmas / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return centre - half, centre + half
