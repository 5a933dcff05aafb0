"""Label files of a repository, each counted when it is asked for."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable

from ...findings import Problem
from ...source.reader import Unreadable
from .arrays import count_array
from .coco import count_coco
from .folders import count_folders
from .model import BadLabels, BrokenLabels, Labels, MissingReader
from .parquet import count_parquet
from .tables import count_table

TABLES = frozenset({".csv", ".tsv", ".tab"})
ENDINGS = TABLES | {".npy", ".json", ".parquet"}
_POINTER = b"version https://git-lfs.github.com/spec/"
_REMEDY = "mend it, or leave it out: its labels are not counted"


class LabelFiles:
    """Read-only view of a repository's labels.

    Args:
        others: every file of the repository that is no Python, relative, with ``/``.
        read_bytes: reads one within its limit of size; raises ``Unreadable``.
        told: told what is wrong with a file, each time that it is asked for.
    """

    def __init__(
        self,
        others: Iterable[str],
        read_bytes: Callable[[str], bytes],
        told: Callable[[Problem], object] = bool,
    ) -> None:
        self._others = tuple(others)
        self._read_bytes = read_bytes
        self._told = told
        self._read: dict[str, tuple[Labels, ...]] = {}
        self._problems: dict[str, Problem] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that may hold labels, by their ending; none is read for it."""
        return tuple(p for p in self._others if posixpath.splitext(p)[1].lower() in ENDINGS)

    def of_file(self, path: str, is_plain: bool = True) -> tuple[Labels, ...]:
        """What one file counts: an entry for each column of a table, one for other files, none where it is broken.

        Args:
            path: the file.
            is_plain: whether its program reads it without options of its own (an encoding, rows to skip), so that what
                is broken here is broken there.
        """
        if path not in self._read:
            self._read[path] = self._counted(path)
        if is_plain and path in self._problems:
            self._told(self._problems[path])
        return self._read[path]

    def _counted(self, path: str) -> tuple[Labels, ...]:
        try:
            return tuple(_count(path, self._read_bytes(path)))
        except BrokenLabels as error:
            self._problems[path] = Problem(path, f"{error}: {_REMEDY}", error.line)
        except MissingReader as error:
            self._problems[path] = Problem(path, str(error))
        except (BadLabels, Unreadable):
            pass
        return ()

    def of_folder(self, path: str) -> tuple[Labels, ...]:
        """What the class folders of a folder count; nothing where it has none."""
        found = count_folders(path, self._others)
        return (found,) if found is not None else ()


def _count(path: str, data: bytes) -> list[Labels]:
    if data.startswith(_POINTER):
        raise BadLabels("is a pointer to a large file that was not fetched")
    ending = posixpath.splitext(path)[1].lower()
    if ending in TABLES:
        return count_table(path, data)
    if ending == ".parquet":
        return count_parquet(path, data)
    return [count_array(path, data) if ending == ".npy" else count_coco(path, data)]
