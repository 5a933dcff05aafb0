"""Which runs are made, and in what order: A/A first, then as is and fixed over the seeds, interleaved."""

from __future__ import annotations

import functools
import json
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..pool import available_cores
from .edited_lines import EditedFile
from .environment import AGENT_BOOT
from .jobs import STOP_FILE, Job, run_job
from .launching import LEAST_FREE
from .readings import Healthy
from .results import AS_IS, FIXED, Run
from .settings import RunSettings
from .trace import Trace
from .trees import COPY, Method, choose_method, remove_folder, scratch_folder
from .trials import FixGroup, Trial, shows_defect

_LOOK = 0.25  # seconds between two looks at the runs
_MOST_THREADS = 4
_ENDS = (signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@dataclass
class State:
    """A job and how far it is, for whoever shows it. ``run`` is there once it has ended."""

    job: Job
    future: Future[Run]

    @property
    def run(self) -> Run | None:
        """The finished run; None before, and where it was cancelled or could not be made."""
        is_there = self.future.done() and not self.future.cancelled() and self.future.exception() is None
        return self.future.result() if is_there else None


Watch = Callable[[Sequence[State], int], None]
"""Told again and again of the jobs so far, and of how many there will be."""


@dataclass(frozen=True)
class Experiment:
    """What is run, and how. ``copies`` makes trees by copying even where an overlay could be mounted."""

    root: Path
    cwd: Path
    command: tuple[str, ...]
    settings: RunSettings
    seeds: tuple[int, ...]
    timeout: float
    jobs: int = 1
    healthy: Healthy = field(default_factory=dict)
    keep: Path | None = None
    boot: Path = field(default_factory=lambda: AGENT_BOOT)
    executor: Callable[[int], Executor] = ThreadPoolExecutor
    watch: Watch | None = None
    copies: bool = False
    least_free: int = LEAST_FREE

    def verify(self, groups: Sequence[FixGroup]) -> list[Trial]:
        """Run as is and with each group's fixes.

        Raises:
            TreeError: no place for temporary files.
        """
        with _Runner(self) as runner:
            return _Comparison(runner, groups).trials()

    def probe(self) -> Run:
        """One run as is.

        Raises:
            TreeError: no place for temporary files.
        """
        with _Runner(self) as runner:
            runner.total = 1
            return runner.first(lambda: runner.job(AS_IS, "", self.seeds[0]))


class _Runner:
    """Makes jobs and waits for them; leaves no process, mount or file behind, however it ends."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.settings = experiment.settings
        self.handlers: dict[signal.Signals, Any] = {}
        self.states: list[State] = []
        self.total = 0

    def __enter__(self) -> _Runner:
        experiment = self.experiment
        self.scratch = scratch_folder(experiment.root)
        try:
            # Whoever ends mlfix (a job's time limit, a closed terminal) means the runs too: all goes as by Ctrl-C.
            if threading.current_thread() is threading.main_thread():
                self.handlers = {kind: signal.signal(kind, _interrupt) for kind in _ENDS}
            self.method: Method = COPY if experiment.copies else choose_method(experiment.root, self.scratch)
            self.executor = experiment.executor(experiment.jobs)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None:
                (self.scratch / STOP_FILE).touch()
            self.executor.shutdown(cancel_futures=True)
            if self.experiment.watch is not None:
                self.experiment.watch(self.states, len(self.states))  # fewer than were planned, where some failed
        finally:
            self._leave()

    def _leave(self) -> None:
        remove_folder(self.scratch)
        for kind, handler in self.handlers.items():
            signal.signal(kind, handler)

    def job(
        self,
        tree: str,
        rule: str,
        seed: int,
        extra: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        repeat: bool = False,
    ) -> Job:
        """A job over the experiment's settings."""
        experiment = self.experiment
        cores = max(1, available_cores() // experiment.jobs)
        return Job(
            number=len(self.states),
            tree=tree,
            rule=rule,
            root=experiment.root,
            cwd=experiment.cwd,
            command=experiment.command,
            settings=self.settings.with_extra({**(extra or {}), "seed": seed}),
            method=self.method,
            scratch=self.scratch,
            timeout=experiment.timeout,
            threads=min(cores, _MOST_THREADS),
            repeat=repeat,
            files=files or {},
            healthy=experiment.healthy,
            keep=experiment.keep,
            boot=experiment.boot,
            least_free=experiment.least_free,
        )

    def first(self, job: Callable[[], Job]) -> Run:
        """The first run; once more where passes over a loader were cut in the middle of an accumulation."""
        (run,) = self.all([job()])
        cut = whole_passes(run.trace, self.settings.train_batches)
        if not run.ran or cut == self.settings.train_batches:
            return run
        self.settings = replace(self.settings, train_batches=cut)
        self.total += 1
        return self.all([job()])[0]

    def all(self, jobs: Sequence[Job]) -> list[Run]:
        """The runs of some jobs, in their order."""
        first = len(self.states)
        numbered = [replace(job, number=first + i) for i, job in enumerate(jobs)]
        self.states += [State(job, self.executor.submit(run_job, job)) for job in numbered]
        mine = self.states[first:]
        waiting: set[Future[Run]] = {s.future for s in mine}
        while waiting:
            _, waiting = wait(waiting, timeout=_LOOK, return_when=FIRST_COMPLETED)
            if self.experiment.watch is not None:
                self.experiment.watch(self.states, max(self.total, len(self.states)))
        return [s.future.result() for s in mine]


def whole_passes(trace: Trace, batches: int | None) -> int | None:
    """The least number of batches from ``batches`` on that is a multiple of the program's accumulation.

    The accumulation is the smallest number of backward calls between two steps: what is left over at the end of a pass
    only adds to it.
    """
    counts = [0, *(int(e.get("m") or 0) for e in trace.events("step"))]
    gaps = [b - a for a, b in pairwise(counts) if b > a]
    if batches is None or not gaps:
        return batches
    accumulation = min(gaps)
    return -(-batches // accumulation) * accumulation


class _Comparison:
    """As-is runs by the settings that they need, and each group's fixed runs."""

    def __init__(self, runner: _Runner, groups: Sequence[FixGroup]) -> None:
        self.runner = runner
        self.groups = list(groups)
        self.keys = {g.name: json.dumps(g.extra, sort_keys=True, default=list) for g in groups}
        self.extras = {self.keys[g.name]: g.extra for g in groups}
        self.as_is: dict[str, list[Run]] = {key: [] for key in self.extras}
        self.repeats: dict[str, Run] = {}
        self.fixed: dict[str, list[Run]] = {g.name: [] for g in groups}

    def trials(self) -> list[Trial]:
        """All runs, round by round."""
        first, *others = self.runner.experiment.seeds
        self.runner.total = len(self.extras) * (2 + len(others)) + len(self.groups) * (1 + len(others))
        for key in self.extras:
            self.as_is[key].append(self.runner.first(functools.partial(self._as_is, key, first)))
        # What fails as is, and does not show the defect by that, is not worth further runs.
        groups = [g for g in self.groups if _worth_it(g, self.as_is[self.keys[g.name]][0])]
        live = list(dict.fromkeys(self.keys[g.name] for g in groups if self.as_is[self.keys[g.name]][0].ran))
        for key, run in zip(live, self.runner.all([self._as_is(k, first, repeat=True) for k in live]), strict=True):
            self.repeats[key] = run
        self._round(groups, first, [])
        for seed in others:
            groups = [g for g in groups if all(r.ran for r in self.fixed[g.name])]
            self._round(groups, seed, list(dict.fromkeys(self.keys[g.name] for g in groups)))
        return [self._trial(g) for g in self.groups]

    def _round(self, groups: Sequence[FixGroup], seed: int, keys: Sequence[str]) -> None:
        jobs = [self._as_is(key, seed) for key in keys] + [self._fixed(g, seed) for g in groups]
        runs = self.runner.all(jobs)
        for key, run in zip(keys, runs, strict=False):
            self.as_is[key].append(run)
        for group, run in zip(groups, runs[len(keys) :], strict=True):
            self.fixed[group.name].append(run)

    def _as_is(self, key: str, seed: int, repeat: bool = False) -> Job:
        mine = [g for g in self.groups if self.keys[g.name] == key]
        extra = {**self.extras[key], "reach": _lines(mine, lambda e: e.before)}
        rule = mine[0].name if self.extras[key] else ""
        return self.runner.job(AS_IS, rule, seed, extra, repeat=repeat)

    def _fixed(self, group: FixGroup, seed: int) -> Job:
        extra = {**group.extra, "reach": _lines([group], lambda e: e.after)}
        return self.runner.job(FIXED, group.name, seed, extra, group.files)

    def _trial(self, group: FixGroup) -> Trial:
        key = self.keys[group.name]
        return Trial(group, tuple(self.as_is[key]), self.repeats.get(key), tuple(self.fixed[group.name]))


def _lines(
    groups: Sequence[FixGroup], side: Callable[[EditedFile], Sequence[tuple[int, ...]]]
) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for group in groups:
        for edited in (e for s in group.subjects for e in s.edited):
            for statement in side(edited):
                found.setdefault(edited.path, set()).update(statement)
    return {path: tuple(sorted(lines)) for path, lines in sorted(found.items())}


def _worth_it(group: FixGroup, as_is: Run) -> bool:
    return as_is.ran or any(shows_defect(s, as_is) for s in group.subjects)
