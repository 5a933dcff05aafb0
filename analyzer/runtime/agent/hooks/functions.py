"""Single torch functions, during the first steps and a few later ones: what the loss is made of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, List

if TYPE_CHECKING:
    from ..probe import Probe
    from ..session import Session

WATCHED_BACKWARDS = 3  # of each place that calls backward
MOST_BACKWARDS = 12
FIRST_LATER_STEP = 8  # from here on one step in each doubling is watched, and the last one of a bounded run


def install(session: Session) -> None:
    """Enter a function mode until some backward passes are over; about 2 microseconds a torch call."""
    listeners: Dict[str, List[Probe]] = {}
    for probe in session.listeners["on_function"]:
        for name in probe.functions:
            listeners.setdefault(name, []).append(probe)
    if listeners or session.listeners["on_scalar"] or session.listeners["on_call"]:
        session.watching = _mode(session, listeners)
        session.watching.enter()


def is_watching(session: Session) -> bool:
    """Whether the present step is slowed down by the mode."""
    return session.watching is not None and session.watching.is_entered and not session.watching.is_idle


def follow(session: Session) -> None:
    """Enter or leave the mode, as the coming step wants it.

    It is left only where it is on top of the stack, outside of backward, and entered again only where no other mode is
    there: else the program's own modes would be popped in its place. A mode that cannot be left idles.
    """
    mode = session.watching
    if mode is None:
        return
    is_over = _is_over(session)
    if is_over and not mode.is_later:
        mode.is_later = True
        mode.keep([p for p in session.listeners["on_function"] if p.wants_later_functions()])
    wanted = not is_over or (bool(mode.listeners) and _is_watched_again(session))
    mode.is_idle = not wanted
    if wanted:
        session.sampling = True  # what is watched is also told of
    stack = session.torch.overrides._get_current_function_mode_stack()
    if wanted and not mode.is_entered and all(other is session.redirecting for other in stack):
        mode.enter()
    elif not wanted and mode.is_entered and stack and stack[-1] is mode:
        mode.leave()


def _is_over(session: Session) -> bool:
    seen = session.backward_sites.values()
    enough = session.micro >= WATCHED_BACKWARDS and min(seen, default=0) >= WATCHED_BACKWARDS
    return enough or session.micro >= MOST_BACKWARDS


def _is_watched_again(session: Session) -> bool:
    coming = session.step + 1
    is_last = session.settings.steps is not None and coming == session.settings.steps
    return is_last or (coming >= FIRST_LATER_STEP and coming & (coming - 1) == 0)


def _mode(session: Session, listeners: Dict[str, List[Probe]]) -> Any:
    from torch.overrides import TorchFunctionMode

    tensor = session.torch.Tensor

    class Watching(TorchFunctionMode):
        """Tells the probes of the functions that they asked for."""

        is_idle = False
        is_entered = False
        is_later = False  # the first steps are over

        def __init__(self) -> None:
            super().__init__()
            self.listeners = listeners
            self.scalars = session.listeners["on_scalar"]
            self.counters = session.listeners["on_call"]

        def keep(self, probes: List[Probe]) -> None:
            """From now on tell these probes alone."""
            chosen = {name: [p for p in found if p in probes] for name, found in self.listeners.items()}
            self.listeners = {name: found for name, found in chosen.items() if found}
            self.scalars = [p for p in self.scalars if p in probes]
            self.counters = []

        def enter(self) -> None:
            self.is_entered = True
            self.__enter__()

        def leave(self) -> None:
            self.is_entered = False
            self.__exit__(None, None, None)

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            result = func(*args, **kwargs)
            if self.is_idle or session.is_dead or session.is_finished:
                return result
            name = getattr(func, "__name__", "")
            for counter in self.counters:
                counter.on_call(session, name, sys._getframe(1))
            wanting = self.listeners.get(name, ())
            is_scalar = bool(self.scalars) and isinstance(result, tensor) and result.dim() == 0
            if wanting or is_scalar:
                site = session.sites.site(sys._getframe(1))
                if site is None:
                    return result
                for probe in wanting:
                    if probe in session.listeners["on_function"]:
                        session.guarded(probe.name, probe.on_function, session, name, args, kwargs, result, site)
                for probe in self.scalars if is_scalar else ():
                    if probe in session.listeners["on_scalar"]:
                        session.guarded(probe.name, probe.on_scalar, session, name, args, result, site)
            return result

    return Watching()
