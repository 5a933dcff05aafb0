"""Whether the labels can be learned from the inputs at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..fields import tensors
from ..learner import auc_of_small_network
from ..probe import Probe, Reading, not_seen, unhealthy
from ..probe import healthy as well

if TYPE_CHECKING:
    from ..session import Session

MOST_SAMPLES = 1024
MOST_VALUES = 8_000_000  # of all kept inputs together
LOSSES = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")


class Baseline(Probe):
    """Whether a small network learns anything of the labels.

    What it measures
    ----------------
    The batches of the first training pass whose labels are known: the field that a classification loss got as its
    target. When the run ends, a small network (convolutions for images, else two dense layers) is trained on three
    quarters of them and ranks the rest, four times, for at most ten seconds in all. The value is the area under the ROC
    curve, the mean over the classes, each against the others.

    Healthy
    -------
    Above 0.6: something of the labels can be learned from so little.

    When it is not
    --------------
    Look at the data before the training: inputs and labels may not belong together. It may also be a hard task, or too
    few samples; so this probe runs only where it is asked for.
    """

    name = "baseline"
    rules = ("dropped-input", "dtype-roundtrip", "pil-numpy-confusion", "split-normalization", "few-positives")
    default = False
    look_next = "Draw twenty training samples with their labels, from the batch that the model gets."

    def on_start(self, session: Session) -> None:
        """Nothing was handed out yet."""
        self.batches: List[List[Tuple[str, Any]]] = []
        self.values = 0
        self.label: Optional[str] = None
        self.waiting: List[Tuple[str, Any]] = []
        self.is_over = False

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Keep the batch's tensors, until it is known whether it is for training."""
        if role == "validation" or self.is_over or self.values > MOST_VALUES:
            return
        self.waiting = [(p, t.clone()) for p, t in tensors(session.torch, batch) if t.dim() > 0]

    def on_epoch(self, session: Session, loader: Any, role: str, index: int, batches: int) -> None:
        """The next pass shows the same samples: to rank what was learned would say nothing."""
        self.is_over = self.is_over or bool(self.batches and role == "train")

    def on_loss(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """Find the field that is the target."""
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if name not in LOSSES or target is None or not self.waiting:
            return
        flat = target.detach().reshape(-1).cpu()
        for path, tensor in self.waiting:
            same = tensor.reshape(-1).cpu()
            if same.shape == flat.shape and bool((same.double() == flat.double()).all()):
                self.label = self.label or path
                if path == self.label:
                    self.batches.append(self.waiting)
                    self.values += sum(t.numel() for _, t in self.waiting)
                break
        self.waiting = []

    def on_stop(self, session: Session) -> None:
        """Train the small network."""
        found = self._samples(session.torch, self.label) if self.label is not None else None
        event: Dict[str, Any] = {"label": self.label}
        if self.label is None:
            event["skipped"] = "no classification loss got a field of a training batch as its target"
        elif found is None:
            event["skipped"] = "no field is the one input of all batches"
        else:
            path, inputs, labels = found
            event.update(input=path, samples=len(labels), **auc_of_small_network(session.torch, inputs, labels))
        session.emit(self.name, **event)

    def _samples(self, torch: Any, label: str) -> Optional[Tuple[str, Any, Any]]:
        """The one large field with a row for each label, and the labels; None where several are as large."""
        rows: List[Tuple[Any, Any]] = []
        chosen = ""
        for batch in self.batches:
            fields = dict(batch)
            labels = fields.pop(label, None)
            if labels is None or (labels.dim() == 2 and labels.shape[1] != 1) or labels.dim() > 2:
                continue
            sized: Dict[str, Any] = {p: t for p, t in fields.items() if len(t) == len(labels) and t.numel() > len(t)}
            large = [p for p, t in sized.items() if 2 * t.numel() >= max(t.numel() for t in sized.values())]
            if len(large) != 1 or large[0] != (chosen or large[0]):
                return None
            chosen = large[0]
            rows.append((sized[chosen].float(), labels.reshape(-1).long()))
        shapes = {tuple(x.shape[1:]) for x, _ in rows}
        if len(shapes) != 1:
            return None
        inputs = torch.cat([x for x, _ in rows])[:MOST_SAMPLES]
        return chosen, inputs, torch.cat([y for _, y in rows])[:MOST_SAMPLES]

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Unhealthy where the small network learned nothing."""
        event = trace.last(self.name)
        if event is None:
            return not_seen("the run ended before the baseline could be trained")
        if event.get("auc") is None:
            return not_seen(str(event.get("skipped") or "no network could be trained"))
        area, least = float(event["auc"]), float(healthy.get("min", 0.6))
        told = "a small network trained on %d samples of %s tells %s with an AUC of %.2f"
        told = told % (event["samples"], event["input"], event["label"], area)
        return (well if area > least else unhealthy)(round(area, 3), told)
