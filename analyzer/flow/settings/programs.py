"""Which configuration file belongs to which program, where the code leaves the choice to the user."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from ...source.reader import Unreadable
from .overlays import overlaid

if TYPE_CHECKING:
    import ast

    from ...graph.project import Project
    from ..values.frames import Operand
    from .model import Files

_TEXTS = (".sh", ".bash", ".md", ".rst", ".bat", ".ps1", ".slurm", ".sbatch", ".txt", "makefile")
_LARGEST = 300_000
_COMMAND = re.compile(r"[\w-]+(?:/[\w-]+)*(?=\.py\b)")
_ENDINGS = (".yaml", ".yml", ".json", ".toml")
_CONFIG = re.compile(r"[\w./-]+\.(?:ya?ml|json|toml)\b")


class Programs:
    """The commands that a repository's scripts and pages hold: which program is run with which configuration."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._files = tuple(project.files)
        self.loaded: dict[tuple[int, int], tuple[ast.AST, Files, list[str]]] = {}
        """What calls that load a configuration may read, and what of it is surely read and broken, by call and frame:
        asked for by every key that is read."""
        self.overlays: dict[str, list[Files]] = {}
        """The files that are laid over the options of a program."""
        self._overlaid: dict[str, list[tuple[Operand, Operand | None]]] = {}
        self._claims: dict[str, set[str]] | None = None
        self._texts = [p for p in project.data_files if p.lower().endswith(_TEXTS)]

    def overlaid(self, program: str) -> list[tuple[Operand, Operand | None]]:
        """What a program's code lays over its options; see :func:`.overlays.overlaid`."""
        if program not in self._overlaid:
            self._overlaid[program] = list(overlaid(self.project, program))
        return self._overlaid[program]

    def forget(self) -> None:
        """Drop what was computed from files that are closed."""
        self._overlaid.clear()

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
        return {p for part in parts for p in self._programs.get(part, ())}

    @cached_property
    def _programs(self) -> dict[str, list[str]]:
        """The entry points by the names of their files, without names that say nothing."""
        found: dict[str, list[str]] = {}
        for path in self.project.graphs.entry_points():
            name = posixpath.basename(path)[:-3]
            if name not in _COMMON:
                found.setdefault(name, []).append(path)
        return found

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
        if len(data) > _LARGEST or b".py" not in data or not any(e.encode() in data for e in _ENDINGS):
            return
        text = data.decode("utf-8", errors="replace").replace("\\\n", " ")
        for line in text.splitlines():
            configs = _CONFIG.findall(line) if ".py" in line and any(e in line for e in _ENDINGS) else []
            if not configs:
                continue
            programs = {p for name in _COMMAND.findall(line) for p in self._program(name)}
            for config in configs:
                for known in _ending(self.project.configs.paths, posixpath.normpath(config)):
                    self._claims.setdefault(known, set()).update(programs)

    def _program(self, name: str) -> list[str]:
        return _ending(self._files, f"{name}.py")


_COMMON = {"config", "configs", "main", "train", "default", "test", "run", "base", "eval", "model", "data", "utils"}


@lru_cache(maxsize=512)
def _ending(known: tuple[str, ...], name: str) -> list[str]:
    return [p for p in known if p == name or p.endswith("/" + name)]
