"""Commands run on small projects that use the rules of ``tests/fixtures/toy_rules.py``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mlfix.cli.commands import cli

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CONFIG = 'rules = ["toy_rules"]\nselect = ["old-call", "slow-call", "odd-call", "called-elsewhere"]\n'
BAD = "import torch\n\n\ndef f(x):\n    return torch.old(x)\n"
GOOD = BAD.replace("old", "new")


@pytest.fixture(autouse=True, scope="session")
def heard_interrupts() -> Iterator[None]:
    """Ctrl-C reaches what a test starts, where the tests themselves were started without it, as a shell's ``&`` does."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches and records of a test stay in its folder; no colour or git setting comes from outside."""
    monkeypatch.setenv("MLFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFIX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(FIXTURES))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(str(FIXTURES))


@dataclass
class Place:
    """A project folder and commands run in it."""

    root: Path

    def write(self, files: dict[str, str | bytes]) -> Place:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(text.encode() if isinstance(text, str) else text)
        return self

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def contents(self) -> dict[str, bytes]:
        found = (p for p in self.root.rglob("*") if p.is_file() and ".git" not in p.parts)
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in found}

    def mlfix(self, *arguments: str, answers: str | None = None) -> Result:
        """Run a command in this process."""
        result = CliRunner().invoke(cli, [str(a) for a in arguments], input=answers, prog_name="mlfix")
        unexpected = result.exception is not None and not isinstance(result.exception, SystemExit)
        assert not unexpected, result.output + repr(result.exc_info)
        return result

    def process(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        """Run a command as a process of its own."""
        command = [sys.executable, "-m", "mlfix.cli", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, timeout=60, **options)  # pyright: ignore

    def started(self, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own, as a terminal does."""
        command = [sys.executable, "-m", "mlfix.cli", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True, **options}
        return subprocess.Popen(command, cwd=self.root, **pipes)  # pyright: ignore

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def committed(self) -> Place:
        """The folder as a git repository with all of it committed."""
        self.git("init", "--quiet")
        self.git("config", "user.name", "A")
        self.git("config", "user.email", "a@example.org")
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "start")
        return self


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project with the toy rules and no code."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    return Place(root).write({"mlfix.toml": CONFIG})


@pytest.fixture
def place(empty: Place) -> Place:
    """A project with one finding that has a safe fix."""
    return empty.write({"train.py": BAD})


@pytest.fixture
def interrupt() -> Callable[[subprocess.Popen[bytes]], tuple[bytes, bytes]]:
    """Presses Ctrl-C: the signal goes to the whole group of processes."""

    def press(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        for _ in range(5):
            os.killpg(process.pid, signal.SIGINT)
            try:
                return process.communicate(timeout=6)
            except subprocess.TimeoutExpired:
                # CPython misses a signal that comes right before it waits for input; a person presses again.
                continue
        raise AssertionError("Ctrl-C does not end it")

    return press
