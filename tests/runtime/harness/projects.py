"""Small projects that are run in trees, and what must be left of them: nothing."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlfix.analyzer.runtime.jobs import Job, run_job
from mlfix.analyzer.runtime.results import Run
from mlfix.analyzer.runtime.settings import RunSettings
from mlfix.analyzer.runtime.trees import COPY, choose_method, scratch_folder

BOOT = Path(__file__).with_name("boot")
WAYS = ["overlay", "copy"]


def digest(folder: Path) -> str:
    """A hash of every name, mode, link and content below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path.relative_to(folder)} {path.lstat().st_mode} ".encode())
        if path.is_symlink():
            found.update(os.fsencode(path.readlink()))
        elif path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


def mounts() -> str:
    """What is mounted, for this process."""
    return Path("/proc/self/mounts").read_text() if Path("/proc/self/mounts").exists() else ""


def processes_with(mark: str) -> list[int]:
    """Processes whose command line or environment holds a text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            texts = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in texts and state not in (b"Z", b"X") and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


class Lab:
    """A project folder, and runs in trees of it that must leave no trace."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
        self.root = tmp_path / "project"
        self.root.mkdir()
        self.outside = tmp_path / "outside"
        self.outside.mkdir()
        self.temporary = tmp_path / "tmp"
        self.temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(self.temporary))
        monkeypatch.setattr("tempfile.tempdir", str(self.temporary))
        self.way = way

    def write(self, files: dict[str, str]) -> Lab:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        return self

    def run(
        self, program: str = "", *command: str, timeout: float = 20, files: dict[str, bytes] | None = None,
        settings: RunSettings | None = None, least_free: int = 0, boot: Path = BOOT, keep: Path | None = None,
        check: Callable[[], None] | None = None,
    ) -> Run:  # fmt: skip
        """Run ``train.py`` (or a command) in one tree, and check that nothing is left of it."""
        if program:
            self.write({"train.py": program})
        scratch = scratch_folder(self.root)
        before, mounted = digest(self.root), mounts()
        method = COPY if self.way == "copy" else choose_method(self.root, scratch)
        if self.way == "overlay" and method == COPY:
            scratch.rmdir()
            pytest.skip("no overlay can be mounted here")
        job = Job(
            0, "as-is", "", self.root, self.root, command or (sys.executable, "train.py"),
            settings or RunSettings(steps=5), method, scratch, timeout, files=files or {}, boot=boot, keep=keep,
        )  # fmt: skip
        started = time.monotonic()
        run = run_job(replace(job, least_free=least_free) if least_free else job)
        self.seconds = time.monotonic() - started
        scratch.rmdir()  # empty, or this fails
        assert digest(self.root) == before
        assert mounts() == mounted
        left = [p.name for p in self.temporary.iterdir()]
        assert left == [], left
        assert processes_with(str(scratch)) == []
        return run
