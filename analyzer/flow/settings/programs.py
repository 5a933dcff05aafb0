"""Which configuration file belongs to which program, where the code leaves the choice to the user."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from ...source.reader import Unreadable

if TYPE_CHECKING:
    from ...graph.project import Project

_TEXTS = (".sh", ".bash", ".md", ".rst", ".bat", ".ps1", ".slurm", ".sbatch", ".txt", "makefile")
_LARGEST = 300_000
_COMMAND = re.compile(r"[\w./$(){}-]*?([\w-]+(?:/[\w-]+)*)\.py\b|(?:-m\s+)([\w.]+)")
_CONFIG = re.compile(r"[\w./-]+\.(?:ya?ml|json|toml)\b")


class Programs:
    """The commands that a repository's scripts and pages hold: which program is run with which configuration."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._claims: dict[str, set[str]] | None = None
        self._texts = [p for p in project.data_files if p.lower().endswith(_TEXTS)]

    def allowed(self, paths: Iterable[str], program: str) -> list[str]:
        """Of some configurations, those that a program may be run with.

        A file that commands give to other programs only, or that lies in a folder of another program's name, is left
        out.
        """
        self.project.consulted.update(self._texts)
        runs = self._runs_of(program)
        return [p for p in paths if not (owners := self._owners(p)) or owners & runs]

    def _runs_of(self, program: str) -> set[str]:
        """The entry points in which a file's code runs."""
        importers = self.project.graphs.importers_of(program)
        return {program, *importers}

    def _owners(self, path: str) -> set[str]:
        claimed = self._commands().get(path)
        if claimed:
            return claimed
        parts = set(posixpath.splitext(path)[0].split("/"))
        same = {p for p in self.project.graphs.entry_points() if posixpath.basename(p)[:-3] in parts}
        return {p for p in same if posixpath.basename(p)[:-3] not in _COMMON}

    def _commands(self) -> dict[str, set[str]]:
        if self._claims is None:
            self._claims = {}
            for path in self._texts:
                self._read(path)
        return self._claims

    def _read(self, path: str) -> None:
        assert self._claims is not None
        try:
            data = self.project.read_other(path)
        except Unreadable:
            return
        if len(data) > _LARGEST or b".py" not in data:
            return
        text = data.decode("utf-8", errors="replace").replace("\\\n", " ")
        for line in text.splitlines():
            configs = _CONFIG.findall(line) if ".py" in line else []
            if not configs:
                continue
            programs = {p for match in _COMMAND.finditer(line) for p in self._program(match[1] or "")}
            for config in configs:
                for known in _ending(self.project.configs.paths, posixpath.normpath(config)):
                    self._claims.setdefault(known, set()).update(programs)

    def _program(self, name: str) -> list[str]:
        return _ending(tuple(self.project.files), f"{name}.py") if name else []


_COMMON = {"config", "configs", "main", "train", "default", "test", "run", "base", "eval", "model", "data", "utils"}


@lru_cache(maxsize=512)
def _ending(known: tuple[str, ...], name: str) -> list[str]:
    return [p for p in known if p == name or p.endswith("/" + name)]
