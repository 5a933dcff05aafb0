"""The validation loss."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._reading import finite, mean, place, value_of

KIND = "validation-loss"
_MOST_VALUES = 64
_MOST_TENSORS = 64
_HALVES = ("torch.float16", "torch.bfloat16")


class ValidationLoss(Probe):
    """Whether the validation loss follows the model, and is computed in full precision.

    What it measures
    ----------------
    Losses of validation batches: those of ``torch.nn.functional``, and the numbers that criterion modules return.
    Values between two optimizer steps are one validation. A digest tells whether two validations gave the same numbers
    although the weights had moved.

    Healthy
    -------
    Two validations differ once the weights have moved; values are float32 or wider.

    When it is not
    --------------
    The same numbers mean that something else than the trained weights is evaluated (a stale copy, a cached output). A
    loss in half precision has two or three digits: small gains drown in rounding, sums of many terms overflow.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("val-autocast", "state-dict-not-called")
    unit: ClassVar[str] = "validations that differ"
    look_next: ClassVar[str] = (
        "Print a sum of the evaluated model's weights before each validation, and the dtype of its outputs."
    )

    def __init__(self) -> None:
        super().__init__()
        self.at_step = -1
        self.values: Dict[str, List[Any]] = {}
        self.dtypes: Dict[str, str] = {}
        self.names: Dict[str, str] = {}

    def on_evaluation(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], value: Any, site: str
    ) -> None:
        """A loss of ``torch.nn.functional``."""
        if session.role != "train":  # a pass over training batches, or what a teacher computes on them
            self._add(session, site, name, value)

    def on_forward(self, session: Session, root: Any, inputs: Tuple[Any, ...], output: Any) -> None:
        """A criterion module with an output of one number, or several by name."""
        if session.role == "train":
            return
        parts = output.items() if isinstance(output, dict) else [("", output)]
        for key, value in list(parts):
            is_number = isinstance(value, session.torch.Tensor) and value.dim() == 0 and value.is_floating_point()
            if is_number and not value.requires_grad:
                name = type(root).__name__ + (".%s" % key if key else "")
                self._add(session, name, name, value)

    def _add(self, session: Session, site: str, name: str, value: Any) -> None:
        if not isinstance(value, session.torch.Tensor) or not value.is_floating_point():
            return
        if session.step != self.at_step:
            self._write(session)
            self.at_step = session.step
        values = self.values.setdefault(site, [])
        self.names[site], self.dtypes[site] = name, str(value.dtype)
        if len(values) < _MOST_VALUES:
            values.append(value.detach().float().mean().clone())

    def _write(self, session: Session) -> None:
        """Write the validation that is over."""
        if self.values:
            weights = _digest_of_weights(session)
            for site, values in self.values.items():
                numbers = session.torch.stack([v.cpu() for v in values]).tolist()
                session.emit(
                    KIND,
                    at=site,
                    fn=self.names[site],
                    step=self.at_step,
                    n=len(numbers),
                    mean=mean(numbers),
                    hash=_digest(numbers),
                    dtype=self.dtypes[site],
                    weights=weights,
                )
        self.values = {}

    def on_stop(self, session: Session) -> None:
        """The last validation is over too."""
        self._write(session)

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Constant or half-precision values; healthy only with two validations."""
        return _conclude(trace.events(KIND), healthy)


def _digest(numbers: List[float]) -> str:
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def _digest_of_weights(session: Session) -> Optional[str]:
    """A digest of a few values of each trained tensor."""
    rows = []
    for optimizer in session.live(session.optimizers):
        for group in optimizer.param_groups:
            for parameter in group["params"][:_MOST_TENSORS]:
                local = parameter.detach()
                local = local.to_local() if hasattr(local, "to_local") else local
                if local.numel():
                    rows.append(local.reshape(-1)[:4].double().sum())
    if not rows:
        return None
    return _digest(session.torch.stack([r.cpu() for r in rows]).tolist())


def _conclude(events: List[Mapping[str, Any]], row: Mapping[str, Any]) -> Reading:
    if not events:
        return not_seen("no loss was computed on validation batches")
    halves = sorted({"`%s` in %s" % (e.get("fn"), e.get("dtype")) for e in events if e.get("dtype") in _HALVES})
    if halves and row["full_precision"]:
        return unhealthy(0, "the validation loss is computed in half precision: %s" % ", ".join(halves))
    by_site: Dict[str, List[Mapping[str, Any]]] = {}
    for event in events:
        by_site.setdefault(str(event.get("at")), []).append(event)
    said, pairs, differ, same = [], 0, 0, []
    for site, runs in by_site.items():
        for position, after in enumerate(runs[1:]):
            before = runs[position]
            if before.get("n") != after.get("n") or before.get("weights") in (None, after.get("weights")):
                continue
            pairs += 1
            if before.get("hash") != after.get("hash"):
                differ += 1
            elif value_of(after.get("mean")) != 0.0:
                same.append((site, before, after))
        means = finite(r.get("mean") for r in runs)
        if means:
            said.append("%s %s" % (place(site), " -> ".join("%.4g" % m for m in means[:4])))
    if not pairs:
        return not_seen("fewer than two validations with a step in between: %s" % "; ".join(said))
    if same and not differ:
        site, before, after = same[0]
        return unhealthy(
            0,
            "`%s` (%s) gave %.6g at step %s and again at step %s, although the weights had moved"
            % (after.get("fn"), place(site), value_of(after.get("mean")) or 0.0, before.get("step"), after.get("step")),
        )
    return healthy(differ, "the validation loss changes: %s" % "; ".join(said))
