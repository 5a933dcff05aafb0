"""Running the test programs, plainly and under the agent, always in a copy of their folder."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlfix.analyzer.runtime.environment import run_environment
from mlfix.analyzer.runtime.settings import RunSettings
from mlfix.analyzer.runtime.trace import Trace

PROGRAMS = Path(__file__).resolve().parent / "programs"
NO_TORCH = "the programs need torch, which is not installed here"
_MARK = "MLFIX_TEST_RUN"


@dataclass(frozen=True)
class Outcome:
    """What a program gave: exit code, standard output and error, and how many processes it left behind."""

    code: int
    out: str
    err: str
    left: int

    @property
    def losses(self) -> list[str]:
        """The lines with a loss; programs print it with all digits."""
        return [line for line in self.out.splitlines() if line.startswith("step ")]


def copy_programs(name: str, target: Path) -> Path:
    """Copy a folder of programs; returns the copy."""
    return Path(shutil.copytree(PROGRAMS / name, target / name, ignore=shutil.ignore_patterns("__pycache__")))


def plain_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which two runs give equal numbers, and in which `python` is this one."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TORCH", "PYTHON", "MLFIX", "RANK", "WORLD"))}
    env["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), env.get("PATH", os.defpath)))
    env |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return env | dict(extra or {})


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float = 240) -> Outcome:
    """Run a command in a session of its own, and look for what it left behind."""
    mark = uuid.uuid4().hex
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**env, _MARK: mark},
        capture_output=True,
        text=True,
        timeout=timeout,
        start_new_session=True,
    )
    return Outcome(done.returncode, done.stdout, done.stderr, _marked(mark))


def run_with_agent(
    command: Sequence[str], cwd: Path, folder: Path, settings: RunSettings, extra: Mapping[str, str] | None = None
) -> tuple[Outcome, Trace]:
    """Run a command with the agent in it.

    Args:
        command: the program and its arguments.
        cwd: the folder of the program; code below it is the user's.
        folder: a folder of the run's own, which is made here.
        settings: what the run is told.
        extra: more of the environment.
    """
    trace = folder / "trace"
    trace.mkdir(parents=True)
    settings = settings.with_extra({"root": str(cwd)})
    env = run_environment(plain_environment(extra), settings, folder, trace, threads=1)
    return run(command, cwd, env), Trace.read(trace)


def _marked(mark: str) -> int:
    """Processes whose environment holds the mark. Only Linux tells."""
    wanted, count = f"{_MARK}={mark}".encode(), 0
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            count += wanted in environ.read_bytes().split(b"\0")
        except OSError:
            continue
    return count
