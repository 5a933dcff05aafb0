"""Keys of configuration files that no code reads, and keys that code needs and no file has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...analyzer.flow.settings import Configured, Files
from ...analyzer.flow.settings.loading import loads
from ...analyzer.flow.settings.readers import Read, Readings, readings
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.project.configs import ConfigFile, Entry, Key
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import last_name
from ._unused_options import may_be_read, namespaces, related

_SPECIAL = re.compile(
    r"_.*|defaults|hydra|base|BASE|x-.*|version|name|description|comment.*|note.*|author|anchors?|.*[^\w-].*|\d+"
)
_MOST_UNREAD = 0.4
_BY_NAME = {"merge_from_file", "fromfile", "load_from_file", "initialize_config_dir", "fromstring", "LightningCLI"}
"""Calls that read a file themselves, by its name, so that its keys are read in other ways too."""
_MOST_FILES = 60
_READING = frozenset({"load", "safe_load", "full_load", "loads"})
_PACKAGES = ("json.", "yaml.", "toml.", "tomllib.", "omegaconf.")
_ENDINGS = (".json", ".yaml", ".yml", ".toml")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A call that reads one of some files, and what code does with the content."""

    module: Module
    call: ast.Call
    files: Files
    paths: tuple[str, ...]
    read: Readings


@dataclass(frozen=True, eq=False)
class Unread:
    """A key that no code reads, in the files that have it."""

    entry: Entry
    others: tuple[Entry, ...]
    loaded: Loaded


def loaded_files(project: Project) -> list[Loaded]:
    """The configurations that code loads and that can be followed to where their keys are read."""
    found: list[Loaded] = []
    for module, call in loads(project) if project.configs.paths else ():
        if is_test(module.path):
            continue
        files = [k.what for k in Configured(project).evaluate(project.flow.operand(module, call))]
        for one in files:
            if isinstance(one, Files) and not one.key and one.paths:
                paths = related(project, module.path)
                if any(not project.files[p].called.isdisjoint(_BY_NAME) for p in paths):
                    continue
                holds = _Holders(project, one.paths)
                read = readings(project, [(module, call)], paths, holds)
                if read.is_laid_over:
                    read = readings(project, [(module, call), *namespaces(project, paths)], paths, holds)
                found.append(Loaded(module, call, one, tuple(paths), read))
    return found


class _Holders:
    """Whether some file holds a collection under a key, so that its content is followed."""

    def __init__(self, project: Project, paths: tuple[str, ...]) -> None:
        self.project = project
        self.paths = paths[:_MOST_FILES]
        self.known: dict[Key, bool] = {(): True}

    def __call__(self, key: Key) -> bool:
        if key not in self.known:
            entries = (e for p in self.paths for e in self.project.configs.find(p, key))
            self.known[key] = any(e.kind != "scalar" for e in entries)
        return self.known[key]


def unread(project: Project, every: list[Loaded]) -> Iterator[Unread]:
    """Keys of files that some code loads and none reads."""
    alone = _loaded_alone(every)
    written = _written(project) if alone else ()
    by_path: dict[str, list[Loaded]] = {}
    for loaded in every if alone else ():
        for path in loaded.files.paths:
            for part in project.configs.parts(path):
                by_path.setdefault(part, []).append(loaded)
    found: dict[tuple[Key, str], tuple[Loaded, list[Entry]]] = {}
    for path, loading in sorted(by_path.items()):
        config = project.configs.file(path) if path in alone and not path.endswith(written) else None
        # One loader alone: a file that several programs load has keys for each of them.
        if config is None or len({id(x.call) for x in loading}) != 1 or () in loading[0].read.escapes:
            continue
        most = max(1, _MOST_UNREAD * sum(1 for e in config.entries() if isinstance(e.key[-1], str)))
        entries = _unread_of(project, config, loading[0], most)
        if len(entries) > most:
            continue  # more likely read in a way that is not seen
        for entry in entries:
            found.setdefault((entry.key, loading[0].module.path), (loading[0], []))[1].append(entry)
    for loaded, entries in found.values():
        yield Unread(entries[0], tuple(entries[1:]), loaded)


