"""The tree that a run sees: the user's files, with or without a fix, and never the user's to write.

Where the system allows it an overlay is mounted over the *same* path, in a user and mount namespace that ends with the
run: absolute paths and outputs behave alike in both trees. Elsewhere it is a copy.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .copying import copy_tree

COPY = ()
Method = tuple[str, ...]
"""How trees are made: the words that enter a namespace, or :data:`COPY`."""
_NAMESPACES: tuple[Method, ...] = (("unshare", "-Urm"), ("unshare", "-m"))
_MOST_ENTRIES = 50_000  # looked at for links out of the tree
_PROBE = ".mlfix-probe"


class TreeError(Exception):
    """A tree that cannot be made; the message says why and what helps."""


@dataclass(frozen=True)
class Tree:
    """A tree for one run.

    Attributes:
        original: the user's own folder.
        root: where the program finds the tree.
        wrapper: the words that come before the program's command.
    """

    original: Path
    root: Path
    wrapper: tuple[str, ...]

    @property
    def is_copy(self) -> bool:
        """Whether it lies elsewhere than the user's own."""
        return self.root != self.original

    def place(self, path: Path) -> Path:
        """Where a path of the user's tree is found in this one; a path outside of it stays."""
        return self.root / path.relative_to(self.original) if path.is_relative_to(self.original) else path


def scratch_folder(root: Path) -> Path:
    """A new folder for runs, outside of the project.

    Raises:
        TreeError: there is no place for it.
    """
    for base in dict.fromkeys(Path(b).resolve() for b in (tempfile.gettempdir(), "/dev/shm", "/var/tmp")):
        if base.is_relative_to(root) or not os.access(base, os.W_OK):
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="mlfix-", dir=base))
        except OSError:
            continue
    raise TreeError(f"no folder for temporary files lies outside of {root}: set TMPDIR to one that does")


def choose_method(root: Path, scratch: Path) -> Method:
    """The best way that works here, found by trying it.

    Args:
        root: the user's folder.
        scratch: an existing folder outside of it.
    """
    if not sys.platform.startswith("linux") or any(c in str(path) for path in (root, scratch) for c in ',:\\"\n'):
        return COPY
    for number, method in enumerate(_NAMESPACES):
        folder = scratch / f"try{number}"
        try:
            if shutil.which(method[0]) and _works(method, root, folder):
                return method
        finally:
            remove_folder(folder)
    return COPY


