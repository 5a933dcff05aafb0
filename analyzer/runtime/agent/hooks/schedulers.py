"""Learning-rate schedulers: their plan, and how often they are called."""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    from ..session import Session

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
)


def install(session: Session) -> None:
    """Count the calls of every scheduler's ``step``, beside the objects: checkpoints hold their attributes."""
    module = session.torch.optim.lr_scheduler
    calls = Calls(session)
    base = getattr(module, "LRScheduler", None) or module._LRScheduler
    for cls in {base, module.ReduceLROnPlateau}:
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
        self.sites: Any = weakref.WeakKeyDictionary()
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
            if is_outer and scheduler in self.counts:
                self.counts[scheduler][1] += 1
                self.kept[self.counts[scheduler][0]] = scheduler
                if self.counts[scheduler][1] == 1:
                    self.sites[scheduler] = self.session.user_site()
                    self.session.guarded("agent", self._write, scheduler)
            return result

        return step

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
            at=self.sites.get(scheduler),
        )

    def write_all(self) -> None:
        """The counts at the end of the run."""
        for scheduler in list(self.kept.values()):
            self._write(scheduler)


def plan_of(scheduler: Any) -> Dict[str, Any]:
    """The numbers that a scheduler was planned with, by the names that torch and the planners of transformers use."""
    plan = {
        name: getattr(scheduler, name)
        for name in _PLANS
        if isinstance(getattr(scheduler, name, None), (int, float, list))
    }
    inner = getattr(scheduler, "_schedulers", None)
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
