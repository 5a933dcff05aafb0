"""One run as a job: plain data that any executor can take to wherever it runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from .diagnosis import Diagnosis, diagnose
from .environment import AGENT_BOOT, run_environment
from .launching import LEAST_FREE, Ended, launch
from .readings import Healthy, collect
from .results import Run
from .settings import RunSettings
from .trace import Trace
from .trees import Method, Tree, TreeError, make_tree, remove_folder

STOP_FILE = "stop"
_OUTPUT_LINES = 40
_SOFT = 0.9  # of the time limit, after which the agent ends the run by itself


@dataclass(frozen=True)
class Job:
    """One run of the command in one tree.

    Attributes:
        number: tells the jobs of an experiment apart.
        tree: ``as-is`` or ``fixed``.
        rule: whose fixes are in the tree.
        repeat: whether it is the second half of A/A.
        root: the user's folder.
        cwd: where the command starts, below the root or elsewhere.
        command: the program and its arguments.
        files: contents of the files that the fixes change, by path relative to the root.
        settings: what the agent is told; the paths of ``reach`` are relative to the root.
        method: how trees are made.
        scratch: the experiment's folder; the job makes its own below.
        timeout: seconds.
        threads: compute threads.
        healthy: ranges for the readings.
        keep: a folder for tree, trace and output, or None.
        boot: the folder of the agent's entry.
        least_free: bytes of disk below which the run is ended.
    """

    number: int
    tree: str
    rule: str
    root: Path
    cwd: Path
    command: tuple[str, ...]
    settings: RunSettings
    method: Method
    scratch: Path
    timeout: float
    threads: int = 1
    repeat: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    healthy: Healthy = field(default_factory=dict)
    keep: Path | None = None
    boot: Path = AGENT_BOOT
    least_free: int = LEAST_FREE

    @property
    def folder(self) -> Path:
        """The job's own folder, there while it runs."""
        return self.scratch / f"r{self.number:02d}"

    @property
    def trace_folder(self) -> Path:
        """Where the processes of the run write."""
        return self.folder / "trace"

    @property
    def name(self) -> str:
        """A short name: tree, rule and seed."""
        return "-".join(filter(None, (self.tree, self.rule, str(self.settings.seed), "again" * self.repeat)))


def run_job(job: Job) -> Run:
    """Run it, and leave nothing behind but what is to be kept.

    Returns:
        The run, also where it failed.
    """
    try:
        job.trace_folder.mkdir(parents=True)
        tree = make_tree(job.method, job.root, job.folder, job.files, job.cwd)
        before = _stamps(job.root) if tree.is_copy else {}
        settings = _placed(job, tree)
        env = run_environment(
            _remapped(os.environ, tree), settings, job.folder, job.trace_folder, job.threads, job.boot
        )
        command = [_program(job, tree), *job.command[1:]]
        ended = launch(
            command,
            tree.place(job.cwd),
            env,
            job.folder,
            job.timeout,
            wrapper=tree.wrapper,
            stop=job.scratch / STOP_FILE,
            least_free=job.least_free,
        )
        notes = _written(job.root, before) if tree.is_copy else ()
        run = _run(job, tree, settings, ended, notes)
        return _kept(job, run, ended) if job.keep is not None else replace(run, trace=replace(run.trace, folder=None))
    except (TreeError, OSError) as error:
        return Run(job.tree, job.rule, job.settings.seed, Trace(), job.repeat, cause=str(error), phase="start")
    finally:
        remove_folder(job.folder)


def _placed(job: Job, tree: Tree) -> RunSettings:
    reach = {str(tree.root / path): lines for path, lines in job.settings.reach.items()}
    seconds = job.settings.seconds or job.timeout * _SOFT
    return replace(job.settings, root=str(tree.root), reach=reach, seconds=seconds)


