"""Optimizer steps, also those that AMP leaves out."""

from __future__ import annotations

import functools
import importlib
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any, Dict, List

from ..loops import enclosing
from .functions import follow, is_watching

if TYPE_CHECKING:
    from ..session import Session


def install(session: Session) -> None:
    """Register the global step hooks, and stand before the gradient scaler and ``zero_grad``."""
    torch = session.torch
    steps = Steps(session)
    module = importlib.import_module("torch.optim.optimizer")  # the package hides it
    module.register_optimizer_step_pre_hook(steps.before)
    module.register_optimizer_step_post_hook(steps.after)
    scalers = [getattr(torch.cuda.amp.grad_scaler, "GradScaler", None)]
    scalers.append(getattr(getattr(torch.amp, "grad_scaler", None), "GradScaler", None))
    for scaler in {s for s in scalers if s is not None and "_maybe_opt_step" in vars(s)}:
        scaler._maybe_opt_step = steps.scaled(scaler._maybe_opt_step)
    torch.optim.Optimizer.__init__ = _built(session, torch.optim.Optimizer.__init__)
    for owner in (torch.optim.Optimizer, torch.nn.Module):
        owner.zero_grad = _cleared(session, owner.zero_grad)
    session.steps = steps


class Steps:
    """Counts the steps of each optimizer; the program's step is that of the optimizer that made most.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.taken: Dict[int, int] = {}
        self.tried: Dict[int, int] = {}  # with those that AMP skipped
        self.depth = 0
        self.began = 0.0
        self.last = time.perf_counter()
        self.fired = 0
        self.scale: Any = None  # of the gradient scaler, during its step
        self._numbers: Any = weakref.WeakKeyDictionary()

    def number(self, optimizer: Any) -> int:
        """The optimizer's number, in the order of first steps."""
        if optimizer not in self._numbers:
            self._numbers[optimizer] = len(self._numbers)
        return self._numbers[optimizer]

    @property
    def attempts(self) -> int:
        """Steps of all optimizers so far, skipped ones included."""
        return sum(self.tried.values())

    def before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """A step begins; optimizers may step inside of one another (SAM, subclasses that call ``super().step``)."""
        if self.depth == 0:
            self.began = time.perf_counter()
        self.depth += 1

    def after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """A step is over."""
        self.session.stopping.insist()
        self.depth = max(self.depth - 1, 0)
        if self.depth == 0 and not (self.session.is_dead or self.session.is_finished):
            self.fired += 1
            found = getattr(optimizer, "found_inf", None)
            self._over(optimizer, skipped=found is not None and bool(float(found)))

    def scaled(self, real: Any) -> Any:
        """The scaler's step: without a step of the optimizer it was skipped."""

        @functools.wraps(real)
        def maybe_step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            fired, scale = self.fired, getattr(scaler, "_scale", None)
            self.scale = scale.clone() if scale is not None else None
            result = real(scaler, optimizer, *args, **kwargs)
            if self.fired == fired and not (self.session.is_dead or self.session.is_finished):
                self._over(optimizer, skipped=True)
            self.scale = None
            return result

        return maybe_step

    def _over(self, optimizer: Any, skipped: bool) -> None:
        session = self.session
        number = self.number(optimizer)
        if number not in self.taken:
            self.taken[number] = self.tried[number] = 0
            session.remember(session.optimizers, optimizer)
            session.guarded("agent", _describe, session, optimizer, number, sys._getframe(1))
        self.tried[number] += 1
        if not skipped:
            self.taken[number] += 1
        session.phase = "train"
        now = time.perf_counter()
        optimizer_seconds = 0.0 if skipped else now - self.began
        data, backward = session.seconds["data"], session.seconds["backward"]
        session.seconds.update(data=0.0, backward=0.0)
        session.emit(
            "step",
            opt=number,
            lr=[group["lr"] for group in optimizer.param_groups],
            dt=now - self.last,
            data=data,
            backward=backward,
            optimizer=optimizer_seconds,
            forward=max(0.0, now - self.last - data - backward - optimizer_seconds),  # and whatever else the loop does
            sampled=session.sampling,
            watched=is_watching(session),
            skipped=skipped,
            taken=self.taken[number],
            **({} if self.scale is None else {"scale": self.scale}),
        )
        self.last = now
        session.tell("on_step", optimizer, skipped)
        if self.taken[number] > session.step:
            session.step = self.taken[number]
            session.step_taken()
            follow(session)
            session.forwards.reset()
            session.forwards.update()
        session.stopping.after_step(self.tried[number])


def _describe(session: Session, optimizer: Any, number: int, frame: Any) -> None:
    owned = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for other in session.live(session.built):
        owned |= {id(p) for group in other.param_groups for p in group["params"]}
    named = list(session.named_parameters())
    groups: List[Dict[str, Any]] = [
        {"lr": g["lr"], "weight_decay": g.get("weight_decay"), "params": sum(p.numel() for p in g["params"])}
        for g in optimizer.param_groups
    ]
    frozen_here = {id(p) for g in optimizer.param_groups for p in g["params"] if not p.requires_grad}
    session.emit(
        "opt",
        opt=number,
        cls=type(optimizer).__module__ + "." + type(optimizer).__qualname__,
        groups=groups,
        missing=[name for name, p in named if p.requires_grad and id(p) not in owned],
        frozen=[name for name, p in named if id(p) in frozen_here],
        at=session.sites.site(frame),
        loops=enclosing(session.sites, frame),
    )


def _built(session: Session, real: Any) -> Any:
    @functools.wraps(real)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        session.remember(session.built, self)

    return __init__


def _cleared(session: Session, real: Any) -> Any:
    @functools.wraps(real)
    def zero_grad(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = real(self, *args, **kwargs)
        if session.listeners["on_zero_grad"] and not (session.is_dead or session.is_finished):
            session.tell("on_zero_grad", self)
        return result

    return zero_grad
