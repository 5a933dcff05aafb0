"""Clipping of gradients: how large they were before."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..session import Session


def install(session: Session) -> None:
    """Stand before ``clip_grad_norm_``, which returns the norm that it found; frameworks call the same function."""
    utils = session.torch.nn.utils
    real = utils.clip_grad_norm_

    @functools.wraps(real)
    def clip_grad_norm_(*args: Any, **kwargs: Any) -> Any:
        norm = real(*args, **kwargs)
        if not (session.is_dead or session.is_finished):
            session.shared["clipped from"] = norm
        return norm

    utils.clip_grad_norm_ = utils.clip_grad.clip_grad_norm_ = clip_grad_norm_
