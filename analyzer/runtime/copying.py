"""A copy of a project that shares nothing which could be written."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache",
     ".ruff_cache", ".ipynb_checkpoints", ".mlfix"}
)  # fmt: skip
"""Names of folders that no training needs."""
_ENVIRONMENT_MARK = "pyvenv.cfg"
_FICLONE = 0x40049409  # linux/fs.h: make the target share the source's blocks until one is written
_KEPT_FREE = 1 << 30  # bytes


def copy_tree(root: Path, place: Path) -> None:
    """Copy a project, by shared blocks where the file system knows how; never by hard links.

    Version control, virtual environments and caches are left out. A link inside the tree leads to the copy; what a link
    outside of it leads to is copied in its place, so that nothing of the user's can be written through it.

    Args:
        root: the user's folder.
        place: where the copy goes; must not exist.

    Raises:
        OSError: it cannot be read or written, or there is too little space.
    """
    size = _size(root, root, set())
    free = shutil.disk_usage(place.parent).free
    if size > free - _KEPT_FREE:
        need, have = size / 1e9, free / 1e9
        raise OSError(0, f"it holds {need:.1f} GB and {have:.1f} GB are free: set TMPDIR to a larger disk")
    _copy_folder(root, place, root, place, ())


def _kept(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda e: e.name)
    return [e for e in entries if not (e.name in LEFT_OUT and e.is_dir(follow_symlinks=False)) and not _is_venv(e)]


def _is_venv(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and os.path.exists(os.path.join(entry.path, _ENVIRONMENT_MARK))  # noqa: PTH110, PTH118 - called for every folder


def _size(folder: Path, root: Path, seen: set[str]) -> int:
    total = 0
    for entry in _kept(folder):
        with contextlib.suppress(OSError):
            leads_out = entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(root)
            if entry.is_dir(follow_symlinks=leads_out):
                real = os.path.realpath(entry.path)
                if real not in seen:
                    seen.add(real)
                    total += _size(Path(entry.path), root, seen)
            elif not entry.is_symlink() or leads_out:
                total += entry.stat().st_size
    return total


def _copy_folder(source: Path, target: Path, root: Path, place: Path, above: tuple[str, ...]) -> None:
    target.mkdir()
    here = (*above, os.path.realpath(source))
    for entry in _kept(source):
        path, goal = Path(entry.path), target / entry.name
        if entry.is_symlink():
            real = Path(os.path.realpath(path))
            if real.is_relative_to(root):
                goal.symlink_to(os.path.relpath(place / real.relative_to(root), target))
                continue
            if str(real) in here or not real.exists():
                continue
            path = real
        if path.is_dir():
            _copy_folder(path, goal, root, place, here)
        elif path.is_file():
            _copy_file(path, goal)
    with contextlib.suppress(OSError):
        shutil.copystat(source, target)


def _copy_file(source: Path, target: Path) -> None:
    if not _cloned(source, target):
        shutil.copyfile(source, target)
    with contextlib.suppress(OSError):
        shutil.copystat(source, target)


def _cloned(source: Path, target: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        with source.open("rb") as old, target.open("wb") as new:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
    except OSError:
        return False
    return True
