"""Files x rules x processes -> findings: what a scan does, with its cache, suppressions and baseline."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .cache import Cache, Memory, shape_of
from .checking import Checked, Codemod, number_occurrences
from .findings import Finding, Problem
from .graph.project import Project
from .pool import ExecutorFactory, process_pool
from .project.configs.names import may_be_config
from .project.dependencies import DependencyTable, Requirement, Role, is_dependency_file, read_dependencies
from .project.files import Discovery, discover
from .project.labels import parquet
from .project.scripts import read_console_scripts
from .project.settings import Settings
from .reading import facts_by_path, read_files
from .rule import Rule
from .selection import is_in, select
from .source.facts import FileFacts
from .source.reader import Sources, Unreadable, collector_paused, digest_of, keep_freed_memory
from .team import Progress, Team
from .version import __version__


@dataclass(frozen=True)
class Request:
    """What to scan, and how.

    ``only`` are the relative paths (files or folders) that the report is about; None is everything. The whole project
    is read in any case. ``baseline`` are fingerprints that do not count.
    """

    root: Path
    rules: Sequence[Rule]
    codemods: Mapping[str, Codemod]
    settings: Settings = field(default_factory=Settings)
    only: Collection[str] | None = None
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    cache_folder: Path | None = None
    baseline: frozenset[str] = frozenset()
    jobs: int = 0
    executor: ExecutorFactory = process_pool
    progress: Progress | None = None


@dataclass(frozen=True)
class Report:
    """What a scan found. ``findings`` are those that count; ``suppressed`` were silenced by comments."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    files: int
    lines: int
    notebooks: int
    seconds: float
    hidden: int = 0
    """Findings below the level or confidence asked for."""
    known: int = 0
    """Findings that the baseline accepts."""


def scan(request: Request) -> Report:
    """Scan a project: read, decide, prepare fixes.

    Bad files become problems in the report; nothing of the project is executed.
    """
    started = time.perf_counter()
    keep_freed_memory()
    settings = request.settings
    discovery = discover(request.root, settings.exclude, settings.respect_gitignore)
    sources = Sources(request.root, request.overlay)
    team = Team(sources, request.rules, request.codemods, request.jobs, request.executor, request.progress)
    with collector_paused(), team:
        memory = _Run(request, sources, discovery, team).memory()
    findings = [f for c in memory.checked.values() for f in c.findings]
    problems = [*discovery.problems, *memory.problems.values()]
    problems += [p for c in memory.checked.values() for p in c.problems]
    problems = [p for p in problems if p.path == "." or is_in(p.path, request.only)]
    selected = select(
        number_occurrences(findings), settings, request.rules, request.only, request.baseline, sources, memory.marked
    )
    return Report(
        findings=selected.findings,
        suppressed=selected.suppressed,
        problems=tuple(sorted(set(problems), key=lambda p: (p.path, p.line, p.message))),
        files=len(discovery.python),
        lines=sum(memory.lines.values()),
        notebooks=discovery.notebooks,
        seconds=time.perf_counter() - started,
        hidden=selected.hidden,
        known=selected.known,
    )


def read_project(root: Path, settings: Settings, overlay: Mapping[str, bytes] | None = None) -> Project:
    """A project as a scan sees it, for what asks about its code without looking for bugs."""
    discovery = discover(root, settings.exclude, settings.respect_gitignore)
    sources = Sources(root, overlay or {})
    files = facts_by_path(read_files(sources, discovery.python, ()))
    scripts = read_console_scripts(sources, discovery)
    return Project(sources, files, DependencyTable(), discovery.others, scripts)


