"""Who does a scan's work: this process, or processes that each check the files that they have read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import worker
from .pool import Bundle, ExecutorFactory, available_cores, chunks, process_pool

if TYPE_CHECKING:
    from .checking import Checked, Codemod
    from .crew import Crew
    from .graph.project import Project
    from .reading import Reading
    from .rule import Rule
    from .source.reader import Sources

BYTES_WORTH_A_POOL = 1_500_000
FILES_WORTH_A_POOL = 24
BUNDLES_A_WORKER = 8
"""A few for each, so that one that is done early can take some of another's."""
BUNDLES_LEFT = 3
"""To check another's files is to parse them again: the last few go as fast without help."""
LINES_KEPT, LINES_KEPT_ALONE = 64_000, 28_000
"""Lines whose trees stay from reading to checking, in each of several processes and in a single one, which holds all
else as well: they keep a process under 200 MiB with a repository of 180,000 lines."""
Progress = Callable[[str, int, int], None]
"""Told of the phase, how much of it is done, and how much there is."""


class Team:
    """The workers of one scan, from reading to checking.

    Args:
        sources: where files are read from.
        rules: the rules that files are read for and checked by.
        codemods: what prepares the fixes, by rule.
        jobs: how many processes; 0 for as many as there are processors.
        executor: what makes one.
        progress: whom to tell how far the work is.
    """

    def __init__(
        self,
        sources: Sources,
        rules: Sequence[Rule],
        codemods: Mapping[str, Codemod],
        jobs: int = 0,
        executor: ExecutorFactory = process_pool,
        progress: Progress | None = None,
    ) -> None:
        self._tools = (sources, rules, codemods)
        self._size = jobs or available_cores()
        self._executor = executor
        self._progress = progress
        self._crew: Crew | None = None
        self._homes: dict[str, int] = {}  # which worker has read a file
        worker.start(*self._tools, LINES_KEPT_ALONE)

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *error: object) -> None:
        worker.stop()
        if self._crew is not None:
            self._crew.end(failed=error[0] is not None)

    def read(self, paths: Sequence[str], sizes: Mapping[str, int]) -> list[Reading]:
        """What files of some sizes (in bytes) give, in no order."""
        if self._size == 1 or sum(sizes[p] for p in paths) < BYTES_WORTH_A_POOL:
            done = worker.read_all(paths)
            self._tell("reading", len(done), len(paths))
            return done
        crew = self._start_crew()
        parts = chunks(paths, lambda p: sizes[p], self._size * BUNDLES_A_WORKER)
        # In turn, so that each gets about as much to check of a folder that has most of it.
        work = [Bundle(part, number % self._size) for number, part in enumerate(parts)]
        done = []
        for home, readings in crew.run(worker.read_all, work, worker.died_reading):
            self._homes.update((r.path, home) for r in readings)
            done += readings
            self._tell("reading", len(done), len(paths))
        return done

    def check(self, project: Project, paths: Sequence[str]) -> list[Checked]:
        """What the rules say of files, and of the repository as a whole for the path "", in no order."""
        if self._size == 1 or len(paths) < FILES_WORTH_A_POOL:
            worker.take(project)
            done = worker.check_all(paths)
            self._tell("checking", len(done), len(paths))
            return done
        if self._crew is not None:
            others = [project.without(p for p, h in self._homes.items() if h == home) for home in range(self._size)]
            self._crew.tell(worker.complete, others)
        crew = self._crew or self._start_crew(project)
        done = []
        work = self._bundles(project, paths)
        for _, checked in crew.run(worker.check_all, work, worker.died_checking, spared=BUNDLES_LEFT):
            done += checked
            self._tell("checking", len(done), len(paths))
        return done

    def _start_crew(self, *project: Project) -> Crew:
        # Late, since a scan of a few files starts no process.
        from .crew import Crew

        self._crew = Crew(self._size, self._executor, worker.start, (*self._tools, LINES_KEPT, *project))
        return self._crew

    def _bundles(self, project: Project, paths: Sequence[str]) -> list[Bundle[str]]:
        """Each worker's own files apart, as it has them at hand."""
        lines = {p: f.lines for p, f in project.files.items()}
        lines[""] = sum(lines.values()) // 4
        shares: list[list[str]] = [[] for _ in range(self._size)]
        for number, share in enumerate(chunks(paths, lambda p: lines[p], self._size)):
            for path in share:
                shares[self._homes.get(path, number)].append(path)
        return [
            Bundle(part, home)
            for home, share in enumerate(shares)
            for part in chunks(share, lambda p: lines[p], BUNDLES_A_WORKER)
        ]

    def _tell(self, phase: str, done: int, total: int) -> None:
        if self._progress is not None and total:
            self._progress(phase, done, total)
