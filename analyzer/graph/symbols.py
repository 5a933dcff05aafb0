"""Names across files: what a dotted name in one file stands for, through imports, re-exports and packages."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from ..source.facts import IMPORT_STAR, ClassFacts, FileFacts, FunctionFacts

_FURTHEST = 20
"""So many parts has no name that is meant: imports that go in a ring lengthen it without end."""


class Symbol(NamedTuple):
    """A function, class, other top-level name, or (with an empty ``qualname``) a module of the project."""

    path: str
    qualname: str


class Start(NamedTuple):
    """Where a dotted name starts: the file of its longest part that is a module, and what is left of the name there."""

    file: str
    rest: tuple[str, ...]
    is_of_dots: bool
    """The module is named by dots alone: ``from . import x``."""


class SymbolTable:
    """Resolves names over the facts of all files. Knows paths, not ``sys.path``: it tries what Python would."""

    def __init__(self, files: Mapping[str, FileFacts]) -> None:
        self.files = files
        self._resolved: dict[tuple[str, str], Symbol | str] = {}
        self._members: dict[tuple[str, tuple[str, ...]], Symbol | str | None] = {}
        self._ancestries: dict[Symbol, tuple[Symbol | str, ...]] = {}
        self._starts: dict[tuple[str, str], tuple[Start, ...]] = {}
        self._search_paths: dict[str, list[str]] = {}

    @cached_property
    def _folders(self) -> frozenset[str]:
        found: set[str] = set()
        for path in self.files:
            folder = posixpath.dirname(path)
            while folder and folder not in found:
                found.add(folder)
                folder = posixpath.dirname(folder)
        return frozenset(found)

    @cached_property
    def _modules(self) -> dict[str, list[str]]:
        """The files of each module, by its path without an ending: a module before a package of that name."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            found.setdefault(path[:-3], []).insert(0, path)
            if path.endswith("/__init__.py"):
                found.setdefault(posixpath.dirname(path), []).append(path)
        return found

    @cached_property
    def _tops(self) -> frozenset[str]:
        """First names that an absolute import of something in the project can have."""
        stems = {posixpath.basename(path)[:-3] for path in self.files}
        return frozenset(stems | {posixpath.basename(folder) for folder in self._folders})

    @cached_property
    def _bound(self) -> dict[str, dict[str, str | None]]:
        """The top-level names of each file: those that stand for others with what they stand for, its own with None."""
        table: dict[str, dict[str, str | None]] = {}
        for path, facts in self.files.items():
            own: dict[str, str | None] = dict.fromkeys(facts.constants)
            own.update((item.local, item.target) for item in reversed(facts.imports) if item.local != IMPORT_STAR)
            own.update(facts.aliases)
            own.update((d.qualname, None) for d in (*facts.functions, *facts.classes) if "." not in d.qualname)
            table[path] = own
        return table

    @cached_property
    def _star_imports(self) -> dict[str, list[str]]:
        """The modules from which files take every name; files that do so alone."""
        table: dict[str, list[str]] = {}
        for path, facts in self.files.items():
            for item in facts.imports:
                if item.local == IMPORT_STAR:
                    table.setdefault(path, []).append(item.target)
        return table

    @cached_property
    def _definitions(self) -> dict[Symbol, FunctionFacts | ClassFacts]:
        found: dict[Symbol, FunctionFacts | ClassFacts] = {}
        for path, facts in self.files.items():
            for function in facts.functions:
                found[Symbol(path, function.qualname)] = function
            for klass in facts.classes:
                found[Symbol(path, klass.qualname)] = klass
        return found

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Every name under which an object of the project's classes may have something: set anywhere, or a method."""
        return frozenset().union(*(facts.attributes for facts in self.files.values()))

    def function(self, symbol: Symbol) -> FunctionFacts | None:
        """The facts of a function, None if the symbol is something else."""
        found = self._definitions.get(symbol)
        return found if isinstance(found, FunctionFacts) else None

    def klass(self, symbol: Symbol) -> ClassFacts | None:
        """The facts of a class, None if the symbol is something else."""
        found = self._definitions.get(symbol)
        return found if isinstance(found, ClassFacts) else None

    def is_outside(self, dotted: str) -> bool:
        """Whether an imported name can only be that of another package; relative names keep their dots."""
        return not dotted.startswith(".") and dotted.partition(".")[0] not in self._tops

    def module_file(self, path: str, dotted: str) -> str | None:
        """The project's file for ``import dotted`` written in the file ``path``; relative names keep their dots."""
        start = self.start(path, dotted)
        return start.file if start is not None and not start.rest else None

    def start(self, path: str, dotted: str) -> Start | None:
        """Where a dotted name, as resolved inside one file, starts in the project; None for a name from outside."""
        if self.is_outside(dotted):
            return None
        key = (path.rpartition("/")[0], dotted)
        found = self._starts.get(key)
        if found is None:
            found = self._starts[key] = tuple(self._find_starts(*key))
        for start in found:
            if start.file != path or start.is_of_dots:
                return start
        return None

    def _find_starts(self, folder: str, dotted: str) -> Iterator[Start]:
        """Where a name may start in one folder's files, the longest module first; a second file if one is the first."""
        name = dotted.lstrip(".")
        level = len(dotted) - len(name)
        parts = tuple(name.split(".")) if name else ()
        bases = self._bases(folder, level, parts)
        first = None
        for cut in range(len(parts), -1 if level else 0, -1):
            below = "/".join(parts[:cut])
            for base in bases:
                for file in self._modules.get(f"{base}/{below}" if base and below else base or below, ()):
                    yield Start(file, parts[cut:], cut == 0)
                    if file != (first := first or file):
                        return

    def resolve(self, path: str, dotted: str) -> Symbol | str:
        """What a dotted name, as resolved inside one file, stands for.

        Args:
            path: the file in which the name is used.
            dotted: ``models.swin.Swin``, ``.swin.Swin``, ``torch.nn.Linear`` or a name defined in the file itself.

        Returns:
            A symbol of the project, else the dotted name of something outside of it (``torch.nn.Linear``).
        """
        if self.is_outside(dotted):
            return dotted
        key = (path, dotted)
        found = self._resolved.get(key)
        if found is None:
            found = self._resolved[key] = self._resolve(path, dotted, set())
        return found

    def _resolve(self, path: str, dotted: str, seen: set[tuple[str, tuple[str, ...]]]) -> Symbol | str:
        start = self.start(path, dotted)
        if start is None:
            return dotted
        if not start.rest:
            return Symbol(start.file, "")
        found = self._find(start.file, start.rest, seen) if seen else self._member(start.file, start.rest)
        return dotted if found is None else found

    def _member(self, file: str, rest: tuple[str, ...]) -> Symbol | str | None:
        """What a name inside a module stands for; asked of a package by every file that imports it from there."""
        key = (file, rest)
        if key not in self._members:
            self._members[key] = self._find(file, rest, set())
        return self._members[key]

    def _find(self, file: str, rest: tuple[str, ...], seen: set[tuple[str, tuple[str, ...]]]) -> Symbol | str | None:
        """A name inside a known module: defined there, imported there, or star-imported; None for any other.

        Modules that star-import each other in a ring are each asked once: ``seen`` holds what has been.
        """
        mark = (file, rest)
        if mark in seen or len(rest) > _FURTHEST:
            return None
        seen.add(mark)
        bound = self._bound[file]
        if rest[0] in bound:
            target = bound[rest[0]]
            if target is None:
                return Symbol(file, ".".join(rest))
            return self._resolve(file, ".".join([target, *rest[1:]]), seen)
        for star in self._star_imports.get(file, ()):
            source = self.module_file(file, star)
            if source is not None and source != file:
                found = self._find(source, rest, seen)
                if isinstance(found, Symbol):
                    return found
        return None

    def local(self, path: str, name: str) -> Symbol | str | None:
        """What a top-level name of a file stands for; None where the file binds no such name."""
        if path not in self.files:
            return None
        bound = self._bound[path]
        if name in bound and bound[name] is None:
            return Symbol(path, name)
        is_bound = name.partition(".")[0] in bound
        if not is_bound and path not in self._star_imports:
            return None
        found = self._member(path, tuple(name.split(".")))
        if isinstance(found, Symbol):
            return found
        return found or name if is_bound else None

    @cached_property
    def _derived(self) -> dict[str, list[Symbol]]:
        """Classes by the last names of their bases, in the order of files."""
        found: dict[str, list[Symbol]] = {}
        for path, facts in self.files.items():
            for klass in facts.classes:
                for name in {base.rpartition(".")[2] for base in klass.bases}:
                    found.setdefault(name, []).append(Symbol(path, klass.qualname))
        return found

    def derived(self, symbol: Symbol) -> list[Symbol]:
        """The other classes that derive from one, and by its name."""
        named = self._derived.get(symbol.qualname.rpartition(".")[2], ())
        return [klass for klass in named if klass != symbol and symbol in self.ancestry(klass)]

    def base_symbols(self, symbol: Symbol) -> list[Symbol | str]:
        """The bases of a class, resolved."""
        klass = self.klass(symbol)
        if klass is None:
            return []
        found: list[Symbol | str] = []
        for base in klass.bases:
            if base:
                local = self.local(symbol.path, base)
                found.append(local if local is not None else self.resolve(symbol.path, base))
        return found

    def ancestry(self, symbol: Symbol) -> tuple[Symbol | str, ...]:
        """A class, its bases, and theirs, in the order in which Python would mostly look; each once."""
        found = self._ancestries.get(symbol)
        if found is None:
            found = self._ancestries[symbol] = tuple(self._ancestry(symbol))
        return found

    def _ancestry(self, symbol: Symbol) -> list[Symbol | str]:
        order: list[Symbol | str] = []
        queue: list[Symbol | str] = [symbol]
        while queue:
            current = queue.pop(0)
            if current in order:
                continue
            order.append(current)
            if isinstance(current, Symbol):
                queue.extend(self.base_symbols(current))
        return order

    def is_subclass(self, symbol: Symbol, names: frozenset[str]) -> bool:
        """Whether a class derives from one of these outside classes (``torch.nn.Module``), however far up."""
        return any(isinstance(base, str) and base in names for base in self.ancestry(symbol))

    def method(self, symbol: Symbol, name: str) -> Symbol | None:
        """The method of a class, its own or inherited inside the project."""
        for base in self.ancestry(symbol):
            if isinstance(base, Symbol):
                klass = self.klass(base)
                if klass is not None and name in klass.methods:
                    return Symbol(base.path, f"{base.qualname}.{name}")
        return None

    def _bases(self, folder: str, level: int, parts: tuple[str, ...]) -> list[str]:
        """Where Python may look for what a folder's file names by some dots and parts: folders that have the first."""
        if not level:
            tops = ((base, f"{base}/{parts[0]}" if base else parts[0]) for base in self._search_path(folder))
            return [base for base, top in tops if top in self._modules or top in self._folders]
        for _ in range(level - 1):
            folder = posixpath.dirname(folder)
        return [folder]

    def _search_path(self, folder: str) -> list[str]:
        """Folders from which a folder's files may import absolutely."""
        known = self._search_paths.get(folder)
        if known is not None:
            return known
        root = folder
        while root and f"{root}/__init__.py" in self.files:
            root = posixpath.dirname(root)
        order: list[str] = []
        above = root
        while True:
            for candidate in (above, posixpath.join(above, "src") if above else "src"):
                if candidate not in order and (candidate == "" or candidate in self._folders):
                    order.append(candidate)
            if not above:
                break
            above = posixpath.dirname(above)
        # A file inside a package sees its own folder only when run as a script.
        if folder not in order:
            order.append(folder)
        self._search_paths[folder] = order
        return order
