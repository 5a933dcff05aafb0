"""Everything a repository states about the packages it needs, and the questions rules ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from packaging.utils import canonicalize_name

from ...findings import Problem
from .combine import conflicting, folders_of, range_near
from .ranges import Range
from .requirement import Requirement, Role, Syntax

__all__ = ["DependencyTable", "Problem", "Range", "Requirement", "Role", "Syntax"]


@dataclass(frozen=True)
class DependencyTable:
    """All dependency statements of a repository.

    Attributes:
        requirements: the statements, by file and line.
        problems: what could not be read.
        includes: pairs of an including and an included requirement file.
    """

    requirements: tuple[Requirement, ...] = ()
    problems: tuple[Problem, ...] = ()
    includes: tuple[tuple[str, str], ...] = ()

    def range_of(self, package: str, near: str) -> Range | None:
        """The versions of a package under which a file of code is to run.

        Args:
            package: the name on the package index (`torch`), or `python`.
            near: the code file, relative to the project's root, with `/`.

        Returns:
            The range and who spoke, or None where no file states the package.
        """
        name = canonicalize_name(package)
        folder = near.rpartition("/")[0]
        key = (name, folder)
        if key not in self._answers:
            self._answers[key] = range_near(name, self._by_package.get(name, {}), near)
        return self._answers[key]

    def conflicts(self) -> list[tuple[Requirement, Requirement]]:
        """Pairs of statements of the same program that exclude each other, by package."""
        return [
            pair for name in sorted(self._by_package) for pair in conflicting(self._by_package[name], self._includers)
        ]

    def of(self, package: str) -> tuple[Requirement, ...]:
        """All statements about a package, by file and line."""
        name = canonicalize_name(package)
        return tuple(one for one in self.requirements if one.name == name)

    @cached_property
    def _includers(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for includer, included in self.includes:
            found.setdefault(included, []).append(includer)
        return found

    @cached_property
    def _by_package(self) -> dict[str, dict[str, list[Requirement]]]:
        found: dict[str, dict[str, list[Requirement]]] = {}
        folders = {path: folders_of(path, self._includers) for path in {one.path for one in self.requirements}}
        for one in self.requirements:
            for folder in folders[one.path]:
                found.setdefault(one.name, {}).setdefault(folder, []).append(one)
        return found

    @cached_property
    def _answers(self) -> dict[tuple[str, str], Range | None]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        # Indexes are rebuilt where they are needed: they would double what travels to a worker.
        return {one.name: getattr(self, one.name) for one in fields(self)}
