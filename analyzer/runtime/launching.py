"""Start a command in its tree, keep what it prints within bounds, and end it and all that it started in time."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SUPERVISOR = Path(__file__).resolve().parent / "supervisor.py"
KILL_AFTER = 10.0
"""Seconds from SIGTERM to SIGKILL."""
LEAST_FREE = 1 << 30
"""Bytes on the disk of the run's folder below which a run is ended, before it fills the disk."""
_HEAD, _TAIL = 256 * 1024, 256 * 1024  # bytes of output that are kept
_TICK = 0.05
_LOOKS_AT_DISK = 0.5
_SUPERVISOR_TAKES = 10.0
_STOPPING_TAKES = 2.0


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        exit: its exit code, negative for a signal; None where it never started.
        reason: ``exit``, ``time``, ``disk``, ``stopped`` (by the user), or ``missing`` (it could not be started).
        seconds: how long it ran.
        output: what it printed on standard output and error, cut in the middle where that was long.
        error: why it could not be started.
        left: how many processes it left behind; they were ended.
    """

    exit: int | None
    reason: str
    seconds: float
    output: str = ""
    error: str = ""
    left: int = 0


@dataclass
class _Output:
    """The first and the last of a stream."""

    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def add(self, data: bytes) -> None:
        room = _HEAD - len(self.head)
        self.head += data[:room] if room > 0 else b""
        self.tail += data[max(room, 0) :]
        if len(self.tail) > 2 * _TAIL:
            del self.tail[:-_TAIL]
            self.cut = True

    def text(self) -> str:
        middle = b"\n... (cut by mlfix) ...\n" if self.cut else b""
        return (bytes(self.head) + middle + bytes(self.tail)).decode(errors="replace")


def launch(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    folder: Path,
    timeout: float,
    *,
    wrapper: Sequence[str] = (),
    stop: Path | None = None,
    least_free: int = LEAST_FREE,
    kill_after: float = KILL_AFTER,
) -> Ended:
    """Run a command to its end, or to the end of its time.

    Args:
        command: the program and its arguments.
        cwd: where it starts.
        env: its whole environment.
        folder: the run's own folder, for the outcome; the supervisor removes it if mlfix dies.
        timeout: seconds after which it is asked to end.
        wrapper: words before the command (a tree's namespace).
        stop: a file whose appearance ends the run at once.
        least_free: bytes of disk below which it is ended.
        kill_after: seconds from the request to end until the kill.

    Returns:
        How it ended. No process of it is left.
    """
    started = time.monotonic()
    missing = _missing(command, cwd, env)
    if missing:
        return Ended(None, "missing", 0.0, error=missing)
    status = folder / "status.json"
    supervisor = [sys.executable, "-I", "-S", str(SUPERVISOR), str(status), str(folder), str(kill_after)]
    process = subprocess.Popen(
        [*supervisor, str(os.getpid()), *wrapper, *command],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = _Output()
    free = shutil.disk_usage(folder).free
    least_free = least_free if least_free < free else free // 2
    try:
        reason = _follow(process, output, folder, started + timeout, stop, least_free)
        if reason != "exit":
            process.send_signal(signal.SIGTERM)
        if reason == "stopped":
            _finish(process, output, _STOPPING_TAKES)
            process.send_signal(signal.SIGTERM)  # the user waits: no more patience
        _finish(process, output, kill_after + _SUPERVISOR_TAKES)
    finally:
        _kill(process)
        if process.stdout is not None:
            process.stdout.close()
    outcome = _outcome(status)
    text = output.text()
    error = str(outcome.get("error") or "")
    left = outcome.get("left")
    code = outcome.get("exit")
    return Ended(
        code if isinstance(code, int) else None,
        "missing" if error else reason,
        time.monotonic() - started,
        text,
        error,
        left if isinstance(left, int) else 0,
    )


def _missing(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> str:
    """Why a command cannot be started, as far as that is known beforehand."""
    name = command[0]
    if os.sep not in name:
        return "" if shutil.which(name, path=env.get("PATH")) else f"{name}: command not found"
    path = cwd / name
    if not path.exists():
        return f"{name}: no such file"
    return "" if os.access(path, os.X_OK) and path.is_file() else f"{name}: is no program that may be executed"


def _follow(
    process: subprocess.Popen[bytes], output: _Output, folder: Path, deadline: float, stop: Path | None, least_free: int
) -> str:
    """Read what a process prints until it ends, its time is over, or something else ends it."""
    look_at_disk = 0.0
    with selectors.DefaultSelector() as selector:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        selector.register(process.stdout, selectors.EVENT_READ)
        while process.poll() is None:
            now = time.monotonic()
            if now >= deadline:
                return "time"
            if stop is not None and stop.exists():
                return "stopped"
            if now >= look_at_disk:
                look_at_disk = now + _LOOKS_AT_DISK
                if shutil.disk_usage(folder).free < least_free:
                    return "disk"
            if not selector.get_map():
                time.sleep(_TICK)
            elif selector.select(_TICK) and not _read(process, output):
                selector.unregister(process.stdout)
    return "exit"


def _read(process: subprocess.Popen[bytes], output: _Output) -> bool:
    """Take what is there; False at the end of the stream."""
    assert process.stdout is not None
    try:
        data = os.read(process.stdout.fileno(), 65536)
    except BlockingIOError:
        return True
    output.add(data)
    return bool(data)


def _finish(process: subprocess.Popen[bytes], output: _Output, patience: float) -> None:
    until = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < until:
        if not _drained(process, output):
            time.sleep(_TICK)
    _drained(process, output)


def _drained(process: subprocess.Popen[bytes], output: _Output) -> bool:
    """Read on while there is something; whether there was."""
    assert process.stdout is not None
    found = False
    for _ in range(64):
        try:
            data = os.read(process.stdout.fileno(), 65536)
        except BlockingIOError:
            break
        if not data:
            break
        output.add(data)
        found = True
    return found


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The last resort, should the supervisor itself hang or be interrupted: ask it, then kill its group."""
    if process.poll() is None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            process.send_signal(signal.SIGTERM)
            process.wait(KILL_AFTER + _SUPERVISOR_TAKES)
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _outcome(status: Path) -> dict[str, object]:
    try:
        data = json.loads(status.read_text())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
