"""Whether every batch keeps the same form: types, shapes, ranges, layout, targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Tuple

from ..alignment import Alignment
from ..contract import describe, merge, troubles
from ..fields import tensors
from ..probe import Probe, Reading, not_seen, unhealthy
from ..probe import healthy as well

if TYPE_CHECKING:
    from ..session import Session

LOOKED_AT = 12  # batches of each loader, and inputs of each root module and mode
MOST_FIELDS = 32


class DataContract(Probe):
    """Whether each field of a batch keeps its form, and the model is given the same in training and evaluation.

    What it measures
    ----------------
    The first batches of each loader, field by field (``0``, ``target.boxes`` ...), and what the model is given in
    training and in evaluation: type, shape, layout, range, share of NaN; boxes, keypoints and masks against the size of
    their image. The value is the number of fields.

    Healthy
    -------
    Each field has one type. The model's inputs have the same scale and layout in training and in evaluation. Classes
    are fewer than logits; boxes and masks lie on their image.

    When it is not
    --------------
    Only what is certain is told: a field whose type changes from batch to batch; inputs of 0 to 255 in one mode and
    normalised ones in the other, or normalised against those of 0 to 1; channels first against channels last; NaN in
    the inputs that reaches the output; a class that has no logit; boxes, keypoints or masks that fit their image only
    with height and width exchanged; targets without a single box.
    """

    name = "data-contract"
    rules = ("split-normalization", "pil-numpy-confusion", "dtype-roundtrip", "unaligned-transform", "nan-argmin")
    unit = "fields"
    look_next = "Draw one batch of each loader just before the model, with its targets, as the model gets it."

    def on_start(self, session: Session) -> None:
        """Nothing was handed out yet."""
        self.batches: Dict[Tuple[int, str], Dict[str, Any]] = {}
        self.inputs: Dict[Tuple[int, bool, str], Dict[str, Any]] = {}
        self.roles: Dict[int, str] = {}
        self.counts: Dict[Any, int] = {}
        self.alignment = Alignment(session.torch)
        self.nan_outputs: List[str] = []

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Describe each field of a batch."""
        number = session.number_of(loader)
        self.roles[number] = role
        count = self.counts[number] = self.counts.get(number, 0) + 1
        if count > LOOKED_AT:
            return
        found = tensors(session.torch, batch)[:MOST_FIELDS]
        for path, tensor in found:
            self._add(self.batches, (number, path), describe(session.torch, tensor))
        self.alignment.look(batch)
        if count == 1:
            self._write(session)

    def on_epoch(self, session: Session, loader: Any, role: str, index: int, batches: int) -> None:
        """The role is known for certain now."""
        self.roles[session.number_of(loader)] = role

    def on_forward(self, session: Session, root: Any, inputs: Tuple[Any, ...], output: Any) -> None:
        """Describe what the model was given."""
        key = (session.number_of(root), bool(root.training))
        count = self.counts[key] = self.counts.get(key, 0) + 1
        if count > LOOKED_AT:
            return
        given = tensors(session.torch, list(inputs)) + tensors(session.torch, session.forwards.keywords())
        for path, tensor in given[:MOST_FIELDS]:
            described = describe(session.torch, tensor)
            self._add(self.inputs, (*key, path), described)
            if described["nan"] and any(_has_nan(t) for _, t in tensors(session.torch, output)):
                told = "%s %s" % (type(root).__name__, path)
                self.nan_outputs += [told] if told not in self.nan_outputs else []

    def _add(self, store: Dict[Any, Dict[str, Any]], key: Any, described: Dict[str, Any]) -> None:
        store[key] = merge(store[key], described) if key in store else described

    def on_stop(self, session: Session) -> None:
        """Write what was seen."""
        self._write(session)

    def _write(self, session: Session) -> None:
        # The last event counts; one is written early in case that the run is killed.
        names = {session.number_of(root): type(root).__name__ for root in session.live(session.roots)}
        session.emit(
            self.name,
            batches=[[n, self.roles.get(n, "unknown"), path, d] for (n, path), d in self.batches.items()],
            inputs=[[names.get(n, "?"), mode, path, d] for (n, mode, path), d in self.inputs.items()],
            nan=self.nan_outputs,
            alignment=self.alignment.result(),
        )

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Unhealthy where something of the contract is certainly broken."""
        event = trace.last(self.name)
        found = troubles(event or {}, trace.last("exc"), float(healthy.get("outside", 0.2)))
        if found:
            return unhealthy(len(found), "; ".join(found[:3]))
        if event is None or not (event["batches"] or event["inputs"]):
            return not_seen("no batch of a loader and no input of a model was seen")
        told = ["%s %s: %s" % (role, path, _short(d)) for _, role, path, d in event["batches"]]
        told = told or ["%s %s: %s" % (root, path, _short(d)) for root, _, path, d in event["inputs"]]
        more = " and %d more" % (len(told) - 4) if len(told) > 4 else ""
        return well(len(told), "; ".join(told[:4]) + more)


def _has_nan(tensor: Any) -> bool:
    return tensor.is_floating_point() and bool(tensor.isnan().any())


def _short(described: Mapping[str, Any]) -> str:
    shape = "x".join("?" if n is None else str(n) for n in described["shape"] or []) or "numbers"
    least, most = described["min"], described["max"]
    bounds = (
        " from %.3g to %.3g" % (least, most)
        if isinstance(least, (int, float)) and isinstance(most, (int, float))
        else ""
    )
    return "%s %s%s" % ("/".join(described["dtypes"]), shape, bounds)
