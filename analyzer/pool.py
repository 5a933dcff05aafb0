"""Work spread over processes, behind ``concurrent.futures.Executor`` so that a cluster's can take its place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor

Item = TypeVar("Item")
ExecutorFactory = Callable[[int, Callable[..., None], tuple[Any, ...]], "Executor"]
"""Makes an executor of some workers, each of which calls the initializer with the arguments once."""


def process_pool(workers: int, initializer: Callable[..., None], arguments: tuple[Any, ...]) -> Executor:
    """Local processes. Forked on Linux, where what the arguments hold is then shared instead of copied to each."""
    # Late, since a scan of a few files starts no process.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(initializer, arguments))


def _start(initializer: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of the terminal: workers end in silence, and the main process tells it once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _mask_interrupts(hold=False)
    _end_with_parent()
    initializer(*arguments)


def _end_with_parent() -> None:
    """Leave no worker behind when the main process is killed: nobody would tell it to end."""
    import multiprocessing
    import threading
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def end() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


@contextmanager
def interrupts_held() -> Iterator[None]:
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


@dataclass(frozen=True)
class Bundle(Generic[Item]):
    """Items that are worked on in one go, by the worker that is at home with them if it has the time."""

    items: list[Item]
    home: int


def chunks(items: Sequence[Item], weight: Callable[[Item], int], count: int) -> list[list[Item]]:
    """Neighbouring items in at most so many parts of about equal weight: what neighbours share is opened once."""
    count = max(1, min(len(items), count))
    share = sum(weight(item) + 1 for item in items) / count
    parts: list[list[Item]] = [[]]
    load = 0.0
    for item in items:
        if load >= share and len(parts) < count:
            parts.append([])
            load -= share
        parts[-1].append(item)
        load += weight(item) + 1
    return parts