def _remapped(env: Mapping[str, str], tree: Tree) -> dict[str, str]:
    """The user's environment; where the tree is a copy, paths to import from lead into it."""
    found = dict(env)
    if tree.is_copy and found.get("PYTHONPATH"):
        parts = found["PYTHONPATH"].split(os.pathsep)
        found["PYTHONPATH"] = os.pathsep.join(str(tree.place(Path(p))) if p else p for p in parts)
    return found


def _program(job: Job, tree: Tree) -> str:
    """The program to start: a copy lacks virtual environments, whose programs are then the user's own."""
    name = job.command[0]
    if tree.is_copy and os.sep in name:
        own = job.cwd / name
        if own.exists() and not tree.place(own).exists():
            return str(own)
    return name


def _run(job: Job, tree: Tree, settings: RunSettings, ended: Ended, notes: tuple[str, ...]) -> Run:
    renamed = (str(tree.root), str(tree.original)) if tree.is_copy else None
    trace = Trace.read(job.trace_folder, renamed)
    found: Diagnosis = diagnose(ended, trace, settings, (tree.root, tree.original), job.timeout)
    deviations = [str(e.get("what")) for e in trace.all_events("deviation")]
    if not settings.keep_compile:
        deviations.append("torch.compile is off (--keep-compile leaves it on)")
    if tree.is_copy:
        deviations.append("it ran in a copy of the folder, at another path")
    output = ended.output.replace(str(tree.root), str(tree.original)) if tree.is_copy else ended.output
    return Run(
        tree=job.tree,
        rule=job.rule,
        seed=settings.seed,
        trace=trace,
        repeat=job.repeat,
        device=str(trace.header.get("device") or ""),
        steps=trace.steps or trace.backwards,
        seconds=ended.seconds,
        exit=ended.exit,
        cause=found.cause.replace(str(tree.root), str(tree.original)) if tree.is_copy else found.cause,
        phase=found.phase,
        frame=found.frame,
        readings=collect(trace, job.healthy, settings.probes) if trace.processes else (),
        deviations=tuple(dict.fromkeys([*deviations, *found.notes, *notes])),
        output=tuple(without_agent(output.splitlines())[-_OUTPUT_LINES:]),
    )


def without_agent(lines: Sequence[str]) -> list[str]:
    """Leave the agent's own frames out of tracebacks: they say nothing of the user's code.

    Args:
        lines: what a command printed.
    """
    kept: list[str] = []
    is_own = False
    for line in lines:
        if line.startswith('  File "'):
            is_own = line.startswith(f'  File "{AGENT_BOOT.parent}{os.sep}')
        elif not line.startswith("    "):
            is_own = False
        if not is_own:
            kept.append(line)
    return kept


def _kept(job: Job, run: Run, ended: Ended) -> Run:
    """Put trace, output and what the run wrote into the folder that was asked for."""
    assert job.keep is not None
    place = job.keep / f"{job.number:02d}-{job.name}"
    place.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, shutil.Error):
        shutil.copytree(job.trace_folder, place / "trace", dirs_exist_ok=True)
        (place / "output.txt").write_text(ended.output)
        for source in sorted(job.folder.glob("up*")) or [job.folder / job.root.name]:
            shutil.copytree(source, place / "tree", dirs_exist_ok=True, symlinks=True, copy_function=_copy_plain)
    return replace(run, trace=replace(run.trace, folder=place / "trace"))


def _copy_plain(source: str, target: str) -> object:
    """Copy a file; an overlay's marks for removed ones (devices) are no files."""
    return shutil.copy2(source, target) if Path(source).is_file() else None


def _stamps(root: Path) -> dict[Path, tuple[int, int]]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            with suppress(OSError):
                path = Path(folder, name)
                stat = path.lstat()
                found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def _written(root: Path, before: Mapping[Path, tuple[int, int]]) -> tuple[str, ...]:
    """A copy cannot hold back what is written by absolute paths; then at least it is told."""
    after = _stamps(root)
    changed = [p for p in after if before.get(p) != after[p]] + [p for p in before if p not in after]
    if not changed:
        return ()
    return (f"the command wrote to {changed[0]} of your own folder by its absolute path",)
