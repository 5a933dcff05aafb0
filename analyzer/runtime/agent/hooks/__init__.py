"""Where the agent is told of what the program does: one place of torch a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..session import Session


def install(session: Session) -> None:
    """Install all hooks; torch has just been imported, and nothing of it was used yet."""
    from . import backward, clipping, evaluation, functions, loaders, modules, optimizers, schedulers, watched

    for place in (watched, modules, backward, optimizers, schedulers, loaders, evaluation, clipping, functions):
        place.install(session)
