"""Starts one command and leaves no process of it behind. Run as a program of its own, by the standard library alone.

Processes that a command orphans (daemons, workers of a killed parent) would escape a signal to its group: on Linux they
become children of this one instead, and are ended with the rest. If mlfix itself is killed, this ends the command too
and removes the run's folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_STACKS_TAKE = 0.3  # seconds
_KILLING_TAKES = 5.0
_LEFT_BEHIND = 1.0
_HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run a command to its end, or to the signal that ends it.

    Args:
        arguments: the file for the outcome (``{"exit", "left", "error"}``), the run's folder, seconds from the request
            to end until the kill, the process id of mlfix, and the command.

    Returns:
        0; what became of the command stands in the file.
    """
    status, folder, grace, parent, *command = arguments
    _adopt_orphans(int(parent))
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    outcome: dict[str, object] = {"exit": None, "left": 0, "error": ""}
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_as_usual)
    except OSError as error:
        outcome["error"] = str(error)
        _write(Path(status), outcome)
        return 0
    exit_code = _watch(child.pid, float(grace), int(parent))
    left = descendants()
    if left:
        end(_LEFT_BEHIND)
    outcome.update(exit=exit_code, left=len(left))
    _write(Path(status), outcome)
    if os.getppid() != int(parent):
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            Path(folder).parent.rmdir()
    return 0


def _adopt_orphans(parent: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # it was gone before the line above could matter


def _as_usual() -> None:
    """In the child, before the command: signals as any program expects them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


def _watch(child: int, grace: float, parent: int) -> int | None:
    """Wait for the command; end it when asked to, or when mlfix is gone."""
    while True:
        heard = signal.sigtimedwait(_HEARD, 0.5)
        code = _reap(child)
        if code is not None:
            return code
        asked = heard is not None and heard.si_signo != signal.SIGCHLD
        if not asked and os.getppid() == parent:
            continue
        return end(grace, child)


def _reap(child: int) -> int | None:
    """Collect what has ended; the command's exit code where it has."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                found = os.waitstatus_to_exitcode(status)
    return found


def _show_stacks() -> None:
    """Make Python processes print where they stand (``PYTHONFAULTHANDLER``): the last that is heard of them."""
    for pid in descendants():
        if _is_python(pid):
            _send(pid, signal.SIGABRT)
    time.sleep(_STACKS_TAKE)


def _is_python(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("python")
    except OSError:
        return False


def end(grace: float, child: int = 0) -> int | None:
    """Ask every process to end, and kill those that have not after ``grace`` seconds.

    Returns:
        The exit code of ``child``, None where it was not among those that ended.
    """
    code = None
    for kind, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _KILLING_TAKES)):
        if kind is signal.SIGKILL and descendants():
            _show_stacks()
        until = time.monotonic() + patience
        asked: set[int] = set()
        while time.monotonic() < until:
            code = _reap(child) if code is None else (_reap(child), code)[1]
            running = descendants()
            if not running:
                return code
            if kind is signal.SIGTERM and _is_urged():
                break
            for pid in running:
                if pid not in asked or kind is signal.SIGKILL:
                    _send(pid, kind)
                asked.add(pid)
            time.sleep(0.02)
    return code


def _is_urged() -> bool:
    """Whether the end was asked for once more: then there is no more patience."""
    return signal.sigtimedwait((signal.SIGTERM, signal.SIGINT), 0) is not None


def _send(pid: int, kind: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, kind)


def descendants() -> list[int]:
    """Every running process below this one; without ``/proc``, none are known."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_bytes().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in (b"Z", b"X"):
            parents[int(entry.parent.name)] = int(parent)
    found: list[int] = []
    below = {os.getpid()}
    while below:
        below = {pid for pid, parent in parents.items() if parent in below}
        found += sorted(below)
    return found


def _write(path: Path, outcome: dict[str, object]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(outcome))
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
