"""Reads every dependency file of a repository into one table."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import cast

from ...findings import Problem
from .model import DependencyTable
from .names import Kind, kind_of, role_of
from .requirement import Requirement, Role
from .source import Include, Reader, Reading, Unusable, load

# Modules are imported when a file of their kind turns up: a repository without YAML never loads a YAML parser.
_READERS = {
    Kind.REQUIREMENTS: ("requirements_txt", "read"),
    Kind.PYPROJECT: ("pyproject", "read"),
    Kind.SETUP_PY: ("setup_py", "read"),
    Kind.SETUP_CFG: ("ini", "read_setup_cfg"),
    Kind.TOX: ("ini", "read_tox"),
    Kind.CONDA: ("conda", "read"),
    Kind.PIPFILE: ("pipfile", "read"),
    Kind.PIPFILE_LOCK: ("pipfile", "read_lock"),
    Kind.PIXI: ("pixi", "read"),
    Kind.TOML_LOCK: ("locks", "read"),
    Kind.CONDA_LOCK: ("conda", "read_lock"),
    Kind.CONDA_EXPLICIT: ("conda", "read_explicit"),
    Kind.DOCKERFILE: ("dockerfile", "read"),
}


def read_dependencies(root: Path, files: Iterable[str], overlay: Mapping[str, bytes] | None = None) -> DependencyTable:
    """Read what a repository states about the packages it needs. Nothing of it is executed.

    Args:
        root: the project's root.
        files: all files of the repository, relative, with `/`; dependency files are chosen among them by name, and
            files that those include are read too.
        overlay: bytes that stand in for a file's content, by relative path.

    Returns:
        The statements, and one problem for each thing that could not be read.
    """
    walk = _Walk(root, overlay or {}, known=set(files))
    for path in sorted(walk.known):
        kind = kind_of(path)
        if kind is not None:
            walk.read(path, kind, role_of(path, kind))
    return walk.table()


@dataclass
class _Walk:
    """The reading of all files, includes followed."""

    root: Path
    overlay: Mapping[str, bytes]
    known: set[str]
    seen: set[str] = field(default_factory=set)
    requirements: list[Requirement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    includes: dict[tuple[str, str], bool] = field(default_factory=dict)

    def read(self, path: str, kind: Kind, role: Role) -> None:
        """Read a file and what it includes; each file once, so that a circle of includes ends."""
        waiting = [(path, kind, role)]
        while waiting:
            path, kind, role = waiting.pop(0)
            if path in self.seen:
                continue
            self.seen.add(path)
            try:
                reading = Reading(load(self.root, path, self.overlay), role)
            except Unusable as error:
                self.problems.append(Problem(path=path, message=str(error), line=0))
                continue
            _reader(kind)(reading)
            self.requirements += reading.requirements
            for include in reading.includes:
                target = self._target(reading, include)
                if target is not None:
                    self.includes[path, target] = self.includes.get((path, target), True) and include.constraint
                    named = kind_of(target)
                    own = role_of(target, Kind.REQUIREMENTS) if named is Kind.REQUIREMENTS else role
                    waiting.append((target, Kind.REQUIREMENTS, own))
            self.problems += reading.all_problems()

    def _target(self, reading: Reading, include: Include) -> str | None:
        """The included file's path from the root, or None with a problem taken down."""
        folder = posixpath.dirname(reading.source.path)
        target = posixpath.normpath(posixpath.join(folder, include.target.replace("\\", "/")))
        if target in self.known or target in self.overlay:
            return target
        shown = include.target[:80]
        if target.startswith(("../", "/")) or target == "..":
            message = f"`{shown}` lies outside the project and is not followed: put the requirements inside"
        elif _is_file(self.root / target):
            return target
        elif _reader_includes_by_guess(reading):
            return None
        else:
            message = f"`{shown}` is included, but there is no such file: add it or remove the line"
        reading.problem_at(include.line, message)
        return None

    def table(self) -> DependencyTable:
        """The table, ordered, with the role of files that only `-c` brings in."""
        constrained = {target for (_, target), constraint in self.includes.items() if constraint}
        constrained -= {target for (_, target), constraint in self.includes.items() if not constraint}
        ordered = sorted(
            (
                replace(one, role=Role.CONSTRAINT) if one.role is Role.DECLARED and one.path in constrained else one
                for one in self.requirements
            ),
            key=lambda one: (one.path, one.line, one.column),
        )
        problems = sorted(self.problems, key=lambda one: (one.path, one.line))
        return DependencyTable(tuple(ordered), tuple(problems), tuple(sorted(self.includes)))


def _reader(kind: Kind) -> Reader:
    module, function = _READERS[kind]
    return cast(Reader, getattr(import_module(f".{module}", __package__), function))


def _reader_includes_by_guess(reading: Reading) -> bool:
    """Whether includes come from code (relative to where it runs), so that a miss proves nothing."""
    return reading.source.path.endswith(".py")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
