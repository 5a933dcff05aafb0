"""How often each line calls torch in a forward pass."""

from __future__ import annotations

import os
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Set, Tuple

from ..probe import Probe, Reading, not_seen
from ..probe import healthy as well
from ..reach import lines_of

if TYPE_CHECKING:
    from ..session import Session

COUNTED = (1, 2)  # the pass before the second backward, else that before the first
TOP = 20
_THIN = tuple(
    os.sep + os.path.join("torch", *p) for p in (("functional.py",), ("nn", "functional.py"), ("_tensor.py",))
)


class LoopCalls(Probe):
    """How often each line calls torch in a forward pass.

    What it measures
    ----------------
    The calls of torch functions between one backward pass and the next, by the line of the user's code that makes them:
    an exact count, for the busiest lines and for every line of a function that a fix on trial changes. Calls that a
    library makes for a line (a module of torch, a model of another package) are in the total, and not in the line's
    own; those that make a batch count nowhere. The value is the count of the line that calls torch most often itself.

    Healthy
    -------
    Any value: it informs. A line with more than 100 calls stands in a loop over slices, rows or time steps.

    When it is not
    --------------
    Nothing is told. Where a loop has no need to go one after the other, one call on a larger tensor does the same in a
    fraction of the time; compare the count before and after.
    """

    name = "loop-calls"
    rules = ("slice-loop-op", "loop-contrastive-loss")
    unit = "calls"
    look_next = "See whether the loop around the named line can become one call on a tensor with one more dimension."

    def on_start(self, session: Session) -> None:
        """Count from the beginning."""
        self.own: Dict[Tuple[CodeType, int], Dict[str, int]] = {}
        self.on_trial: Dict[str, Set[int]] = {os.path.realpath(p): set(n) for p, n in session.settings.reach.items()}
        self.total = 0
        self.is_over = False

    def on_call(self, session: Session, name: str, frame: FrameType) -> None:
        """Count one call."""
        if self.is_over or session.steps.depth or session.is_fetching:
            return
        self.total += 1
        caller: Optional[FrameType] = frame
        while caller is not None and caller.f_code.co_filename.endswith(_THIN):
            caller = caller.f_back
        if caller is not None and session.sites.relative(caller.f_code.co_filename) is not None:
            names = self.own.setdefault((caller.f_code, caller.f_lineno), {})
            names[name] = names.get(name, 0) + 1

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """The forward pass is over."""
        if self.is_over or session.micro + 1 not in COUNTED:
            return
        places = sorted(self.own, key=lambda place: -sum(self.own[place].values()))
        told = [p for rank, p in enumerate(places) if rank < TOP or self._is_on_trial(p[0])]
        rows = [
            [session.sites.describe(*p), sum(self.own[p].values()), max(self.own[p], key=self.own[p].__getitem__)]
            for p in told
        ]
        session.emit(self.name, calls=self.total, sites=rows)
        self.is_over = session.micro + 1 == COUNTED[-1]
        if self.is_over:
            session.dismiss(self, "on_call", "on_backward", "on_backward_done")

    def _is_on_trial(self, code: CodeType) -> bool:
        """Whether a function holds lines that a fix on trial changes."""
        lines = self.on_trial.get(os.path.realpath(code.co_filename))
        return lines is not None and not lines.isdisjoint(lines_of(code))

    def on_backward_done(self, session: Session) -> None:
        """The next forward pass begins."""
        self.own = {}
        self.total = 0

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """The line that calls torch most often; never unhealthy."""
        event = trace.last(self.name)
        if event is None:
            return not_seen("no backward pass was seen")
        if not event.get("sites"):
            return well(0, "%d torch calls in a forward pass, none of them by the program's own lines" % event["calls"])
        site, count, name = event["sites"][0]
        told = "%s calls torch %d times in a forward pass of %d calls, most of all %s" % (
            site,
            count,
            event["calls"],
            name,
        )
        if count > int(healthy.get("calls", 100)):
            told += ": a loop that one call may replace"
        return well(count, told)
