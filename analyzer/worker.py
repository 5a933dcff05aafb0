"""What a pool's process does: it is prepared once, then works on bundles of paths."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .checking import Checked, Codemod, check_file, check_project
from .findings import Problem
from .reading import Reading, read_file
from .rule import Rule
from .source.facts import FileFacts
from .source.parsed import Parsed
from .source.reader import Sources, collector_paused

if TYPE_CHECKING:
    from .graph.project import Project

SECONDS_A_FILE = 30.0
SECONDS_A_PROJECT = 300.0


class _State(threading.local):
    """What a worker works with; of threads that are workers, each has its own."""

    sources: Sources
    rules: Sequence[Rule]
    codemods: Mapping[str, Codemod]
    project: Project
    parsed: Parsed
    facts: dict[str, FileFacts]
    """Of the files that it has read."""


_state = _State()


class OutOfTime(BaseException):
    """Not an ``Exception``: nothing that handles a rule's errors may swallow it."""


def start(
    sources: Sources,
    rules: Sequence[Rule],
    codemods: Mapping[str, Codemod],
    lines: int,
    project: Project | None = None,
) -> None:
    """Prepare this worker for :func:`read_all` and, where the project is known already, for :func:`check_all`.

    Args:
        sources: where files are read from.
        rules: the rules that files are read for and checked by.
        codemods: what prepares the fixes, by rule.
        lines: how many lines' trees to keep from reading to checking.
        project: the project, where it is known.
    """
    _state.sources, _state.rules, _state.codemods = sources, rules, codemods
    _state.parsed, _state.facts = Parsed(lines), {}
    if project is not None:
        take(project)


def take(project: Project) -> None:
    """Prepare this worker for :func:`check_all`."""
    _state.project = project
    project.parsed = _state.parsed
    # What was read stays for the whole run: the collector need not walk it again and again.
    gc.freeze()


def complete(project: Project) -> None:
    """Prepare this worker for :func:`check_all`, with a project that lacks the files that it has read."""
    take(project.having(_state.facts))


def stop() -> None:
    """Let go of all that this worker works with."""
    vars(_state).clear()


def read(path: str) -> Reading:
    """Read one file, within the time limit."""
    try:
        with time_limit(SECONDS_A_FILE):
            reading = read_file(_state.sources, path, _state.rules, _state.parsed)
    except OutOfTime:
        return Reading(path, None, Problem(path, f"took over {SECONDS_A_FILE:.0f} s to read: exclude it"))
    if reading.facts is not None:
        _state.facts[path] = reading.facts
    return reading


def read_all(paths: Sequence[str]) -> list[Reading]:
    """Read a bundle."""
    with collector_paused():
        return [read(path) for path in paths]


def check(path: str) -> Checked:
    """Check one file, or with the path "" the repository as a whole, within the time limit."""
    project, rules, codemods = _state.project, _state.rules, _state.codemods
    try:
        with time_limit(SECONDS_A_FILE if path else SECONDS_A_PROJECT):
            return check_file(project, path, rules, codemods) if path else check_project(project, rules, codemods)
    except OutOfTime:
        message = "took too long to check: its findings are not known; exclude what is not part of the program"
        return Checked(path, problems=(Problem(path or ".", message),))


def check_all(paths: Sequence[str]) -> list[Checked]:
    """Check a bundle."""
    # The project collects what closed modules leave behind itself; see Project.adopt.
    with collector_paused():
        return [check(path) for path in paths]


def died_reading(path: str) -> Reading:
    """The result for a file whose worker died: read again here is what killed it, so it is only told."""
    return Reading(path, None, Problem(path, "a worker process died while it was read: exclude it, or use --jobs 1"))


def died_checking(path: str) -> Checked:
    """Like :func:`died_reading`, for the rules."""
    return Checked(path, problems=(Problem(path, "a worker process died while it was checked: use --jobs 1"),))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise :class:`OutOfTime` after some seconds, where the system and thread allow an alarm; else do nothing."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    before: Callable[..., object] | int | None = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
