"""The few things asked of git. A scanned repository's own git configuration must not make it run anything."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .exits import fail

_INERT = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat")


def is_repository(root: Path) -> bool:
    """Whether a folder lies in a git work tree."""
    try:
        return _git(root, _INERT, "rev-parse", "--is-inside-work-tree").stdout.strip() == "true"
    except FileNotFoundError:
        return False


def changed_files(root: Path) -> list[str]:
    """Tracked files under a folder with uncommitted changes."""
    done = _git(root, _INERT, "status", "--porcelain", "-z", "--untracked-files=no", "--", ".")
    return [row[3:] for row in done.stdout.split("\0") if row]


def commit_files(root: Path, paths: Sequence[str], message: str) -> None:
    """Commit exactly these files; the user's hooks run, as in any commit of theirs.

    Raises:
        Failure: git refuses; the files stay changed.
    """
    for command in (("add", "--", *paths), ("commit", "--quiet", "-m", message, "--", *paths)):
        done = _git(root, (), *command)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()
            fail(f"git {command[0]} failed: {reason[-1] if reason else 'no reason given'}; the files stay changed")


def _git(root: Path, settings: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", *settings, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
