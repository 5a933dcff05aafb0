"""The norms of an optimizer's gradients at its present step: computed once, read by several probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from ._modules import Modules

if TYPE_CHECKING:
    from ..session import Session


class Gradients:
    """The gradients with which an optimizer has just stepped.

    Attributes:
        parameters: all of the optimizer's, in its order.
        present: the places in ``parameters`` of those that have a gradient.
        norms: the norm of each of these, one tensor of float32; None where there is none.
    """

    def __init__(self, torch: Any, optimizer: Any) -> None:
        self.parameters: List[Any] = [p for group in optimizer.param_groups for p in group["params"]]
        self.present = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        self.norms: Any = _norms(torch, [self.parameters[i].grad for i in self.present])

    @classmethod
    def of(cls, session: Session, optimizer: Any) -> Gradients:
        """The gradients of the step that was just made; also writes their norm, once."""
        key = (id(optimizer), session.steps.attempts)
        held = session.shared.get("gradients")
        if held is None or held[0] != key:
            held = session.shared["gradients"] = (key, cls(session.torch, optimizer))
            held[1].write(session, optimizer)
        return held[1]

    def write(self, session: Session, optimizer: Any) -> None:
        """One ``gradient`` event: the norm over all, by module, and that before clipping where the program clips.

        The modules are named once, in ``gradient-modules``.
        """
        clipped = session.shared.pop("clipped from", None)
        number = session.steps.number(optimizer)
        modules = session.shared.setdefault("gradient modules", {})
        if number not in modules:
            modules[number] = Modules(session, self.parameters)
            session.emit("gradient-modules", opt=number, names=modules[number].names)
        by_module = None if self.norms is None else modules[number].norms(session.torch, self.present, self.norms)
        session.emit(
            "gradient",
            opt=number,
            norm=None if self.norms is None else self.norms.norm(),
            before=clipped,
            modules=by_module,
            present=len(self.present),
            absent=len(self.parameters) - len(self.present),
        )


def local(tensor: Any) -> Any:
    """This process's part of a distributed tensor, the values of a sparse one, else the tensor."""
    if hasattr(tensor, "to_local"):
        return tensor.to_local()
    return tensor.coalesce().values() if tensor.is_sparse else tensor


def _norms(torch: Any, gradients: List[Any]) -> Any:
    """Norms in the given order. A kind of tensor is a device and a type, the foreach kernels take one at a time."""
    kinds: Dict[Tuple[Any, Any], List[int]] = {}
    tensors = [local(g.detach()) for g in gradients]
    for place, tensor in enumerate(tensors):
        kinds.setdefault((tensor.device, tensor.dtype), []).append(place)
    found: List[Any] = [None] * len(tensors)
    device = tensors[0].device if tensors else None
    for places in kinds.values():
        norms = torch.stack(torch._foreach_norm([tensors[i] for i in places]))
        norms = norms.abs().float().to(device)
        for place, norm in zip(places, norms.unbind()) if len(kinds) > 1 else ():
            found[place] = norm
        if len(kinds) == 1:
            return norms
    return torch.stack(found) if found else None
