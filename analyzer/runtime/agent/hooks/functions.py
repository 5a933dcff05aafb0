"""Single torch functions, during the first steps: what the loss is made of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, List

if TYPE_CHECKING:
    from ..probe import Probe
    from ..session import Session

WATCHED_BACKWARDS = 3


def install(session: Session) -> None:
    """Enter a function mode until some backward passes are over; about 2 microseconds a torch call."""
    listeners: Dict[str, List[Probe]] = {}
    for probe in session.listeners["on_function"]:
        for name in probe.functions:
            listeners.setdefault(name, []).append(probe)
    if listeners:
        mode = _mode(session, listeners)
        mode.__enter__()
        session.watching = mode


def leave_if_over(session: Session) -> None:
    """Leave the mode where that is possible: on top of the stack, outside of backward; else it stays, and idles."""
    mode = session.watching
    if mode is None or session.micro < WATCHED_BACKWARDS:
        return
    mode.is_idle = True
    stack = session.torch.overrides._get_current_function_mode_stack()
    if stack and stack[-1] is mode:
        session.watching = None
        mode.__exit__(None, None, None)


def _mode(session: Session, listeners: Dict[str, List[Probe]]) -> Any:
    from torch.overrides import TorchFunctionMode

    class Watching(TorchFunctionMode):
        """Tells the probes of the functions that they asked for."""

        is_idle = False

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            result = func(*args, **kwargs)
            if self.is_idle or session.is_dead or session.is_finished:
                return result
            name = getattr(func, "__name__", "")
            for probe in listeners.get(name, ()):
                site = session.sites.site(sys._getframe(1))
                if site is not None and probe in session.listeners["on_function"]:
                    session.guarded(probe.name, probe.on_function, session, name, args, kwargs, result, site)
            return result

    return Watching()
