"""Running and importing the example repositories, always from a copy."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NO_TORCH = "the example programs need torch, which is not installed here"


@dataclass(frozen=True)
class Outcome:
    """What one run of a program gave: exit status, output, and the files that it left in and outside its folder."""

    code: int
    out: str
    err: str
    inside: frozenset[str]
    outside: frozenset[str]


def copy_example(name: str, target: Path) -> Path:
    """Copy an example without what earlier runs left in it; returns the copy's folder."""
    root = target / name
    shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    return root


def files_under(folder: Path) -> frozenset[str]:
    """Relative paths of all files under a folder."""
    return frozenset(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def run_program(root: Path, *args: str, timeout: float = 240) -> Outcome:
    """Run `python train.py ARGS` in a copy whose home and temporary folder are its empty neighbours."""
    around = root.parent / "around"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "TORCH_", "PYTHON"))}
    for variable, name in (("HOME", "home"), ("TMPDIR", "tmp")):
        (around / name).mkdir(parents=True, exist_ok=True)
        env[variable] = str(around / name)
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    before, before_original = files_under(root), files_under(EXAMPLES / root.name)
    done = subprocess.run(
        [sys.executable, "train.py", *args], cwd=root, env=env, capture_output=True, text=True, timeout=timeout
    )
    outside = files_under(around) | (files_under(EXAMPLES / root.name) - before_original)
    return Outcome(done.returncode, done.stdout, done.stderr, files_under(root) - before, outside)


def numbers_after(name: str, text: str) -> list[float]:
    """Every number printed right behind a name."""
    return [float(found) for found in re.findall(rf"\b{re.escape(name)}\s+(\S+)", text)]


@contextmanager
def importable(root: Path) -> Iterator[None]:
    """Let the modules of a copy be imported by their own names, and forget them afterwards."""
    known = set(sys.modules)
    sys.path.insert(0, str(root))
    dont_write, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = dont_write
        sys.path.remove(str(root))
        for name in set(sys.modules) - known:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).is_relative_to(root):
                del sys.modules[name]
