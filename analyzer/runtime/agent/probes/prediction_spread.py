"""How much predictions differ between samples."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._arguments import argument
from ._reading import finite, mean, place, value_of

KIND = "prediction-spread"
_BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
_MOST_ROWS = 512
_LAST = 3
_NONE = 1e-6


class PredictionSpread(Probe):
    """Whether predictions depend on the input.

    What it measures
    ----------------
    The input of classification losses in training: the standard deviation over samples of each class's logit (less the
    sample's mean) or probability, and whether all samples of a batch are given one class.

    Healthy
    -------
    A spread of at least 0.1, or one that grows: a fresh model starts small.

    When it is not
    --------------
    The model gives every input the same answer. Units that died after too large a step, a head whose input is constant,
    a softmax before the loss's own, or a class weight that makes one answer always right.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("activation-loss-mismatch", "batchnorm-head", "dropped-input")
    unit: ClassVar[str] = "standard deviation over samples"
    look_next: ClassVar[str] = "Print mean and spread of each layer's output over one batch: where does the spread end?"

    def __init__(self) -> None:
        super().__init__()
        self.calls: Dict[str, int] = {}

    def on_loss(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """Look at what a classification loss is given."""
        torch = session.torch
        given, target = argument(args, kwargs, 0, "input"), argument(args, kwargs, 1, "target")
        is_classes = name in ("cross_entropy", "nll_loss")
        if not (is_classes or name in _BINARY) or not isinstance(given, torch.Tensor) or given.shape[:1] == (1,):
            return
        if not isinstance(target, torch.Tensor) or given.dim() < 1 or len(target) != len(given):
            return
        self.calls[site] = call = self.calls.get(site, 0) + 1
        if call > _LAST and call % (2 if call < 32 else 8):
            return
        rows, labels = _rows(given.detach(), target.detach(), is_classes)
        if rows is None or len(rows) < 2:
            return
        if is_classes:
            centred = rows - rows.mean(1, keepdim=True)
            chosen = rows.argmax(1)
        else:
            centred = rows
            chosen = (rows[:, 0] > (0.5 if name == "binary_cross_entropy" else 0.0)).long()
        common = labels.mode().values if labels is not None else None
        session.emit(
            KIND,
            at=site,
            fn=name,
            n=len(rows),
            std=centred.std(0).mean(),
            one=(chosen == chosen[0]).all(),
            common=(labels == common).float().mean() if labels is not None else None,
            dense=given.dim() > 2,
        )

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The loss whose predictions differ least."""
        by_site: Dict[str, List[Mapping[str, Any]]] = {}
        for event in trace.events(KIND):
            by_site.setdefault(str(event.get("at")), []).append(event)
        readings = [_of_site(site, rows, trace.steps, healthy) for site, rows in by_site.items()]
        seen = [r for r in readings if r.status != "not seen"]
        if not readings:
            return not_seen("no classification loss was computed in training")
        if not seen:
            return readings[0]
        return min(seen, key=lambda r: (r.status != "unhealthy", r.value))


def _rows(given: Any, target: Any, is_classes: bool) -> Tuple[Any, Any]:
    """A row of numbers for each sample, and a label for each where there is one."""
    if is_classes:
        if given.dim() < 2 or given.shape[1] < 2:
            return None, None
        rows = given.movedim(1, -1).reshape(-1, given.shape[1])
        labels = target.reshape(-1) if not target.is_floating_point() and target.numel() == len(rows) else None
    else:
        rows = given.reshape(len(given), -1)
        labels = target.reshape(-1) if target.numel() == len(rows) else None
    step = max(1, len(rows) // _MOST_ROWS)
    return rows[::step].float(), None if labels is None else labels[::step]


def _of_site(site: str, events: List[Mapping[str, Any]], steps: int, row: Mapping[str, Any]) -> Reading:
    spreads = finite(e.get("std") for e in events)
    if len(spreads) < 2 * _LAST or steps < row["minimum_steps"]:
        return not_seen("too few steps to judge the predictions at %s" % place(site))
    first, last = mean(spreads[:_LAST]), mean(spreads[-_LAST:])
    course = "the predictions at %s have a spread of %.3g over samples, at the start %.3g" % (place(site), last, first)
    if max(spreads) <= _NONE:
        return unhealthy(last, course + ": every input gets the same answer")
    is_shrinking = last <= 0.5 * first
    if is_shrinking and last < row["min_std"]:
        return unhealthy(last, course + ": they no longer depend on the input")
    if is_shrinking and all(_is_one_class(e, row) for e in events[-_LAST:]):
        return unhealthy(last, course + ": all samples are given one class")
    return healthy(last, course)


def _is_one_class(event: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    common: Optional[float] = value_of(event.get("common"))
    enough = (value_of(event.get("n")) or 0) >= row["min_samples"] and not event.get("dense")
    return bool(event.get("one")) and enough and common is not None and common <= row["max_common"]
