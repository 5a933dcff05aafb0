"""Samples that see one another."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar, Dict, List, Mapping, Tuple

from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..session import Session
from ._reading import value_of

KIND = "batch-mixing"
_ROWS = 4
_MOST_NUMBERS = 2_000_000
_MOST_WEIGHTS = 50_000_000
_NOTHING = 1e-6


class BatchMixing(Probe):
    """Whether a prediction depends on the other samples of its batch.

    What it measures
    ----------------
    When the run ends, in evaluation mode, on a few samples of the first training batch: the gradient of the first
    sample's output with regard to the other samples' inputs. Done only where the model takes one float tensor whose
    first dimension is the loader's batch, and returns tensors of as many rows. Buffers, modes and random numbers are
    put back.

    Healthy
    -------
    None.

    When it is not
    --------------
    A ``view`` or ``reshape`` mixes the batch with another dimension, or a normalisation or attention runs over the
    batch: predictions change with the company that they are in.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("flatten-batch",)
    unit: ClassVar[str] = "share of the gradient"
    look_next: ClassVar[str] = "Look for a `view`, `reshape` or `softmax(dim=0)` over the batch in `forward`."

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0
        self.kept: Dict[int, Tuple[Any, Any]] = {}

    def on_batch(self, session: Session, loader: Any, batch: Any, role: str) -> None:
        """Note how many samples a batch has."""
        if self.kept:
            return
        fields = list(batch.values()) if isinstance(batch, dict) else batch
        first: Any = next(iter(fields), None) if isinstance(fields, (list, tuple)) else fields
        is_tensor = isinstance(first, session.torch.Tensor) and first.dim() > 0
        self.rows = len(first) if is_tensor and getattr(loader, "batch_size", None) == len(first) else 0

    def on_forward(self, session: Session, root: Any, inputs: Tuple[Any, ...], output: Any) -> None:
        """Keep a few samples of the first training batch of each root module."""
        torch = session.torch
        if self.kept or not root.training or len(inputs) != 1:
            return
        given = inputs[0]
        fits = isinstance(given, torch.Tensor) and given.is_floating_point() and given.dim() > 1
        if not fits or not _ROWS <= self.rows == len(given) or list(given.shape).count(self.rows) > 1:
            return
        if _outputs(torch, output, self.rows) and given[:_ROWS].numel() <= _MOST_NUMBERS:
            self.kept[session.number_of(root)] = (weakref.ref(root), given[:_ROWS].detach().clone())

    def on_stop(self, session: Session) -> None:
        """Try it."""
        if int(session.process.rank) or int(session.process.header.get("world") or 1) > 1 or session.has_saved_hooks:
            return
        session.forwards.update()  # this forward pass is not the program's
        for number, (reference, given) in self.kept.items():
            root = reference()
            if root is None or _is_unsafe(session, root):
                continue
            share = _share(session, root, given)
            if share is not None:
                session.emit(KIND, root=number, cls=type(root).__name__, share=share)
        self.kept.clear()

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The largest share."""
        return _conclude(trace.events(KIND))


def _is_unsafe(session: Session, root: Any) -> bool:
    """A model that is too large, would run hooks of the program's, or mixes by design: norms without averages."""
    norms = session.torch.nn.modules.batchnorm._BatchNorm
    if sum(p.numel() for p in root.parameters()) > _MOST_WEIGHTS:
        return True
    return any(
        m._forward_hooks or m._forward_pre_hooks or (isinstance(m, norms) and not m.track_running_stats)
        for m in root.modules()
    )


def _outputs(torch: Any, output: Any, rows: int) -> List[Any]:
    """The tensors of an output that have a row for each sample."""
    found = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else (output,)
    return [
        tensor
        for tensor in found
        if isinstance(tensor, torch.Tensor) and tensor.dim() and len(tensor) == rows and tensor.requires_grad
    ]


def _share(session: Session, root: Any, given: Any) -> Any:
    """The other samples' share of the gradient of the first one's output; None where the model cannot be asked."""
    torch = session.torch
    modes = [(m, m.training) for m in root.modules()]
    buffers = [(b, b.detach().clone()) for b in root.buffers()]
    states = torch.get_rng_state(), (torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None)
    try:
        for module, _ in modes:
            module.training = False
        given = given.clone().requires_grad_(True)
        with torch.enable_grad():
            first = [output[0].float() for output in _outputs(torch, root(given), len(given))]
            if not first:
                return None
            (gradient,) = torch.autograd.grad(sum(o.square().sum() + o.sum() for o in first), given)
        sizes = gradient.detach().flatten(1).abs().sum(1).double()
        return float(sizes[1:].sum() / sizes.sum().clamp_min(1e-300))
    except Exception:  # a model that cannot take four samples, or says no in evaluation mode
        return None
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, before in buffers:
            buffer.copy_(before)
        torch.set_rng_state(states[0])
        if states[1] is not None:
            torch.cuda.set_rng_state_all(states[1])


def _conclude(events: List[Mapping[str, Any]]) -> Reading:
    shares = {str(e.get("cls")): value_of(e.get("share")) or 0.0 for e in events}
    if not shares:
        return not_seen("no model takes one tensor of samples and returns as many rows")
    name, share = max(shares.items(), key=lambda item: item[1])
    if share > _NOTHING:
        why = "%.3g of the gradient of one sample's output in `%s` goes to other samples of the batch"
        return unhealthy(share, why % (share, name))
    return healthy(share, "samples do not see one another in `%s`" % name)