def _written(project: Project) -> tuple[str, ...]:
    """The endings of files that functions only write: what these hold are results."""
    found: set[str] = set()
    for site in project.possible_call_sites("dump"):
        module = project.try_module(site.path)
        scope = module.scope_named(site.scope) if module is not None and site.scope else None
        if module is None or scope is None:
            continue
        nodes = [*ast.walk(scope.node)]
        calls = [n for n in nodes if isinstance(n, ast.Call) and last_name(n.func) in _READING]
        if not any((project.external(module, n.func) or "").startswith(_PACKAGES) for n in calls):
            texts = (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))
            found |= {text for text in texts if text.endswith(_ENDINGS) and text not in _ENDINGS}
    return tuple(found)


def _loaded_alone(every: list[Loaded]) -> set[str]:
    """The files that one call alone loads, and whose content can be followed from there."""
    loading: dict[str, dict[int, Loaded]] = {}
    for loaded in every:
        for path in loaded.files.paths:
            loading.setdefault(path, {})[id(loaded.call)] = loaded
    return {path for path, by in loading.items() if len(by) == 1 and not any(() in x.read.escapes for x in by.values())}


def _unread_of(project: Project, config: ConfigFile, loaded: Loaded, most: float) -> list[Entry]:
    """A file's keys that nothing reads; at most one more than asked for."""
    if project.configs.parts(config.path) != [config.path] or config.path not in loaded.files.paths:
        return []  # compositions move keys
    read, uses = loaded.read, _Uses(config)
    found: dict[Key, Entry] = {}
    for entry in config.entries():
        key = entry.key
        if not all(isinstance(part, str) and not _SPECIAL.fullmatch(part) for part in key):
            continue
        if key in read.reads or key in read.stored or not read.is_followed(key):
            continue
        if any(key[:length] in found for length in range(1, len(key) + 1)) or uses.are_of(entry):
            continue
        name = str(key[-1])
        if not any(may_be_read(project, p, name) for p in loaded.paths):
            found[key] = entry
            if len(found) > most:
                break
    return [*found.values()]


class _Uses:
    """What parts of a file use its other parts: by an alias, a merge or an interpolation."""

    def __init__(self, config: ConfigFile) -> None:
        entries = [*config.entries()]
        targets = [e.target for e in entries] + [m.target for e in entries for m in e.merged]
        self._targets = {id(target) for target in targets if target is not None}
        self._references = "\n".join(e.value for e in entries if isinstance(e.value, str) and "${" in e.value)

    def are_of(self, entry: Entry) -> bool:
        """Whether something uses an entry or what it holds."""
        is_target = bool(self._targets) and any(id(e) in self._targets for e in entry.walk())
        return is_target or str(entry.key[-1]) in self._references


def missing(project: Project, every: list[Loaded]) -> Iterator[tuple[Loaded, Read]]:
    """Keys that code takes without a default and that the one file it loads does not have."""
    for loaded in every:
        if not loaded.files.is_sure or len(loaded.files.paths) != 1 or loaded.read.is_open or loaded.read.is_laid_over:
            continue
        path = loaded.files.paths[0]
        if project.configs.parts(path) != [path] or project.configs.file(path) is None:
            continue  # of a file that is too large, or no mapping, no key is known
        for key, places in loaded.read.reads.items():
            if key in loaded.read.stored or any(r.is_optional for r in places) or project.configs.find(path, key):
                continue
            parent = project.configs.find(path, key[:-1]) if len(key) > 1 else [None]
            for place in places if parent and all(isinstance(p, str) for p in key) else ():
                if isinstance(place.node, ast.Subscript) and _is_content(project, place, path, key):
                    yield loaded, place
                    break


def _is_content(project: Project, place: Read, path: str, key: Key) -> bool:
    """Whether what a key is taken from is for certain the content of a file."""
    assert isinstance(place.node, ast.Subscript)
    held = Configured(project).evaluate(project.flow.operand(place.module, place.node.value))
    wanted = Files((path,), key[:-1])
    return bool(held) and all(isinstance(k.what, Files) and k.what == wanted for k in held)
