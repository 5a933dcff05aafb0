"""Whether the model's output depends on its input at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ..fields import mapped, tensors
from ..generators import States
from ..probe import Probe, Reading, not_seen, unhealthy
from ..probe import healthy as well

if TYPE_CHECKING:
    from ..session import Session

LEAST_STEPS = 3  # layers that begin with zeros have moved then
MOST_VALUES = 20_000_000  # of inputs that are kept


class InputBaseline(Probe):
    """Whether the output depends on the input at all.

    What it measures
    ----------------
    When the run ends, each root module that was trained runs again, in evaluation mode and without gradients, on an
    input of the training and on zeros in its place, with the same random numbers. The value is the largest difference
    of the outputs, against the largest output.

    Healthy
    -------
    Above 0: the output depends on the input.

    When it is not
    --------------
    Both outputs are equal to the last bit: the input never reaches the output. The network learns at most how frequent
    each target is.
    """

    name = "input-baseline"
    rules = ("dropped-input", "dtype-roundtrip", "double-deg2rad")
    look_next = "Follow the input through forward() and print where its standard deviation becomes 0."

    def on_start(self, session: Session) -> None:
        """Nothing has run yet."""
        self.kept: Dict[int, Tuple[Any, Any]] = {}  # arguments and keywords by root
        self.looked = -1

    def on_forward_begins(self, session: Session, root: Any, inputs: Tuple[Any, ...]) -> None:
        """Keep what a root module in training is given: of its first call, and of one in the last steps."""
        number = session.number_of(root)
        if not root.training or (number in self.kept and not self._is_late(session)):
            return
        given = (inputs, session.forwards.keywords())
        if sum(t.numel() for _, t in tensors(session.torch, list(given))) <= MOST_VALUES:
            self.kept[number] = mapped(given, lambda leaf: _clone(session.torch, leaf))

    def _is_late(self, session: Session) -> bool:
        steps = session.settings.steps
        return steps is not None and session.step == steps - 1

    def on_stop(self, session: Session) -> None:
        """Run each root module twice more."""
        if session.step < LEAST_STEPS:
            return
        for root in session.live(session.roots)[:4]:
            number = session.number_of(root)
            if number not in self.kept or not any(p.requires_grad for p in root.parameters()):
                continue
            event: Dict[str, Any] = {"root": type(root).__name__}
            try:
                event.update(_compare(session, root, *self.kept[number]))
            except Exception as error:  # the model may not bear zeros, or evaluation
                event["error"] = "%s: %s" % (type(error).__name__, str(error)[:200])
            session.emit(self.name, **event)

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Unhealthy where outputs are equal to the last bit."""
        events = trace.events(self.name)
        seen = [e for e in events if "difference" in e]
        for event in seen:
            if not event["difference"]:
                return unhealthy(
                    0.0, "the output of %s is the same, to the last bit, with zeros for its input" % event["root"]
                )
        if not seen:
            reasons = ["%s: %s" % (e["root"], e.get("error") or e.get("skipped")) for e in events]
            few = "no model in training with inputs was seen for %d steps" % LEAST_STEPS
            return not_seen("; ".join(reasons) or few)
        least = min(seen, key=lambda e: float(e["difference"]))
        share = float(least["difference"])
        return well(share, "zeros for its input change the output of %s by %.3g of its size" % (least["root"], share))


def _compare(session: Session, root: Any, arguments: Any, keywords: Any) -> Dict[str, Any]:
    torch = session.torch
    model = _without_ranks(root)
    if model is None:
        return {"skipped": "its parameters are spread over ranks"}
    given = tensors(torch, [arguments, keywords])
    if not any(bool(t.any()) for _, t in given if _is_zeroed(t)):
        return {"skipped": "it has no input but zeros"}
    zeros = mapped((arguments, keywords), lambda leaf: _zeroed(torch, leaf))
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    states, before = States(torch), States(torch).get()
    outputs = []
    try:
        model.eval()
        for args, kwargs in ((arguments, keywords), zeros):
            states.seed(77)
            copy = mapped((args, kwargs), lambda leaf: _clone(torch, leaf))
            outputs.append([t.float() for _, t in tensors(torch, model(*copy[0], **copy[1]))])
    finally:
        states.set(before)
        for module, mode in modes:
            module.training = mode
        for buffer, value in buffers:
            buffer.copy_(value)
    return _difference(outputs[0], outputs[1])


def _difference(real: List[Any], other: List[Any]) -> Dict[str, Any]:
    if not real:
        return {"skipped": "it returns no tensor"}
    if [t.shape for t in real] != [t.shape for t in other]:
        return {"difference": 1.0}
    largest = max((float(t.abs().max()) for t in real if t.numel()), default=0.0)
    most = max((_largest(a, b) for a, b in zip(real, other) if a.numel()), default=0.0)
    return {"difference": most / largest if largest > 0 else float(most > 0)}


def _largest(one: Any, other: Any) -> float:
    gap = (one - other).abs()
    return 1.0 if bool(gap.isnan().any() | gap.isinf().any()) else float(gap.max())


def _without_ranks(root: Any) -> Optional[Any]:
    """The module inside of data parallelism: its forward pass talks to no other rank; None where it must."""
    inner = root.module if type(root).__name__ == "DistributedDataParallel" else root
    spread = any(hasattr(p, "to_local") or type(p).__name__ == "FlatParameter" for p in inner.parameters())
    return None if spread or type(root).__name__ == "FullyShardedDataParallel" else inner


def _is_zeroed(tensor: Any) -> bool:
    return tensor.dim() > 0 and str(tensor.dtype) != "torch.bool"


def _zeroed(torch: Any, leaf: Any) -> Any:
    return torch.zeros_like(leaf) if isinstance(leaf, torch.Tensor) and _is_zeroed(leaf) else leaf


def _clone(torch: Any, leaf: Any) -> Any:
    return leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf
