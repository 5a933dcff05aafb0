"""Running small programs under the agent, and reading their traces."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlfix.analyzer.runtime import agent
from mlfix.analyzer.runtime.settings import SETTINGS_VARIABLE, TRACE_VARIABLE, RunSettings
from mlfix.analyzer.runtime.trace import Trace

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the programs need torch")
BOOT = Path(agent.__file__).parent / "boot"
NURSERY = Path(__file__).with_name("nursery.py")
DEFAULTS: dict[str, Any] = {"steps": 12, "seconds": 60.0, "grace": 2.0}


@dataclass(frozen=True)
class Program:
    """A program to run: its text, its file, or a folder with a ``train.py``; further settings count for it alone.

    ``exits`` is the exit code that it must end with; None takes any.
    """

    source: str | Path
    args: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    exits: int | None = 0


def run_program(source: str | Path | Program, tmp_path: Path, *args: str, **settings: Any) -> Trace:
    """Run one program as users do: its own Python, the agent by the environment.

    Args:
        source: the program.
        tmp_path: an empty folder; the program is copied there and runs there.
        args: its command line.
        settings: fields of ``RunSettings``.

    Returns:
        The trace; ``output.txt`` in its folder holds what the program printed.
    """
    program = source if isinstance(source, Program) else Program(source, args)
    job = _job(program, tmp_path, settings)
    env = environment() | {TRACE_VARIABLE: job["trace"], SETTINGS_VARIABLE: job["settings"], "PYTHONPATH": str(BOOT)}
    with Path(job["output"]).open("w") as output:
        done = subprocess.run(
            [sys.executable, *job["argv"]], cwd=job["cwd"], env=env, stdout=output, stderr=output, timeout=120
        )
    return _read(program, job, done.returncode)


def run_programs(programs: Mapping[str, str | Path | Program], folder: Path, **settings: Any) -> dict[str, Trace]:
    """Run several programs, forked from one Python that has imported torch: a fraction of a second each.

    Args:
        programs: by name.
        folder: an empty folder; each program gets one of its own there.
        settings: fields of ``RunSettings`` for all of them.

    Returns:
        Their traces, by the same names.
    """
    chosen = {n: p if isinstance(p, Program) else Program(p) for n, p in programs.items()}
    jobs = {}
    for name, program in chosen.items():
        (folder / name).mkdir(parents=True)
        jobs[name] = _job(program, folder / name, settings)
    # Workers open sockets there, whose paths the kernel limits to 108 bytes: pytest's own folders are too long.
    with tempfile.TemporaryDirectory(prefix="run-") as temporary:
        done = subprocess.run(
            [sys.executable, str(NURSERY), str(BOOT)], env=environment() | {"TMPDIR": temporary},
            input=json.dumps(jobs), capture_output=True, text=True, timeout=60 * len(jobs) + 60,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout)
    return {name: _read(program, jobs[name], codes[name]) for name, program in chosen.items()}


def environment() -> dict[str, str]:
    """The environment of a run, without the agent."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MLFIX_", "TORCH_"))}
    fixed = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TORCHDYNAMO_DISABLE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return kept | fixed | {"CUDA_VISIBLE_DEVICES": ""}


def _job(program: Program, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    root = folder / "program"
    script = "train.py"
    if isinstance(program.source, str):
        root.mkdir()
        (root / script).write_text(program.source)
    elif program.source.is_dir():
        shutil.copytree(program.source, root, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    else:
        root.mkdir()
        script = Path(shutil.copy(program.source, root)).name
    trace = folder / "trace"
    trace.mkdir()
    told = RunSettings(root=str(root)).with_extra({**DEFAULTS, **settings, **program.settings})
    return {
        "argv": [script, *program.args],
        "cwd": str(root),
        "trace": str(trace),
        "settings": told.to_json(),
        "output": str(trace / "output.txt"),
    }


def _read(program: Program, job: Mapping[str, Any], code: int) -> Trace:
    output = Path(job["output"]).read_text(errors="replace")
    assert program.exits in (None, code), f"exit code {code}:\n{output[-3000:]}"
    trace = Trace.read(Path(job["trace"]))
    assert trace.processes, f"no trace:\n{output[-3000:]}"
    return trace
