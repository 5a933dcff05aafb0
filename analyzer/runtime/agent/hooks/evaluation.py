"""Losses of ``torch.nn.functional``: those that are trained on, and those that are not, which is validation."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..session import Session

LOSSES = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss", "kl_div", "cosine_embedding_loss", "triplet_margin_loss", "gaussian_nll_loss",
)  # fmt: skip


def install(session: Session) -> None:
    """Stand before the losses of ``torch.nn.functional``; the modules of ``torch.nn`` go through them."""
    functional = session.torch.nn.functional
    local = threading.local()
    for name in LOSSES:
        if hasattr(functional, name):
            setattr(functional, name, _watched(session, name, getattr(functional, name), local))


def _watched(session: Session, name: str, real: Any, local: threading.local) -> Any:
    is_grad_enabled = session.torch.is_grad_enabled

    @functools.wraps(real)
    def loss(*args: Any, **kwargs: Any) -> Any:
        # A function mode calls the function that it was given once more, and losses call one another.
        if session.is_dead or session.is_finished or getattr(local, "inside", False):
            return real(*args, **kwargs)
        local.inside = True
        try:
            value = real(*args, **kwargs)
        finally:
            local.inside = False
        is_trained = is_grad_enabled() and getattr(value, "requires_grad", False) and session.role != "validation"
        hook = "on_loss" if is_trained else "on_evaluation"
        if session.listeners[hook] and (session.sampling or hook == "on_evaluation"):
            site = session.user_site()
            if site is not None:
                session.tell(hook, name, args, kwargs, value, site)
        return value

    return loss
