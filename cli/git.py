"""The few things asked of git. A scanned repository's own git configuration must not make it run anything."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

_INERT = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat")


def is_repository(root: Path) -> bool:
    """Whether a folder lies in a git work tree; without git there is none."""
    try:
        return _git(root, _INERT, "rev-parse", "--is-inside-work-tree").stdout.strip() == "true"
    except OSError:
        return False


def changed_files(root: Path, paths: Sequence[str] = (".",), untracked: bool = False) -> list[str]:
    """Files under a folder with uncommitted changes, relative to it.

    Args:
        root: the folder, in a work tree.
        paths: which of its files are asked about.
        untracked: whether a file that git does not know counts.
    """
    prefix = _git(root, _INERT, "rev-parse", "--show-prefix").stdout.rstrip("\n")
    others = "all" if untracked else "no"
    done = _git(
        root, _INERT, "status", "--porcelain", "-z", "--no-renames", f"--untracked-files={others}", "--", *paths
    )
    return [row[3:].removeprefix(prefix) for row in done.stdout.split("\0") if row]


def commit_files(root: Path, paths: Sequence[str], message: str) -> str | None:
    """Commit exactly these tracked files; the user's hooks run, as in any commit of theirs.

    Returns:
        None, or what git and the hooks said where there is no commit; the files then stay changed.
    """
    done = _git(root, (), "commit", "--quiet", "-m", message, "--", *paths)
    if not done.returncode:
        return None
    return (done.stdout + done.stderr).strip() or "git gives no reason"


def _git(root: Path, settings: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "--literal-pathspecs", *settings, *arguments]
    return subprocess.run(
        command, cwd=root, capture_output=True, encoding="utf-8", errors="surrogateescape", check=False
    )
