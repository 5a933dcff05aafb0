"""Backward passes."""

from __future__ import annotations

import functools
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..session import Session


def install(session: Session) -> None:
    """Stand before ``torch.autograd.backward``, through which ``Tensor.backward`` goes too."""
    torch = session.torch
    real = torch.autograd.backward
    local = threading.local()

    def is_nested() -> bool:
        # Reentrant checkpoints run backward inside of backward.
        return getattr(local, "inside", False) or torch._C._current_graph_task_id() != -1

    @functools.wraps(real)
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        session.stopping.insist()
        if session.is_dead or session.is_finished or is_nested():
            return real(tensors, *args, **kwargs)
        local.inside = True
        try:
            if session.sampling:
                _before(session, tensors)
            began = time.perf_counter()
            result = real(tensors, *args, **kwargs)
            session.seconds["backward"] += time.perf_counter() - began
        finally:
            local.inside = False
        session.micro += 1
        if session.sampling:
            session.tell("on_backward_done")
        session.stopping.after_backward()
        return result

    torch.autograd.backward = backward
    _note_saved_hooks(session)


def _note_saved_hooks(session: Session) -> None:
    """Note where the program has hooks of its own on what autograd saves: checkpoints, offloading."""
    hooks = session.torch.autograd.graph.saved_tensors_hooks
    real_enter, real_exit = hooks.__enter__, hooks.__exit__

    @functools.wraps(real_enter)
    def enter(self: Any) -> Any:
        session.has_saved_hooks = True
        session.saved_hooks += 1
        return real_enter(self)

    @functools.wraps(real_exit)
    def leave(self: Any, *args: Any) -> Any:
        session.saved_hooks -= 1
        return real_exit(self, *args)

    hooks.__enter__, hooks.__exit__ = enter, leave


def _before(session: Session, tensors: Any) -> None:
    frame = next(session.sites.frames(sys._getframe(2)), None)
    roots = (tensors,) if isinstance(tensors, session.torch.Tensor) else tuple(tensors)
    site = session.sites.describe(frame.f_code, frame.f_lineno) if frame is not None else None
    session.backward_sites[site or ""] = session.backward_sites.get(site or "", 0) + 1
    session.guarded("agent", _write_loss, session, roots[0], site)
    session.tell("on_backward", roots, frame)
    session.guarded("agent", session.watched.look, frame)


def _write_loss(session: Session, root: Any, site: Any) -> None:
    value = root.detach()
    value = value.to_local() if hasattr(value, "to_local") else value
    value = value.clone() if value.numel() == 1 else value.float().mean()
    session.emit("loss", v=value.reshape(()), at=site, dtype=str(root.dtype), shape=list(root.shape))
