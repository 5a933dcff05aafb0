"""What a forward pass keeps for its backward pass."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, Set

if TYPE_CHECKING:
    from .session import Session


class SavedTensors:
    """Counts the bytes that autograd saves while a root module runs, by the user's lines that save them.

    The hooks hand every tensor on as it is. They are on inside of one module call only, so that they nest with those of
    the program; and they leave at once where ``torch.func`` asks for none.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.by_site: Dict[str, int] = {}
        self._seen: Set[int] = set()
        self._own: Set[int] = set()
        self._is_on = False
        self._autograd: Any = session.torch._C._autograd

    @property
    def total(self) -> int:
        """Bytes of all storages that were saved, parameters and buffers left out."""
        return sum(self.by_site.values())

    def begin(self, root: Any) -> None:
        """The module is about to run."""
        if self._is_on or not hasattr(self._autograd, "_push_saved_tensors_default_hooks"):
            return
        if self.session.saved_hooks:
            return  # inside of the program's own, ours would take what a checkpoint or an offload is to handle
        self._own |= {_key(p) for p in root.parameters()} | {_key(b) for b in root.buffers()}
        try:
            self._autograd._push_saved_tensors_default_hooks(self._pack, _same)
        except RuntimeError:  # ``torch.func`` is at work, and bears none
            return
        self._is_on = True
        self._disable = getattr(self._autograd, "_saved_tensors_hooks_disable", None)
        if self._disable is not None:
            self._autograd._saved_tensors_hooks_disable = self._leave_and_disable

    def end(self) -> None:
        """The module has run."""
        if self._is_on:
            self._is_on = False
            self._autograd._pop_saved_tensors_default_hooks()
            if self._disable is not None:
                self._autograd._saved_tensors_hooks_disable = self._disable

    def _leave_and_disable(self, *args: Any, **kwargs: Any) -> Any:
        """``torch.func`` raises where any hooks are on; those of the program would have raised without us."""
        disable = self._disable
        self.end()
        return disable(*args, **kwargs) if disable is not None else None

    def _pack(self, tensor: Any) -> Any:
        try:
            with self.session.torch._C.DisableTorchFunction():
                key, size = _key(tensor), tensor.untyped_storage().nbytes()
            if key not in self._seen and key not in self._own:
                self._seen.add(key)
                site = self.session.sites.site(sys._getframe(1)) or "torch"
                self.by_site[site] = self.by_site.get(site, 0) + size
        except Exception:  # tensors without a storage; whatever it is, the program's pass goes on
            return tensor
        return tensor


def _same(tensor: Any) -> Any:
    return tensor


def _key(tensor: Any) -> int:
    return tensor.untyped_storage().data_ptr()
