"""The configuration files of a repository, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from ...findings import Problem
from ...source.reader import Unreadable
from .composing import Part, package_of, parts_of
from .faults import fault_of
from .model import ConfigFile, Entry, Key
from .names import LARGEST, may_be_config
from .reading import BadConfig, form_of, read

_DEEPEST = 6


class ConfigFiles:
    """Read-only view of a repository's configuration files.

    Args:
        others: every file of the repository that is no Python.
        read_bytes: reads one; raises ``Unreadable``.
        told: told of each file that is asked for, also of one that is known already.
        report: told what is wrong with a file that a program surely reads, each time that it is asked for.
    """

    def __init__(
        self,
        others: Iterable[str],
        read_bytes: Callable[[str], bytes],
        told: Callable[[str], object] = bool,
        report: Callable[[Problem], object] = bool,
    ) -> None:
        self._others = tuple(others)
        self._read_bytes = read_bytes
        self._told = told
        self._report = report
        self._files: dict[str, ConfigFile | None] = {}
        self._faults: dict[str, Problem | None] = {}
        self._parts: dict[str, list[Part]] = {}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The files that may be a program's configuration, by name; none is read for it."""
        return tuple(path for path in self._others if may_be_config(path))

    @cached_property
    def known(self) -> frozenset[str]:
        """The same, to look up in."""
        return frozenset(self.paths)

    def file(self, path: str) -> ConfigFile | None:
        """A configuration file; None where it cannot be read, is no mapping at its top, or holds data."""
        self._told(path)
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> ConfigFile | None:
        try:
            data = self._read_bytes(path)
            if len(data) > LARGEST:
                return None
            config = read(path, data.decode("utf-8-sig"))
        except (Unreadable, UnicodeDecodeError, BadConfig):
            return None
        if config.root.kind != "mapping":
            self._faults[path] = None
            return None
        return config

    def expect(self, path: str) -> None:
        """Say that a program surely reads a file: if it is broken, that is told."""
        if self.file(path) is not None:
            return
        if path not in self._faults:
            self._faults[path] = self._fault(path)
        fault = self._faults[path]
        if fault is not None:
            self._report(fault)

    def _fault(self, path: str) -> Problem | None:
        try:
            return fault_of(path, self._read_bytes(path))
        except Unreadable as error:
            return None if form_of(path) == "json" else error.problem

    def find(self, path: str, key: Key, depth: int = 0) -> list[Entry]:
        """The entries under a key of a composed configuration: the file's own first, then those of its parts.

        Hydra's ``defaults`` lists, ``# @package`` lines and the ``_base_`` of other programs are followed. Which part
        wins is up to the program; callers that need one value look whether all agree.
        """
        config = self.file(path)
        if config is None or depth > _DEEPEST:
            return []
        own = config.get(*key)
        found = [own] if own is not None else []
        for part in self._parts_of(config):
            inner = self.file(part.path)
            package = package_of(inner.text) if inner is not None else None
            prefix = part.prefix if package is None else package
            if key[: len(prefix)] == prefix:
                found += [e for e in self.find(part.path, key[len(prefix) :], depth + 1) if e not in found]
        return found

    def having(self, key: Key) -> list[Entry]:
        """The entries under a key in every configuration file that has it, whichever program it is for."""
        for path in self.paths:
            self._told(path)
        return self._by_key.get(key, [])

    @cached_property
    def _by_key(self) -> dict[Key, list[Entry]]:
        found: dict[Key, list[Entry]] = {}
        for path in self.paths:
            config = self.file(path)
            for entry in config.entries() if config is not None else ():
                found.setdefault(entry.key, []).append(entry)
        return found

    def _parts_of(self, config: ConfigFile) -> list[Part]:
        if config.path not in self._parts:
            self._parts[config.path] = list(parts_of(config, self.known))
        return self._parts[config.path]

    def parts(self, path: str) -> list[str]:
        """The files that a configuration is composed of, itself first."""
        found = [path]
        for current in found:
            config = self.file(current)
            if config is not None and len(found) < 100:
                found += [p.path for p in self._parts_of(config) if p.path not in found]
        return found
