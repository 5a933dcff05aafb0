"""Losses that are computed with gradients off: validation."""

from __future__ import annotations

import functools
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
    for name in LOSSES:
        if hasattr(functional, name):
            setattr(functional, name, _watched(session, name, getattr(functional, name)))


def _watched(session: Session, name: str, real: Any) -> Any:
    is_grad_enabled = session.torch.is_grad_enabled

    @functools.wraps(real)
    def loss(*args: Any, **kwargs: Any) -> Any:
        value = real(*args, **kwargs)
        if not (is_grad_enabled() or session.is_dead or session.is_finished):
            site = session.user_site()
            if site is not None:
                session.tell("on_evaluation", name, args, kwargs, value, site)
        return value

    return loss
