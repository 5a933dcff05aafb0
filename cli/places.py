"""Where mlfix keeps its cache and its record of applies, and what a path argument means."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..analyzer.project.files import is_left_out
from ..analyzer.project.settings import Settings, find_root
from .exits import fail

_LONGEST_SHOWN = 200
_PROJECT_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg", "mlfix.toml", ".mlfix.toml")
# A folder with one of these is a project when it is named itself; above it they may be somebody else's.
_OWN_MARKS = (*_PROJECT_MARKS, "requirements.txt", "environment.yml", "Pipfile")


@dataclass(frozen=True)
class Target:
    """A project and the part of it that the report is about (None: all)."""

    root: Path
    only: tuple[str, ...] | None


def target_of(paths: Sequence[Path]) -> Target:
    """The project that some path arguments name.

    One folder: the nearest folder at or above it that looks like a project, reported on from the given folder down.
    Files, or several paths: the git repository (or configured project) around them all; the paths filter the report.
    """
    real = [_existing(p) for p in paths or [Path()]]
    if len(real) == 1 and real[0].is_dir():
        root = _project_above(real[0])
        inner = real[0].relative_to(root).as_posix()
        if inner != "." and is_left_out(root, inner):
            root = real[0]  # named on purpose, so it counts, whatever the project around it ignores
    else:
        root = find_root(Path(os.path.commonpath([p if p.is_dir() else p.parent for p in real])))
    only = tuple(dict.fromkeys(p.relative_to(root).as_posix() for p in real))
    return Target(root, None if "." in only else only)


def _existing(given: Path) -> Path:
    try:
        path = given.absolute()
        if path.is_file() or path.is_dir():
            return path.resolve()
        fail(f"{given}: is neither a file nor a folder" if path.exists() else f"{given}: no such file or folder")
    except (OSError, ValueError) as error:  # a name that the system does not take, a working folder that is gone
        shown = str(given) if len(str(given)) < _LONGEST_SHOWN else f"{str(given)[:_LONGEST_SHOWN]}..."
        fail(f"{shown}: cannot be looked at: {getattr(error, 'strerror', None) or error}")


def _project_above(folder: Path) -> Path:
    for candidate in (folder, *folder.parents):
        if candidate == Path.home():
            break
        if any((candidate / mark).exists() for mark in (_OWN_MARKS if candidate == folder else _PROJECT_MARKS)):
            return candidate
    return folder


def cache_folder(root: Path, settings: Settings) -> Path:
    """The project's cache folder: by setting inside the project, else under the platform's (or ``MLFIX_CACHE_DIR``)."""
    if settings.cache_dir is not None:
        return root / settings.cache_dir
    return _base("MLFIX_CACHE_DIR", "user_cache_dir") / _name(root)


def journal_folder(root: Path) -> Path:
    """Where the project's applies are recorded, under the platform's state folder (or ``MLFIX_STATE_DIR``)."""
    return _base("MLFIX_STATE_DIR", "user_state_dir") / "applies" / _name(root)


def verdicts_file(root: Path) -> Path:
    """Where the project's last verdicts are kept, beside the records of its applies."""
    return _base("MLFIX_STATE_DIR", "user_state_dir") / "verdicts" / f"{_name(root)}.json"


def _base(variable: str, kind: str) -> Path:
    import platformdirs

    given = os.environ.get(variable)
    return Path(given) if given else Path(getattr(platformdirs, kind)("mlfix"))


def _name(root: Path) -> str:
    return f"{root.name}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"