def _works(method: Method, root: Path, folder: Path) -> bool:
    folder.mkdir()
    tree = make_tree(method, root, folder, {}, root)
    probe = f"{_PROBE}-{os.getpid()}"
    command = [*tree.wrapper, "touch", str(root / probe)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and (folder / "up0" / probe).is_file()


def make_tree(method: Method, root: Path, folder: Path, files: Mapping[str, bytes], cwd: Path) -> Tree:
    """Make a tree.

    Args:
        method: what :func:`choose_method` found.
        root: the user's folder.
        folder: an empty folder for what belongs to this tree; remove it with :func:`remove_folder`.
        files: contents of the files that differ, by path relative to the root.
        cwd: the folder in which the command starts, an absolute path.

    Returns:
        The tree. An overlay exists only while a command runs under its ``wrapper``.

    Raises:
        TreeError: it cannot be made.
    """
    try:
        if method == COPY:
            place = folder / root.name
            copy_tree(root, place)
            _write_files(root, place, files)
            return Tree(root, place, ())
        (folder / "up0").mkdir()
        _write_files(root, folder / "up0", files)
        script = _script(root, folder, cwd, "U" in method[-1])
    except OSError as error:
        raise TreeError(f"a tree of {root} cannot be made in {folder}: {error.strerror or error}") from None
    return Tree(root, root, (*method, "--", "/bin/sh", "-c", script, "mlfix-tree"))


def _write_files(root: Path, place: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = place / path
        for parent in reversed(Path(path).parents[:-1]):
            if not (place / parent).exists():
                (place / parent).mkdir()
                shutil.copymode(root / parent, place / parent)
        if target.is_symlink():
            target.unlink()
        target.write_bytes(data)
        if (root / path).exists():
            shutil.copymode(root / path, target)
            # Byte code is taken for up to date by whole seconds and size, and what lies beside is the old file's.
            seconds = (root / path).stat().st_mtime + 2
            os.utime(target, (seconds, seconds))


def _script(root: Path, folder: Path, cwd: Path, is_user_namespace: bool) -> str:
    """A shell script that mounts, and becomes its arguments. Nothing is run where a mount fails."""
    extra = ",userxattr" if is_user_namespace else ""
    stash = folder / "low"
    stash.mkdir()
    lines = ["set -e", f"mount --rbind {_q(root)} {_q(stash)}"]
    below = [p for p in _mounts() if p != root and p.is_relative_to(root)]
    # A mount inside the tree is hidden by the overlay over it, so it is laid over in turn, from where it was kept.
    for number, place in enumerate([root, *below]):
        low = stash / place.relative_to(root)
        if place.is_dir():
            lines.append(_overlay(folder, number, low, place, extra))
        else:
            lines.append(_read_only(low, place))
    # Links lead out of the tree into folders that the program may write: those are laid over too, or made read-only.
    first = len(below) + 1
    for number, target in enumerate(_linked_folders(root, folder), first):
        lines.append(f"{{ {_overlay(folder, number, target, target, extra)}; }} || {{ {_read_only(target, target)}; }}")
    lines += [f"cd {_q(cwd)}"]
    if is_user_namespace and os.getuid():
        # Mounting takes root's name; the command gets the user's own back, where this unshare can (util-linux 2.38).
        again = f"unshare -U --map-user={os.getuid()} --map-group={os.getgid()} --"
        lines.append(f'! {again} true 2>/dev/null || exec {again} "$@"')
    lines.append('exec "$@"')
    return "\n".join(lines)


def _overlay(folder: Path, number: int, low: Path, place: Path, extra: str) -> str:
    upper, work = folder / f"up{number}", folder / f"wk{number}"
    upper.mkdir(exist_ok=True)
    work.mkdir()
    mode = stat.S_IMODE(place.stat().st_mode)
    upper.chmod(mode | stat.S_IRWXU)
    options = f"lowerdir={low},upperdir={upper},workdir={work}{extra}"
    return f"mount -t overlay overlay -o {_q(options)} {_q(place)}"


def _read_only(source: Path, place: Path) -> str:
    return f"mount --bind {_q(source)} {_q(place)} && mount -o remount,bind,ro {_q(place)}"


def _q(path: Path | str) -> str:
    return shlex.quote(str(path))


def _mounts() -> list[Path]:
    """Where something is mounted, outermost first (proc(5): field 5 of mountinfo, blanks as octal escapes)."""
    try:
        rows = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    names = (row.split(" ")[4] for row in rows)
    real = [n.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\") for n in names]
    return sorted({Path(n) for n in real}, key=lambda p: len(p.parts))


def _linked_folders(root: Path, folder: Path) -> list[Path]:
    """Folders outside of the tree to which its links lead; none that holds another, or the tree, or the scratch."""
    found: set[Path] = set()
    for entry in _entries(root):
        if not entry.is_symlink():
            continue
        target = Path(os.path.realpath(entry.path))
        holds = root.is_relative_to(target) or folder.is_relative_to(target)
        if target.is_dir() and not holds and not target.is_relative_to(root) and not target.is_relative_to(folder):
            found.add(target)
    usable = [t for t in found if not any(c in str(t) for c in ',:\\"\n') and not _is_of_the_system(t)]
    return sorted(t for t in usable if not any(t != o and t.is_relative_to(o) for o in usable))


def _is_of_the_system(path: Path) -> bool:
    return any(path.is_relative_to(top) for top in ("/proc", "/sys", "/dev", "/usr", "/lib", "/bin", "/etc"))


def _entries(root: Path) -> Iterator[os.DirEntry[str]]:
    waiting = [str(root)]
    count = 0
    while waiting and count < _MOST_ENTRIES:
        try:
            with os.scandir(waiting.pop()) as listing:
                for entry in listing:
                    count += 1
                    yield entry
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue


def remove_folder(folder: Path) -> None:
    """Remove a folder, whatever the modes inside: an overlay leaves one that even its owner may not enter."""
    for _ in range(2):
        if not folder.is_dir():
            return
        shutil.rmtree(folder, ignore_errors=True)
        for path, names, _files in os.walk(folder):
            for name in names:
                _make_open(Path(path) / name)
    shutil.rmtree(folder, ignore_errors=True)


def _make_open(path: Path) -> None:
    try:
        if not path.is_symlink():
            path.chmod(stat.S_IRWXU)
    except OSError:
        return
