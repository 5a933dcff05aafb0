"""How work is spread over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.crew import Crew
from mlfix.analyzer.pool import Bundle, chunks, process_pool

SLEEPERS = """
import os, time
from mlfix.analyzer.crew import Crew
from mlfix.analyzer.pool import Bundle, process_pool

def sleep(items):
    print(os.getpid(), flush=True)
    time.sleep(600)
    return items

crew = Crew(2, process_pool, print, ())
list(crew.run(sleep, [Bundle([0], 0), Bundle([1], 1)], str))
"""


@given(st.lists(st.integers(0, 5000), max_size=200), st.integers(1, 64))
def test_parts_hold_neighbours_and_about_equal_weight(weights: list[int], count: int) -> None:
    items = list(enumerate(weights))
    parts = chunks(items, lambda item: item[1], count)
    assert [item for part in parts for item in part] == items
    assert all(parts) or not items
    assert len(parts) <= count
    share = (sum(weights) + len(weights)) / max(1, len(parts))
    heaviest = max(weights, default=0) + 1
    for part in parts:
        assert sum(weight + 1 for _, weight in part) <= share + 2 * heaviest


class AtOnce(Executor):
    """Works when it is asked, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.asked.append(args[0])
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _crew_at_once() -> tuple[Crew, list[AtOnce]]:
    made: list[AtOnce] = []

    def factory(workers: int, initializer: Callable[..., None], arguments: tuple[Any, ...]) -> Executor:
        made.append(AtOnce())
        return made[-1]

    return Crew(2, factory, print, ()), made


def test_each_worker_does_its_own_first_and_then_helps_another() -> None:
    crew, made = _crew_at_once()
    work = [*(Bundle([n], 0) for n in range(9)), Bundle([100], 1)]
    done = [item for _, items in crew.run(lambda items: items, work, lambda item: -1) for item in items]
    assert sorted(done) == [*range(9), 100]
    first, second = (executor.asked for executor in made)
    assert first == [[n] for n in range(len(first))]
    assert second[0] == [100]
    assert second[1:] == [[8 - n] for n in range(9 - len(first))] != []


@pytest.mark.parametrize(("spared", "taken"), [(0, 2), (1, 1), (2, 1), (3, 0)])
def test_the_last_bundles_are_left_to_their_worker(spared: int, taken: int) -> None:
    crew, made = _crew_at_once()
    work = [Bundle([n], 0) for n in range(4)]
    done = [n for _, items in crew.run(lambda items: items, work, lambda item: -1, spared) for n in items]
    assert sorted(done) == [0, 1, 2, 3]
    assert len(made[1].asked) == taken


def _die_at_three(items: list[int]) -> list[int]:
    if items == [3]:
        os._exit(1)
    return items


@pytest.mark.parametrize("spared", [0, 3, 100])
@pytest.mark.parametrize("workers", [2, 3])
def test_a_worker_that_dies_costs_what_it_was_at(workers: int, spared: int) -> None:
    crew = Crew(workers, process_pool, _nothing, ())
    work = [Bundle([n], n % workers) for n in range(40)]
    done = [item for _, items in crew.run(_die_at_three, work, _negative, spared) for item in items]
    crew.end(failed=False)
    assert sorted(done) == sorted([*range(3), -3, *range(4, 40)])


def test_all_that_is_left_is_told_when_the_last_worker_dies() -> None:
    crew = Crew(1, process_pool, _nothing, ())
    done = [n for _, items in crew.run(_die_at_three, [Bundle([n], 0) for n in range(1, 9)], _negative) for n in items]
    crew.end(failed=False)
    assert sorted(done) == [*range(-8, -2), 1, 2]


def _negative(item: int) -> int:
    return -item


def _nothing() -> None:
    return None


def _remember(value: int) -> None:
    global _told
    _told = value


def _recall(items: Iterable[int]) -> list[tuple[int, int]]:
    return [(os.getpid(), _told) for _ in items]


_told = 0


def test_each_worker_is_told_its_own_and_stays() -> None:
    crew = Crew(2, process_pool, _remember, (1,))
    work = [Bundle([n], n % 2) for n in range(8)]
    before = {answer for _, answers in crew.run(_recall, work, lambda item: (0, 0)) for answer in answers}
    crew.tell(_remember, [2, 3])
    after = {answer for _, answers in crew.run(_recall, work, lambda item: (0, 0)) for answer in answers}
    crew.end(failed=False)
    assert {told for _, told in before} == {1}
    assert {told for _, told in after} == {2, 3}
    assert {pid for pid, _ in after} <= {pid for pid, _ in before}


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal that Windows lacks")
def test_workers_end_with_a_main_process_that_is_killed() -> None:
    main = subprocess.Popen([sys.executable, "-c", SLEEPERS], stdout=subprocess.PIPE, text=True)
    assert main.stdout is not None
    workers: list[int] = []
    for line in iter(main.stdout.readline, ""):
        workers += [int(word) for word in line.split()]
        if len(workers) == 2:
            break
    main.kill()
    main.wait()
    until = time.monotonic() + 30
    while any(_is_there(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    left = [pid for pid in workers if _is_there(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert len(workers) == 2
    assert not left


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that ended stays in the table until whoever took it over asks for it.
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return sys.platform != "linux"
