"""Workers that each have at hand what they opened before, and take over from each other."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar

from .pool import Bundle, ExecutorFactory, interrupts_held

Item = TypeVar("Item")
Result = TypeVar("Result")

_ASKED_AT_ONCE = 2
"""Bundles that a worker is given at a time, so that it need not wait for the next."""


class Crew:
    """Workers that stay from one phase to the next, so that each has at hand what it opened before.

    Each is an executor of its own, which is what tells them apart.

    Args:
        workers: how many.
        factory: what makes one.
        initializer: what each calls first.
        arguments: what with.
    """

    def __init__(
        self, workers: int, factory: ExecutorFactory, initializer: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        self._executors = [factory(1, initializer, arguments) for _ in range(workers)]

    def tell(self, function: Callable[[Any], None], told: Sequence[Any]) -> None:
        """Call a function in every worker with what is for it, before all that is asked for later."""
        for executor, given in zip(self._executors, told, strict=True):
            try:
                executor.submit(function, given)
            except BrokenProcessPool:
                continue  # as :meth:`run` will notice

    def end(self, *, failed: bool) -> None:
        """Let the workers go; where the work has failed, without waiting for what they are at."""
        if failed:
            # Not left to the interpreter's exit: up to Python 3.11 that wakes a pool's thread which may be closing.
            for child in multiprocessing.active_children():
                child.terminate()
        for executor in self._executors:
            executor.shutdown(cancel_futures=failed)

    def run(
        self,
        work: Callable[[list[Item]], list[Result]],
        bundles: Iterable[Bundle[Item]],
        fallback: Callable[[Item], Result],
        spared: int = 0,
    ) -> Iterator[tuple[int, list[Result]]]:
        """The results of each bundle with the number of the worker that made them, as they come.

        A worker that dies (killed for memory, a crash in native code) costs the bundle that it was working on; the
        others take over what it had left.

        Args:
            work: what a worker does with a bundle.
            bundles: the work.
            fallback: the result for one item of a bundle whose worker died.
            spared: how many bundles that still wait for a worker are left to it by those who have none.
        """
        waiting = _Waiting(bundles, len(self._executors), spared)
        running: dict[Future[list[Result]], tuple[int, Bundle[Item]]] = {}
        alive = set(range(len(self._executors)))
        mourned: set[int] = set()

        def ask(worker: int) -> None:
            bundle = waiting.take(worker)
            if bundle is None:
                return
            try:
                running[self._executors[worker].submit(work, bundle.items)] = (worker, bundle)
            except BrokenProcessPool:
                alive.discard(worker)
                waiting.release(worker)
                waiting.put_back(bundle)
                for other in sorted(alive):
                    ask(other)

        with interrupts_held():
            for _ in range(_ASKED_AT_ONCE):
                for worker in sorted(alive):
                    ask(worker)
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in [f for f in running if f in done]:  # in the order in which they were asked for
                worker, bundle = running.pop(future)
                try:
                    yield worker, future.result()
                except BrokenProcessPool:
                    alive.discard(worker)
                    waiting.release(worker)
                    if worker in mourned:  # it had not begun with this one yet
                        waiting.put_back(bundle)
                    else:
                        mourned.add(worker)
                        yield worker, [fallback(item) for item in bundle.items]
                for other in sorted(alive) if worker not in alive else (worker,):
                    ask(other)
        for bundle in waiting.rest():
            yield 0, [fallback(item) for item in bundle.items]


class _Waiting(Generic[Item]):
    """Bundles that wait: a worker takes its own first, then what the one with most left would take last."""

    def __init__(self, bundles: Iterable[Bundle[Item]], workers: int, spared: int) -> None:
        self._spared = [spared] * workers
        self._own: list[deque[Bundle[Item]]] = [deque() for _ in range(workers)]
        for bundle in bundles:
            self._own[bundle.home].append(bundle)

    def take(self, worker: int) -> Bundle[Item] | None:
        """The next for a worker, None where nothing is left."""
        if self._own[worker]:
            return self._own[worker].popleft()
        over, other = max((len(own) - self._spared[number], number) for number, own in enumerate(self._own))
        return self._own[other].pop() if over > 0 else None

    def release(self, worker: int) -> None:
        """Spare nothing for a worker any more."""
        self._spared[worker] = 0

    def put_back(self, bundle: Bundle[Item]) -> None:
        """Let the next worker that is free have it."""
        self._own[bundle.home].append(bundle)

    def rest(self) -> Iterator[Bundle[Item]]:
        """All that nobody took."""
        for queue in self._own:
            yield from queue