class _Run:
    """One scan's reading and deciding, using what the cache still vouches for."""

    def __init__(self, request: Request, sources: Sources, discovery: Discovery, team: Team) -> None:
        self.request = request
        self.sources = sources
        self.discovery = discovery
        self.team = team
        self.cache = Cache(request.cache_folder, self._key())

    def memory(self) -> Memory:
        """The run's results: recalled where nothing changed, worked out where something did."""
        old = self.cache.results()
        contents, unreadable = self._contents()
        digests = {path: digest for path, (digest, _) in contents.items()}
        dependency_files = self._dependency_files()
        inputs = self._digests({*dependency_files, *old.inputs} - set(digests))
        if old.digests == digests and old.inputs == inputs and not unreadable:
            return old
        files, lines, problems = self._facts(old, contents)
        dependencies = self._dependencies(dependency_files)
        stated = self._digests({*dependency_files, *(target for _, target in dependencies.includes)} - set(digests))
        # Only a cache compares shapes.
        keeps = self.request.cache_folder is not None
        shape = shape_of(files, *(f"{p}={d}" for p, d in sorted(stated.items()))) if keeps else ""
        scripts = read_console_scripts(self.sources, self.discovery)
        project = Project(self.sources, files, dependencies, self.discovery.others, scripts)
        checked = self._check(project, old if keeps and old.shape == shape else Memory(), digests | inputs)
        consulted = {p: c.consulted or set(old.consulted.get(p, ())) for p, c in checked.items()}
        others = self._digests({q for c in consulted.values() for q in c} - set(digests))
        every = digests | others
        problems |= unreadable
        problems |= {f"{p.path}#{n}": p for n, p in enumerate(dependencies.problems)}
        new = Memory(
            digests=digests,
            inputs=stated | others,
            lines=lines,
            problems=problems,
            shape=shape,
            checked=checked,
            consulted={p: {q: every[q] for q in c} for p, c in consulted.items()},
            marked=[p for p, f in files.items() if f.has_suppressions],
        )
        if keeps:
            self.cache.store_results(new)
            self.cache.store_facts(files.values())
        return new

    def _key(self) -> list[str]:
        request = self.request
        rules = [r.identity for r in request.rules]
        package = Path(__file__).parent.parent
        # Rules under development change without a new version: their files' times stand for them.
        own = (p for top in ("analyzer", "rules", "codemods") for p in (package / top).rglob("*"))
        users = {getattr(sys.modules.get(type(r).__module__), "__file__", None) for r in request.rules}
        files = (*own, *(Path(name) for name in users if name))
        stamp = max((p.stat().st_mtime_ns for p in files if p.suffix in (".py", ".yaml") and p.exists()), default=0)
        settings = (request.settings.torch or "", *request.settings.rules)
        # Results hold fixes, so they belong to the codemods too.
        mending = [f"{name}={_home(codemod)}" for name, codemod in sorted(request.codemods.items())]
        # A configuration that is added or removed may change what any file's code is run with.
        configs = [p for p in self.discovery.others if may_be_config(p)]
        listed = digest_of("\n".join(configs).encode(errors="surrogatepass"))
        # What optional packages can read, they may come to read.
        readers = "parquet" if parquet.can_read() else ""
        start = [__version__, platform.python_version(), str(request.root), str(stamp), listed, readers]
        return [*start, *rules, *settings, *mending]

    def _contents(self) -> tuple[dict[str, tuple[str, int]], dict[str, Problem]]:
        """Digest and size of each Python file."""
        found: dict[str, tuple[str, int]] = {}
        problems: dict[str, Problem] = {}
        for path in self.discovery.python:
            try:
                data = self.sources.read(path)
                found[path] = (digest_of(data), len(data))
            except Unreadable as error:
                problems[path] = error.problem
        return found, problems

    def _digests(self, paths: Iterable[str]) -> dict[str, str]:
        """Digests of files beside the code that findings depend on; of one that cannot be read, the reason."""
        found: dict[str, str] = {}
        for path in sorted(paths):
            try:
                found[path] = digest_of(self.sources.read(path))
            except Unreadable as error:
                found[path] = error.problem.message
        return found

    def _dependency_files(self) -> list[str]:
        return [p for p in (*self.discovery.python, *self.discovery.others) if is_dependency_file(p)]

    def _dependencies(self, files: Iterable[str]) -> DependencyTable:
        table = read_dependencies(self.sources.root, files, self.sources.overlay)
        settings = self.request.settings
        if settings.torch is None:
            return table
        where = settings.path.name if settings.path is not None else "mlfix.toml"
        stated = Requirement("torch", settings.torch, where, 1, 1, 1, f"torch{settings.torch}", Role.DECLARED, None)
        return replace(table, requirements=(*(r for r in table.requirements if r.name != "torch"), stated))

    def _facts(
        self, old: Memory, contents: Mapping[str, tuple[str, int]]
    ) -> tuple[dict[str, FileFacts], dict[str, int], dict[str, Problem]]:
        """Facts of every readable file: recalled by digest, or read anew."""
        kept = self.cache.facts() if old.digests else {}
        files = {p: f for p, f in kept.items() if p in contents and f.digest == contents[p][0]}
        problems = {
            p: old.problems[p] for p, (d, _) in contents.items() if p in old.problems and old.digests.get(p) == d
        }
        missing = [p for p in contents if p not in files and p not in problems]
        readings = self.team.read(missing, {p: size for p, (_, size) in contents.items()})
        files.update(facts_by_path(readings))
        problems.update({r.path: r.problem for r in readings if r.problem is not None})
        ordered = {p: files[p] for p in sorted(files)}
        return ordered, {p: f.lines for p, f in ordered.items()}, problems

    def _check(self, project: Project, old: Memory, digests: Mapping[str, str]) -> dict[str, Checked]:
        """What the rules say of every file: recalled where the file and all it consulted are the same."""
        wanted = [p for p, f in project.files.items() if f.wanted_by]
        kept = {p: old.checked[p] for p in wanted if p in old.checked and _still_holds(p, old, digests)}
        # "" stands for the repository as a whole, which is looked at whenever anything changed.
        missing = ["", *(p for p in wanted if p not in kept)]
        kept.update({c.path: c for c in self.team.check(project, missing)})
        return {p: kept[p] for p in [*wanted, ""]}


def _home(codemod: Codemod) -> str:
    """The module of a codemod; one that is imported late names it itself."""
    return str(getattr(codemod, "module", codemod.__module__))


def _still_holds(path: str, old: Memory, digests: Mapping[str, str]) -> bool:
    same = old.digests.get(path) == digests.get(path)
    return same and all(digests.get(p) == d for p, d in old.consulted.get(path, {}).items())
