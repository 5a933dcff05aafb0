"""Changed files put on disk: each whole or not at all, and every apply can be taken back."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..analyzer.findings import Problem
from ..analyzer.source.reader import digest_of
from .session import Change

_MANIFEST = "manifest.json"
_KEPT = 20
_LOCK = "lock"
_ENDING = ".mlfix"


@dataclass(frozen=True)
class Written:
    """The files that were replaced, and those that could not be, each with its reason."""

    paths: tuple[str, ...]
    problems: tuple[Problem, ...]


class NothingToUndo(Exception):
    """There is no apply to take back, or its record cannot be read; the message says which."""


def write_changes(root: Path, changes: Mapping[str, Change], journal: Path) -> Written:
    """Replace files atomically, after a record of what they were.

    All new contents are on disk (synced, beside their targets) before the first target is replaced, so a full disk
    or an interruption before that changes nothing, and one after it leaves every file old or new.

    Args:
        root: the project's folder.
        changes: files by relative path.
        journal: the folder in which the project's applies are recorded.

    Returns:
        What was written. A file that is a link out of the root, read-only, or changed since it was read is a problem,
        and the others go on.

    Raises:
        OSError: no record could be written; nothing was changed.
        KeyboardInterrupt: after the temporary files are removed.
    """
    with _alone(journal):
        return _write_changes(root, changes, journal)


def _write_changes(root: Path, changes: Mapping[str, Change], journal: Path) -> Written:
    ready: dict[str, Path] = {}
    problems: list[Problem] = []
    _remove_leftovers(root, changes)
    try:
        for path, change in changes.items():
            refusal = _refusal(root, path, change)
            if refusal is None:
                try:
                    ready[path] = _prepare(root / path, change.after, root / change.like if change.is_new else None)
                except OSError as error:
                    refusal = f"cannot be written: {error.strerror}: free space or permissions, then apply again"
            if refusal is not None:
                problems.append(Problem(path, refusal))
        if not ready:
            return Written((), tuple(problems))
        _record(journal, root, {p: changes[p] for p in ready})
        written: list[str] = []
        for path in list(ready):
            try:
                ready[path].replace(root / path)
                written.append(path)
                del ready[path]
            except OSError as error:
                problems.append(Problem(path, f"cannot be replaced: {error.strerror}"))
        return Written(tuple(written), tuple(problems))
    finally:
        for temporary in ready.values():
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(journal: Path) -> Iterator[None]:
    """Let one apply or undo of a project write at a time; the next one finds what was changed, and leaves it alone."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    journal.mkdir(parents=True, exist_ok=True)
    with (journal / _LOCK).open("w") as lock:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(root: Path, paths: Iterable[str]) -> None:
    """Remove the new contents that an apply left beside their targets when it was killed."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault((root / path).parent, set()).add(Path(path).name)
    for folder, of in names.items():
        with contextlib.suppress(OSError):
            for found in folder.iterdir():
                # `.NAME.RANDOM.mlfix`, as made by :func:`_prepare`
                if found.name.startswith(".") and found.name.endswith(_ENDING):
                    target = found.name[1 : -len(_ENDING)].rpartition(".")[0]
                    if target in of:
                        found.unlink()


def undo_last(root: Path, journal: Path) -> Written:
    """Put back every file of the last apply as it was, and remove those that it made.

    A file that was changed since is left alone and told.

    Raises:
        NothingToUndo: there is no record of an apply.
    """
    if _last_record(journal) is None:
        raise NothingToUndo(f"no apply in {root} is left to take back")
    with _alone(journal):
        return _undo_last(root, journal)


def _undo_last(root: Path, journal: Path) -> Written:
    record = _last_record(journal)
    if record is None:
        raise NothingToUndo(f"no apply in {root} is left to take back")
    try:
        manifest = json.loads((record / _MANIFEST).read_text())
        rows = {str(path): (str(row["after"]), str(row["stored"])) for path, row in manifest["files"].items()}
        made = {str(path) for path, row in manifest["files"].items() if "made" in row}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise NothingToUndo(
            f"the record of the last apply ({record}) cannot be read: use your version control"
        ) from None
    written: list[str] = []
    problems: list[Problem] = []
    _remove_leftovers(root, rows)
    for path, (after, stored) in rows.items():
        try:
            if path in made and not (root / path).exists():
                continue  # an apply that was killed did not come to it
            now = (root / path).read_bytes()
            if path not in made and now == (record / stored).read_bytes():
                continue  # likewise
            if digest_of(now) != after:
                problems.append(
                    Problem(
                        path, "was changed since the apply: left as it is; its text before is " + str(record / stored)
                    )
                )
                continue
            if path in made:
                (root / path).unlink()
                written.append(path)
                continue
            before = (record / stored).read_bytes()
            _prepare(root / path, before).replace(root / path)
            written.append(path)
        except OSError as error:
            problems.append(
                Problem(path, f"cannot be put back: {error.strerror}: its text before is {record / stored}")
            )
    if not problems:
        _remove(record)
    return Written(tuple(written), tuple(problems))


def _refusal(root: Path, path: str, change: Change) -> str | None:
    target = root / path
    try:
        if not target.resolve().is_relative_to(root.resolve()):
            return "is a link to a file outside of the project: not followed for writing"
        if change.is_new:
            return "was made while mlfix ran: left alone; apply again" if target.exists() else None
        if not target.stat().st_mode & stat.S_IWUSR:
            return "is read-only: make it writable (chmod u+w), then apply again"
        if target.read_bytes() != change.before:
            return "was changed while mlfix ran: left alone; apply again"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _prepare(target: Path, data: bytes, like: Path | None = None) -> Path:
    """A synced temporary file beside the target, with the target's mode, or that of another file."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=_ENDING)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(stat.S_IMODE((like or target).stat().st_mode))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _record(journal: Path, root: Path, changes: Mapping[str, Change]) -> None:
    """Keep each file's bytes before, in a folder of its own; older records beyond a number are dropped."""
    journal.mkdir(parents=True, exist_ok=True)
    record = Path(tempfile.mkdtemp(dir=journal, prefix=f"{time.time_ns():020d}-"))
    files: dict[str, dict[str, str]] = {}
    try:
        for number, (path, change) in enumerate(changes.items()):
            (record / str(number)).write_bytes(change.before)
            files[path] = {"after": digest_of(change.after), "stored": str(number)}
            if change.is_new:
                files[path]["made"] = "yes"
        (record / _MANIFEST).write_text(json.dumps({"root": str(root), "files": files}))
    except BaseException:
        _remove(record)
        raise
    for old in _records(journal)[:-_KEPT]:
        _remove(old)


def _records(journal: Path) -> list[Path]:
    return sorted(p for p in journal.iterdir() if (p / _MANIFEST).is_file()) if journal.is_dir() else []


def _last_record(journal: Path) -> Path | None:
    records = _records(journal)
    return records[-1] if records else None


def _remove(record: Path) -> None:
    with contextlib.suppress(OSError):
        for file in record.iterdir():
            file.unlink()
        record.rmdir()
