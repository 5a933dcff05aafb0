"""Learning-rate schedulers: their plan, and how often they are called."""

from __future__ import annotations

import functools
import sys
import weakref
from typing import TYPE_CHECKING, Any, Dict, List

from ..loops import enclosing

if TYPE_CHECKING:
    from ..session import Session

MOST_CALLS_NOTED = 48
_PLANS = (
    "T_max",
    "total_steps",
    "step_size",
    "milestones",
    "T_0",
    "T_mult",
    "total_iters",
    "eta_min",
    "min_lrs",
    "gamma",
    "_milestones",
)


def install(session: Session) -> None:
    """Count the calls of every scheduler's ``step``, beside the objects: checkpoints hold their attributes."""
    module = session.torch.optim.lr_scheduler
    calls = Calls(session)
    base = getattr(module, "LRScheduler", None) or module._LRScheduler
    own = ("ReduceLROnPlateau", "SequentialLR", "ChainedScheduler")  # their __init__ leaves the base's out
    for cls in {base, *(getattr(module, name) for name in own)}:
        cls.__init__ = calls.watching(cls.__init__)
    session.schedulers = calls
    session.finishers.append(calls.write_all)


class Calls:
    """The calls of each scheduler's ``step``; those inside of another's, and of its making, do not count.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.counts: Any = weakref.WeakKeyDictionary()
        self.notes: Any = weakref.WeakKeyDictionary()  # of each scheduler: where it was made and is called, and when
        self.kept: Dict[int, Any] = {}  # plans of schedulers that a finished main() has let go
        self.depth = 0
        self._wrapped: set[Any] = set()
        self._numbers = 0

    def watching(self, init: Any) -> Any:
        """A scheduler's ``__init__`` that starts to count."""

        @functools.wraps(init)
        def __init__(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            for cls in type(scheduler).__mro__:
                if "step" in vars(cls) and cls not in self._wrapped:
                    self._wrapped.add(cls)
                    cls.step = self._counting(cls.step)
            self.depth += 1
            try:
                init(scheduler, *args, **kwargs)
            finally:
                self.depth -= 1
            if scheduler not in self.counts:
                self.counts[scheduler] = [self._numbers, 0]
                self._numbers += 1
                self.session.guarded("agent", self._made, scheduler, sys._getframe(1))

        return __init__

    def _counting(self, real: Any) -> Any:
        @functools.wraps(real)
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            is_outer = self.depth == 0
            self.depth += 1
            try:
                result = real(scheduler, *args, **kwargs)
            finally:
                self.depth -= 1
            if is_outer and scheduler in self.notes and not (self.session.is_dead or self.session.is_finished):
                self.counts[scheduler][1] += 1
                if self.counts[scheduler][1] <= MOST_CALLS_NOTED:
                    self.session.guarded("agent", self._called, scheduler, sys._getframe(1))
            return result

        return step

    def _made(self, scheduler: Any, frame: Any) -> None:
        sites = self.session.sites
        made = [sites.describe(f.f_code, f.f_lineno) for f in sites.frames(frame)]
        self.notes[scheduler] = {"made": made, "at": None, "loops": [], "when": []}

    def _called(self, scheduler: Any, frame: Any) -> None:
        session, notes = self.session, self.notes[scheduler]
        current = session.training_pass()
        if current is not None:
            notes["when"].append(
                [session.number_of(current[0]), current[1].index, current[1].batches, current[1].is_over]
            )
        if self.counts[scheduler][1] == 1:
            self.kept[self.counts[scheduler][0]] = scheduler
            notes.update(at=session.sites.site(frame), loops=enclosing(session.sites, frame))
            self._write(scheduler)

    def _write(self, scheduler: Any) -> None:
        number, calls = self.counts[scheduler]
        optimizer = getattr(scheduler, "optimizer", None)
        self.session.emit(
            "sched",
            sched=number,
            opt=self.session.steps.number(optimizer) if optimizer is not None else None,
            cls=type(scheduler).__module__ + "." + type(scheduler).__qualname__,
            plan=plan_of(scheduler),
            base_lrs=list(getattr(scheduler, "base_lrs", None) or []),
            calls=calls,
            **self.notes[scheduler],
        )

    def write_all(self) -> None:
        """The counts at the end of the run."""
        known = list(self.notes.keys())
        inner = {id(s) for k in known for s in _inner(k)}
        for scheduler in known:
            if id(scheduler) not in inner:  # it is moved by another one, and part of that one's plan
                self._write(scheduler)


def _inner(scheduler: Any) -> List[Any]:
    return list(getattr(scheduler, "_schedulers", None) or [])


def plan_of(scheduler: Any) -> Dict[str, Any]:
    """The numbers that a scheduler was planned with, by the names that torch and the planners of transformers use."""
    plan = {
        name.lstrip("_"): getattr(scheduler, name)
        for name in _PLANS
        if isinstance(getattr(scheduler, name, None), (int, float, list))
    }
    inner = _inner(scheduler)
    if inner:
        plan["inner"] = [{"cls": type(s).__name__, **plan_of(s)} for s in inner]
    for function in getattr(scheduler, "lr_lambdas", None) or []:
        plan.update(_numbers_of(function))
    return plan


def _numbers_of(function: Any) -> Dict[str, Any]:
    """Whole numbers that a schedule given as a function is bound to: a partial's keywords, or a closure's cells."""
    found: Dict[str, Any] = {k: v for k, v in getattr(function, "keywords", {}).items() if isinstance(v, (int, float))}
    code = getattr(function, "__code__", None)
    for name, cell in zip(getattr(code, "co_freevars", ()), getattr(function, "__closure__", None) or ()):
        try:
            value = cell.cell_contents
        except ValueError:  # still empty
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name] = value
    return found
