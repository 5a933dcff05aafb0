"""Work spread over processes, behind ``concurrent.futures.Executor`` so that a cluster's can take its place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Item = TypeVar("Item")
Result = TypeVar("Result")
ExecutorFactory = Callable[[int, Callable[..., None], tuple[Any, ...]], "Executor"]
"""Makes an executor of some workers, each of which calls the initializer with the arguments once."""

_CHUNKS_A_WORKER = 8


def process_pool(workers: int, initializer: Callable[..., None], arguments: tuple[Any, ...]) -> Executor:
    """Local processes. Forked on Linux, where the project is then shared instead of copied to each."""
    # Late, since a scan of a few files starts no process.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(initializer, arguments))


def _start(initializer: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of the terminal: workers end in silence, and the main process tells it once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _mask_interrupts(hold=False)
    initializer(*arguments)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait while workers are forked: one that is not set up yet would print a traceback."""
    _mask_interrupts(hold=True)
    try:
        yield
    finally:
        _mask_interrupts(hold=False)


def _mask_interrupts(*, hold: bool) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK if hold else signal.SIG_UNBLOCK, {signal.SIGINT})


def available_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chunks(items: Sequence[Item], weight: Callable[[Item], int], workers: int) -> list[list[Item]]:
    """Neighbouring items in bundles of about equal weight, a few for each worker: what they share is opened once."""
    count = max(1, min(len(items), workers * _CHUNKS_A_WORKER))
    share = sum(weight(item) + 1 for item in items) / count
    bundles: list[list[Item]] = [[]]
    load = 0.0
    for item in items:
        if load >= share and len(bundles) < count:
            bundles.append([])
            load -= share
        bundles[-1].append(item)
        load += weight(item) + 1
    return bundles


def run_chunks(
    executor: Executor,
    work: Callable[[list[Item]], list[Result]],
    bundles: list[list[Item]],
    fallback: Callable[[Item], Result],
) -> Iterator[Result]:
    """Results of all bundles, in the order in which they finish being asked for.

    A worker that dies (killed for memory, a crash in native code) costs its own item at most: the bundle is worked on
    again here, item by item.

    Args:
        executor: where to run.
        work: what a worker does with a bundle.
        bundles: the work.
        fallback: the result for one item of a bundle whose worker died.
    """
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool

    futures: list[tuple[Future[list[Result]], list[Item]]] = []
    try:
        with _interrupts_held():
            futures += [(executor.submit(work, b), b) for b in bundles]
        for future, bundle in futures:
            try:
                yield from future.result()
            except BrokenProcessPool:
                for item in bundle:
                    yield fallback(item)
    except BaseException:
        # Not left to the interpreter's exit: up to Python 3.11 that wakes a pool's thread which may be closing already.
        for child in multiprocessing.active_children():
            child.terminate()
        executor.shutdown(cancel_futures=True)
        raise
