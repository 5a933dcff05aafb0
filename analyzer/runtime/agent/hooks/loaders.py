"""Passes over data loaders: what they hand out, and when they end."""

from __future__ import annotations

import functools
import time
import weakref
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional, Tuple

from ..replay import Replay, Roles
from ..workers import Reports

if TYPE_CHECKING:
    from ..session import Session

_SAFE_TO_END = ("accelerate", "lightning", "pytorch_lightning", "transformers")
MOST_KEPT = 4


def install(session: Session) -> None:
    """Stand before ``DataLoader.__iter__``, through which subclasses go too."""
    loader_class = session.torch.utils.data.DataLoader
    real = loader_class.__iter__
    roles = Roles(session)
    session.roles = roles
    session.workers = Reports(session)
    passes: Any = weakref.WeakKeyDictionary()

    @functools.wraps(real)
    def __iter__(loader: Any) -> Any:
        if session.is_dead or session.is_finished:
            return real(loader)
        if session.phase == "setup":
            session.phase = "first-batch"
        session.remember(session.loaders, loader)
        before: Optional[Pass] = passes.get(loader)
        if before is not None:
            before.finish()
        is_own = type(loader).__iter__ is __iter__ or type(loader).__module__.split(".")[0] in _SAFE_TO_END
        current = Pass(session, loader, real, roles, may_end=is_own, index=0 if before is None else before.index + 1)
        passes[loader] = current
        return current

    loader_class.__iter__ = __iter__

    def training_pass() -> Optional[Tuple[Any, Pass]]:
        """The training loader that handed out a batch last, with its present pass."""
        training = [(loader, one) for loader, one in list(passes.items()) if roles.of(loader) == "train"]
        return max(training, key=lambda pair: pair[1].handed_at, default=None)

    session.training_pass = training_pass

    def finish_all() -> None:
        for current in list(passes.values()):
            current.finish()

    session.finishers.append(finish_all)


class Pass:
    """One pass over a loader; an iterator that hands the loader's batches on, as many as the run wants.

    Args:
        session: the instrumented program.
        loader: the program's loader.
        real: ``DataLoader.__iter__`` as torch has it.
        roles: what each loader is used for.
        may_end: whether the pass may end early; loaders with an own ``__iter__`` may not bear it.
        index: how many passes came before.
    """

    def __init__(self, session: Session, loader: Any, real: Any, roles: Roles, may_end: bool, index: int) -> None:
        self.session = session
        self.loader: Any = loader  # until the pass is over
        self._make = real
        self.roles = roles
        self.may_end = may_end
        self.index = index
        self.batches = 0
        self.handed_at = 0.0
        self.is_cut = False
        self.is_exhausted = False
        self.is_over = False
        self._length = _length(loader)
        self._replay = Replay(session, roles, loader)
        # Made at once, as without us: starting workers is part of ``iter``. Not for a replay, which needs none.
        self._inner: Optional[Iterator[Any]] = None
        if not self._replay.is_full:
            self._start()
        session.forwards.look()

    @property
    def role(self) -> str:
        """``train``, ``validation`` or ``unknown``."""
        return self.roles.of(self.loader)

    def __iter__(self) -> Pass:
        return self

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("this loader has no length")
        return self._length

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._iterator(), name)

    def __next__(self) -> Any:
        session = self.session
        began = time.perf_counter()
        if self.may_end and self._is_enough():
            self.is_cut = True
            self.finish()
            raise StopIteration
        if self.is_over:
            raise StopIteration
        session.is_fetching = True
        try:
            batch = self._replay.next(self._iterator)
        except StopIteration:
            self.is_exhausted = True
            self.finish()
            raise
        finally:
            session.is_fetching = False
        self.handed_at = time.perf_counter()
        session.seconds["data"] += self.handed_at - began
        self.batches += 1
        session.current = self
        if self.role == "unknown":
            session.forwards.pending = self
        if session.listeners["on_batch"] and (session.sampling or self.batches <= 2):
            session.tell("on_batch", self.loader, batch, self.role)
        session.stopping.check_time()
        return batch

    def vote(self, is_training: bool) -> None:
        """A root module ran on a batch of this pass."""
        self.roles.vote(self.loader, is_training)
        if is_training and len(self.session.kept) < MOST_KEPT:
            dataset = getattr(self.loader, "dataset", None)
            if dataset is not None and not any(dataset is kept for kept in self.session.kept):
                self.session.kept.append(dataset)

    def finish(self) -> None:
        """The pass is over, at its end or where the run or the program left it; told once."""
        if self.is_over:
            return
        self.is_over = True
        loader, role = self.loader, self.role
        self._write(loader)
        self.session.tell("on_epoch", loader, role, self.index, self.batches)
        self.loader = self._inner = None

    def _write(self, loader: Any) -> None:
        self.session.emit(
            "epoch",
            loader=self.session.number_of(loader),
            role=self.role,
            length=self._length,
            batch_size=getattr(loader, "batch_size", None),
            index=self.index,
            batches=self.batches,
            cut=self.is_cut,
            left=not (self.is_cut or self.is_exhausted or self.batches == self._length),
            **_sampling(loader),
        )

    def _iterator(self) -> Iterator[Any]:
        return self._inner if self._inner is not None else self._start()

    def _start(self) -> Iterator[Any]:
        with self.session.workers.asking(self.loader):
            self._inner = inner = iter(self._make(self.loader))
        return inner

    def _is_enough(self) -> bool:
        settings = self.session.settings
        limits: Dict[str, Optional[int]] = {"train": settings.train_batches, "validation": settings.validation_batches}
        limit = limits.get(self.role)
        return limit is not None and self.batches >= limit


def _length(loader: Any) -> Optional[int]:
    try:
        return len(loader)
    except (TypeError, NotImplementedError):  # an iterable dataset has none
        return None


def _sampling(loader: Any) -> Dict[str, Any]:
    sampler = getattr(loader, "sampler", None)
    return {"sampler": type(sampler).__name__, "workers": getattr(loader, "num_workers", None)}
