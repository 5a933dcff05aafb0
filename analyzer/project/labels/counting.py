"""Label files of a repository, each counted when it is asked for."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable

from ...source.reader import Unreadable
from .arrays import count_array
from .coco import count_coco
from .folders import count_folders
from .model import BadLabels, Labels
from .tables import count_table

TABLES = frozenset({".csv", ".tsv", ".tab"})
ENDINGS = TABLES | {".npy", ".json"}


class LabelFiles:
    """Read-only view of a repository's labels.

    Args:
        others: every file of the repository that is no Python, relative, with ``/``.
        read_bytes: reads one within its limit of size; raises ``Unreadable``.
    """

    def __init__(self, others: Iterable[str], read_bytes: Callable[[str], bytes]) -> None:
        self._others = tuple(others)
        self._read_bytes = read_bytes
        self._read: dict[str, tuple[Labels, ...]] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that may hold labels, by their ending; none is read for it."""
        return tuple(p for p in self._others if posixpath.splitext(p)[1].lower() in ENDINGS)

    def of_file(self, path: str) -> tuple[Labels, ...]:
        """What one file counts: an entry for each column of a table, one for other files, none where it is broken."""
        if path not in self._read:
            try:
                self._read[path] = tuple(_count(path, self._read_bytes(path)))
            except (BadLabels, Unreadable):
                self._read[path] = ()
        return self._read[path]

    def of_folder(self, path: str) -> tuple[Labels, ...]:
        """What the class folders of a folder count; nothing where it has none."""
        found = count_folders(path, self._others)
        return (found,) if found is not None else ()


def _count(path: str, data: bytes) -> list[Labels]:
    ending = posixpath.splitext(path)[1].lower()
    if ending in TABLES:
        return count_table(path, data)
    return [count_array(path, data) if ending == ".npy" else count_coco(path, data)]
