"""Which files of a repository count: ``.gitignore``, excludes, no environments, no symlinks out of the root."""

from __future__ import annotations

import os
import stat
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
_MOST_FOLDERS = 150
_LARGEST_GITIGNORE = 1_000_000
_MOST_BAD_LINES = 3


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
    if folder.count("/") >= _MOST_FOLDERS:
        message = f"lies over {_MOST_FOLDERS} folders deep and is not looked into: exclude it, or scan it by itself"
        found.problems.append(Problem(folder, message))
        return
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
        status = (root / path).stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_GITIGNORE:
            most = f"of at most {_LARGEST_GITIGNORE // 1000} kB"
            found.problems.append(Problem(path, f"is no ordinary file {most}, so nothing is ignored by it: replace it"))
            return None
        lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        message = f"cannot be read ({error.strerror}), so nothing is ignored by it: mend or remove it"
        found.problems.append(Problem(path, message))
        return None
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        # As git does: a line that is no pattern counts for nothing, and the others for all they say.
        bad = [number for number, line in enumerate(lines, 1) if not is_pattern(line)]
        message = "is no pattern, so this line ignores nothing: correct or remove it"
        found.problems += [Problem(path, message, number) for number in bad[:_MOST_BAD_LINES]]
        return GitIgnoreSpec.from_lines(line for number, line in enumerate(lines, 1) if number not in bad)


def is_pattern(line: str) -> bool:
    """Whether a line may stand in a ``.gitignore``; blank lines and comments may."""
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


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
