"""Which files of a repository count: ``.gitignore``, excludes, no environments, no symlinks out of the root."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from ..findings import Problem

ALWAYS_EXCLUDED = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "__pycache__", "node_modules", "site-packages", ".eggs",
     ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", "build", "dist", ".mlfix", "__pypackages__"}
)  # fmt: skip
_PACKAGING = (".egg-info", ".dist-info")
"""Endings of folders that an installer writes from what the repository states."""
_ENVIRONMENT_MARK = "pyvenv.cfg"


@dataclass
class Discovery:
    """The files found, as relative paths with ``/``, sorted."""

    python: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    notebooks: int = 0
    problems: list[Problem] = field(default_factory=list)


def discover(root: Path, excludes: Iterable[str] = (), respect_gitignore: bool = True) -> Discovery:
    """Walk a repository once.

    Symbolic links to folders are not followed, so loops cannot happen; a link to a file inside the root is that file
    and is listed under its own name only.

    Args:
        root: the folder to walk.
        excludes: further patterns in ``.gitignore`` syntax.
        respect_gitignore: whether the repository's ``.gitignore`` files count.

    Returns:
        Python files, all other files (notebooks too), the number of notebooks, and folders that could not be read.
    """
    found = Discovery()
    own = GitIgnoreSpec.from_lines(excludes)
    _walk(root, "", own, [], respect_gitignore, found)
    found.python.sort()
    found.others.sort()
    return found


def _walk(
    root: Path,
    folder: str,
    own: GitIgnoreSpec,
    ignores: list[tuple[str, GitIgnoreSpec]],
    respect: bool,
    found: Discovery,
) -> None:
    try:
        with os.scandir(root / folder if folder else root) as listing:
            entries = sorted(listing, key=lambda e: e.name)
    except OSError as error:
        found.problems.append(Problem(folder or ".", f"folder cannot be read: {error.strerror}: check its permissions"))
        return
    names = {e.name for e in entries}
    if _ENVIRONMENT_MARK in names and folder:
        return
    if respect and ".gitignore" in names:
        spec = _gitignore(root, folder, found)
        if spec is not None:
            ignores = [*ignores, (folder, spec)]
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            is_file = entry.is_file(follow_symlinks=False)
        except OSError as error:
            found.problems.append(Problem(path, f"cannot be looked at: {error.strerror}"))
            continue
        if is_folder:
            if entry.name in ALWAYS_EXCLUDED or entry.name.endswith(_PACKAGING) or _ignored(path + "/", own, ignores):
                continue
            _walk(root, path, own, ignores, respect, found)
        elif is_file and not _ignored(path, own, ignores):
            _sort_in(path, found)


def _sort_in(path: str, found: Discovery) -> None:
    if path.endswith((".py", ".pyw")):
        found.python.append(path)
    elif path.endswith(".ipynb"):
        found.notebooks += 1
        found.others.append(path)  # not scanned, and yet part of what uses the code
    else:
        found.others.append(path)


def _gitignore(root: Path, folder: str, found: Discovery) -> GitIgnoreSpec | None:
    path = f"{folder}/.gitignore" if folder else ".gitignore"
    try:
        return GitIgnoreSpec.from_lines((root / path).read_text(encoding="utf-8", errors="replace").splitlines())
    except (OSError, ValueError) as error:
        found.problems.append(Problem(path, f"cannot be used: {error}"))
        return None


def _ignored(path: str, own: GitIgnoreSpec, ignores: Iterable[tuple[str, GitIgnoreSpec]]) -> bool:
    if own.match_file(path):
        return True
    verdict = False
    for folder, spec in ignores:
        inner = path[len(folder) + 1 :] if folder else path
        result = spec.check_file(inner).include
        if result is not None:
            verdict = result
    return verdict


def is_left_out(root: Path, folder: str) -> bool:
    """Whether a walk from the root would not come to a folder: it, or one above it, is ignored or excluded."""
    ignores: list[tuple[str, GitIgnoreSpec]] = []
    above = ""
    for name in folder.split("/"):
        spec = _gitignore(root, above, Discovery()) if (root / above / ".gitignore").is_file() else None
        ignores += [(above, spec)] if spec is not None else []
        above = f"{above}/{name}" if above else name
        if name in ALWAYS_EXCLUDED or _ignored(above + "/", GitIgnoreSpec.from_lines(()), ignores):
            return True
    return False
