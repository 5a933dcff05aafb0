"""What a program can get to: from entry points over imports, uses of names, and look-ups by computed names.

Errs on the side of reaching: a class counts with all of its methods, every use of a name counts whatever is done with
it, and a module that is handed around as a value is taken to give out everything in it.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..source.facts import IMPORT_STAR, MAIN_PART, Call, FileFacts
from .graphs import is_test
from .symbols import Symbol

if TYPE_CHECKING:
    from .project import Project

_NAMESPACES = (".__dict__", ".__all__")
_OWN_NAMESPACE = frozenset({"eval", "exec", "globals", "vars", "locals"})
_IMPORTERS = frozenset(
    {"import_module", "__import__", "iter_modules", "walk_packages", "spec_from_file_location", "run_path", "locate",
     "run_module", "exec_module", "instantiate", "get_class", "import_string", "load_entry_point", "LightningCLI"}
)  # fmt: skip
_PROGRAM_CALLS = frozenset(
    {"backward", "fit", "ArgumentParser", "DataLoader", "load", "load_state_dict", "save", "export", "train", "Fire",
     "main", "step", "inference", "predict", "run", "launch"}
)  # fmt: skip
_TRAINING_CALLS = frozenset({"backward", "fit", "training_step"})


@dataclass(frozen=True)
class Reached:
    """The parts of files that entry points get to, each with the part that led there first.

    A part is a top-level function or class, ``Symbol(path, "")`` for the rest of a file's top level, or
    ``Symbol(path, MAIN_PART)`` for what its main guard holds.
    """

    parts: dict[Symbol, Symbol | None]
    imports_by_name: bool
    """Some reached code imports modules by computed names: nothing is surely out of reach."""

    def __contains__(self, symbol: Symbol) -> bool:
        return top_part(symbol) in self.parts

    def chain(self, symbol: Symbol) -> list[Symbol]:
        """The way from an entry point to a reached symbol, the entry point first."""
        way: list[Symbol] = []
        current: Symbol | None = top_part(symbol)
        while current is not None and current not in way:
            way.append(current)
            current = self.parts.get(current)
        return way[::-1]


class Reach:
    """Reachability over the parts of a project's files. One instance a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._uses = {path: dict(facts.uses) for path, facts in project.files.items()}
        self._targets: dict[tuple[str, str], tuple[Symbol, ...]] = {}
        self._calls: dict[str, dict[str, list[Call]]] = {}
        self._following: dict[Symbol, list[Symbol]] = {}

    @cached_property
    def entry_parts(self) -> tuple[Symbol, ...]:
        """Where programs start: scripts, files that no other file imports, and what a decorator registers by name.

        Tests and self-tests do not count.
        """
        found: list[Symbol] = []
        commands = set(self.project.graphs.entry_points())
        for path, facts in self.project.files.items():
            if is_test(path) or posixpath.basename(path) in ("setup.py", "conftest.py"):
                continue
            if path in commands or path not in self._imported:
                found.append(Symbol(path, ""))
                if facts.has_main_guard and not self._is_self_test(path, facts):
                    found.append(Symbol(path, MAIN_PART))
            decorated = [d for d in (*facts.classes, *facts.functions) if d.decorators]
            registered = (d for d in decorated if any("regist" in n for n in d.decorators))
            found += {top_part(Symbol(path, d.qualname)): None for d in registered}
        return tuple(found)

    @cached_property
    def _imported(self) -> frozenset[str]:
        """Files that some other file imports."""
        return frozenset(
            target.path
            for path, parts in self._run.items()
            if not is_test(path)
            for targets in parts.values()
            for target in targets
            if target.path != path
        )

    @cached_property
    def reached(self) -> Reached:
        """What any program of the project gets to."""
        return self.from_parts(self.entry_parts)

    @cached_property
    def trained(self) -> Reached:
        """What its training programs get to: those that reach a backward pass or a ``fit``."""
        above: dict[Symbol, list[Symbol]] = {}
        for part in self.reached.parts:
            for target in self.next(part):
                above.setdefault(target, []).append(part)
        queue = deque(p for p in self.reached.parts if self._calls_any([p], _TRAINING_CALLS))
        training = set(queue)
        while queue:
            for part in above.get(queue.popleft(), ()):
                if part not in training:
                    training.add(part)
                    queue.append(part)
        return self.from_parts(e for e in self.entry_parts if e in training)

    def from_parts(self, entries: Iterable[Symbol]) -> Reached:
        """Everything that code of these parts gets to."""
        parts: dict[Symbol, Symbol | None] = dict.fromkeys(entries)
        queue = deque(parts)
        while queue:
            part = queue.popleft()
            for target in self.next(part):
                if target not in parts:
                    parts[target] = part
                    queue.append(target)
        return Reached(parts, self._calls_any(parts, _IMPORTERS))

    def next(self, part: Symbol) -> Sequence[Symbol]:
        """The parts that the code of a part gets to directly: what it imports, names, or looks up."""
        found = self._following.get(part)
        if found is None:
            found = self._following[part] = [*self._next(part)]
        return found

    def _next(self, part: Symbol) -> dict[Symbol, None]:
        path, owner = part.path, part.qualname
        found = {Symbol(path, ""): None} if owner else dict.fromkeys(self._packages_of(path))
        found.update(self._run[path].get("" if owner == MAIN_PART else owner, {}))
        for name in self._uses[path].get(owner, ()):
            found.update(dict.fromkeys(self.targets(path, name)))
        if any(call.callee in _OWN_NAMESPACE for call in self._calls_of(part, _OWN_NAMESPACE)):
            found.update(dict.fromkeys(self._namespace(path)))
        return found

    def targets(self, path: str, name: str) -> tuple[Symbol, ...]:
        """The parts that a name used in a file stands for; all of a module that is used as a value."""
        key = (path, name)
        found = self._targets.get(key)
        if found is None:
            found = self._targets[key] = tuple(self._find(path, name))
        return found

    def _find(self, path: str, name: str) -> Iterable[Symbol]:
        for ending in _NAMESPACES:
            name = name.removesuffix(ending)
        symbols = self.project.symbols
        # A recorded name says not whether it is a local one or an import's target: both may be meant.
        for symbol in (symbols.local(path, name), symbols.resolve(path, name)):
            if not isinstance(symbol, Symbol):
                continue
            if symbol.qualname:
                yield top_part(symbol)
            else:
                yield Symbol(symbol.path, "")
                yield from self._namespace(symbol.path)

    def _namespace(self, path: str) -> Iterable[Symbol]:
        """Everything that a module gives out by name."""
        facts = self.project.files[path]
        yield from (Symbol(path, k.qualname) for k in facts.classes if "." not in k.qualname)
        yield from (Symbol(path, f.qualname) for f in facts.functions if "." not in f.qualname)
        for item in facts.imports:
            if item.local == IMPORT_STAR:
                source = self.project.symbols.module_file(path, item.target)
                if source is not None and source != path:
                    yield Symbol(source, "")
                    other = self.project.files[source]
                    yield from (Symbol(source, k.qualname) for k in other.classes if "." not in k.qualname)
                    yield from (Symbol(source, f.qualname) for f in other.functions if "." not in f.qualname)
                continue
            symbol = self.project.symbols.resolve(path, item.target)
            if isinstance(symbol, Symbol) and symbol.qualname:
                yield top_part(symbol)

    @cached_property
    def _run(self) -> dict[str, dict[str, dict[Symbol, None]]]:
        """For each file, the modules that the imports of each of its parts run."""
        found: dict[str, dict[str, dict[Symbol, None]]] = {}
        for path, facts in self.project.files.items():
            parts = found[path] = {}
            for item in facts.imports:
                for module in self._imported_by(path, item.target):
                    parts.setdefault(item.scope.partition(".")[0], {})[module] = None
        return found

    def _imported_by(self, path: str, target: str) -> Iterable[Symbol]:
        """The modules that an import runs: the one named, and the one that a name comes from through re-exports."""
        start = self.project.symbols.start(path, target)
        if start is None:
            return
        file = start.file if len(start.rest) <= 1 else None
        if file is not None:
            yield Symbol(file, "")
        symbol = self.project.symbols.resolve(path, target)
        if isinstance(symbol, Symbol) and symbol.path != file:
            yield Symbol(symbol.path, "")

    def _packages_of(self, path: str) -> Iterable[Symbol]:
        """The ``__init__`` files that Python runs before a module of a package."""
        folder = posixpath.dirname(path)
        while folder and f"{folder}/__init__.py" in self.project.files:
            yield Symbol(f"{folder}/__init__.py", "")
            folder = posixpath.dirname(folder)

    def _is_self_test(self, path: str, facts: FileFacts) -> bool:
        """A main part under the definition of a model that only tries it out: no data, options, weights or training."""
        if not facts.classes:
            return False
        parts = {Symbol(path, MAIN_PART)}
        queue = list(parts)
        while queue:
            part = queue.pop()
            if self._calls_any([part], _PROGRAM_CALLS):
                return False
            for name in self._uses[part.path].get(part.qualname, ()):
                for target in self.targets(part.path, name):
                    if target not in parts and self.project.symbols.function(target) is not None:
                        parts.add(target)
                        queue.append(target)
        return True

    def _calls_any(self, parts: Iterable[Symbol], names: frozenset[str]) -> bool:
        return any(call.callee.rpartition(".")[2] in names for part in parts for call in self._calls_of(part, names))

    def _calls_of(self, part: Symbol, names: frozenset[str]) -> Sequence[Call]:
        """The calls of a part, in a file that calls something by one of some names; none where it does not."""
        facts = self.project.files[part.path]
        if facts.called.isdisjoint(names):
            return ()
        if part.path not in self._calls:
            self._calls[part.path] = _by_part(facts.calls)
        return self._calls[part.path].get("" if part.qualname == MAIN_PART else part.qualname, ())


def top_part(symbol: Symbol) -> Symbol:
    """The top-level function or class that holds a symbol."""
    return Symbol(symbol.path, symbol.qualname.partition(".")[0]) if "." in symbol.qualname else symbol


def _by_part(calls: Iterable[Call]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for item in calls:
        found.setdefault(item.scope.partition(".")[0], []).append(item)
    return found
