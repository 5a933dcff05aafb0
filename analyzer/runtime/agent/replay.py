"""What each loader is for, and handing out the same few batches again and again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Callable, Iterator, List

if TYPE_CHECKING:
    from .session import Session

LENGTH_WITHOUT_LEN = 64  # batches of an epoch of a replayed iterable dataset


class Roles:
    """Training or validation, by what the model does with the batches: training with gradients on, or not.

    Static hints are useless: frameworks wrap loaders, samplers and batch sizes.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._roles: Any = weakref.WeakKeyDictionary()

    def of(self, loader: Any) -> str:
        """``train``, ``validation`` or ``unknown``."""
        return self._roles.get(loader, "unknown") if loader is not None else "unknown"

    def vote(self, loader: Any, is_training: bool) -> None:
        """The first forward pass on a batch decides; one that trains overrules."""
        if loader is None:
            return
        if is_training or loader not in self._roles:
            self._roles[loader] = "train" if is_training else "validation"


class Replay:
    """The batches of one pass: the loader's own, or in overfit mode clones of its first ones.

    Args:
        session: the instrumented program.
        roles: what each loader is for; only training loaders are replayed.
        loader: the program's loader.
    """

    _stores: Any = weakref.WeakKeyDictionary()

    def __init__(self, session: Session, roles: Roles, loader: Any) -> None:
        self.session = session
        self.roles = roles
        self.count = session.settings.overfit
        self.loader = weakref.ref(loader)
        self.handed = 0
        self.mine: List[Any] = []  # batches of this pass: a pass before training (statistics) must not fill the store

    @property
    def is_full(self) -> bool:
        """Whether the loader itself is no longer needed."""
        return self.loader() in self._stores

    def next(self, iterator: Callable[[], Iterator[Any]]) -> Any:
        """The next batch.

        Args:
            iterator: gives the loader's own iterator; not asked once the store is full, so no worker starts.

        Raises:
            StopIteration: the pass is over.
        """
        if not self.count:
            return next(iterator())
        loader = self.loader()
        store = self._stores.get(loader)
        if store is None and self.roles.of(loader) == "train" and len(self.mine) >= self.count:
            store = self._stores[loader] = self.mine[: self.count]
            self.session.emit("replay", loader=self.session.number_of(loader), batches=len(store))
        if store is None:
            batch = next(iterator())
            self.mine.append(_clone(self.session.torch, batch))
            self.handed += 1
            del self.mine[: -self.count if len(self.mine) > self.count and self.roles.of(loader) != "train" else 0]
            return batch
        if self.handed >= _length(loader):
            raise StopIteration
        batch = store[self.handed % len(store)]
        self.handed += 1
        return _clone(self.session.torch, batch)


def _length(loader: Any) -> int:
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return LENGTH_WITHOUT_LEN


def _clone(torch: Any, batch: Any) -> Any:
    """A copy that the program may change in place."""
    if isinstance(batch, torch.Tensor):
        return batch.detach().clone()
    if isinstance(batch, dict):
        copy = type(batch).__new__(type(batch)) if type(batch) is not dict else {}
        copy.update({k: _clone(torch, v) for k, v in batch.items()})
        if hasattr(batch, "__dict__"):
            copy.__dict__.update({k: v for k, v in vars(batch).items() if k not in copy.__dict__})
        return copy
    if isinstance(batch, tuple):
        parts = [_clone(torch, v) for v in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    if isinstance(batch, list):
        return [_clone(torch, v) for v in batch]
    return batch
