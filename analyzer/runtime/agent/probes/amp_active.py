"""Mixed precision."""

from __future__ import annotations

import functools
import sys
from typing import Any, ClassVar, Dict, List, Mapping, Set, Tuple

from ..probe import Probe, Reading, healthy, not_seen
from ..session import Session
from ._reading import value_of

KIND = "amp-active"


class AmpActive(Probe):
    """Whether mixed precision is on.

    What it measures
    ----------------
    How often regions of ``autocast`` were entered, for which device and type, and how many of them were switched on.

    Healthy
    -------
    It informs.

    When it is not
    --------------
    Regions that are all switched off, where the configuration asks for mixed precision, cost speed and nothing else.
    """

    name: ClassVar[str] = KIND
    rules: ClassVar[Tuple[str, ...]] = ("amp-import",)
    unit: ClassVar[str] = "regions switched on"
    look_next: ClassVar[str] = "See whether the device of `autocast` is the one that the model is on."

    def __init__(self) -> None:
        super().__init__()
        self.counts: Dict[Tuple[str, str, bool, bool], int] = {}
        self.old: Set[str] = set()

    def on_start(self, session: Session) -> None:
        """Stand before ``autocast``, through which its older spellings go too."""
        autocast = session.torch.amp.autocast_mode.autocast
        real = autocast.__enter__
        counts = self.counts
        is_grad_enabled = session.torch.is_grad_enabled

        @functools.wraps(real)
        def enter(region: Any) -> Any:
            result = real(region)
            key = (str(region.device), str(region.fast_dtype), bool(region._enabled), is_grad_enabled())
            counts[key] = counts.get(key, 0) + 1
            if counts[key] == 1 and not (session.is_dead or session.is_finished):
                session.emit(KIND, **_row(key, 1))
            return result

        autocast.__enter__ = enter
        old = session.torch.cuda.amp
        for owner in (getattr(old, "autocast", None), getattr(old, "GradScaler", None)):
            # Before torch 2.3 the old name of the scaler is the only one, and the class itself.
            if isinstance(owner, type) and owner.__module__.startswith("torch.cuda.") and "__init__" in vars(owner):
                self._watch_old(session, owner)

    def _watch_old(self, session: Session, owner: Any) -> None:
        """Note where the user's files use an old spelling."""
        real = owner.__init__
        seen = self.old

        @functools.wraps(real)
        def init(this: Any, *args: Any, **kwargs: Any) -> None:
            real(this, *args, **kwargs)
            if type(this) is owner and not (session.is_dead or session.is_finished):
                site = session.sites.site(sys._getframe(1))
                if site is not None and site not in seen:
                    seen.add(site)
                    session.emit("amp-old", at=site, name="torch.cuda.amp.%s" % owner.__name__)

        owner.__init__ = init

    def on_stop(self, session: Session) -> None:
        """Write the final counts."""
        for key, count in self.counts.items():
            session.emit(KIND, **_row(key, count))

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """What was entered."""
        return _conclude(trace.events(KIND))


def _conclude(events: List[Mapping[str, Any]]) -> Reading:
    last: Dict[Tuple[Any, ...], Mapping[str, Any]] = {}
    for event in events:
        last[tuple(event.get(k) for k in ("device", "dtype", "enabled", "training"))] = event
    if not last:
        return not_seen("no region of autocast was entered")
    said: List[str] = []
    on = 0
    for event in last.values():
        times = int(value_of(event.get("times")) or 0)
        on += times if event.get("enabled") else 0
        where = "" if event.get("training") else ", gradients off"
        state = str(event.get("dtype")) if event.get("enabled") else "switched off"
        said.append("%d on %s (%s%s)" % (times, event.get("device"), state, where))
    return healthy(on, "regions of autocast entered: %s" % "; ".join(said))


def _row(key: Tuple[str, str, bool, bool], times: int) -> Dict[str, Any]:
    return {"device": key[0], "dtype": key[1], "enabled": key[2], "training": key[3], "times": times}
