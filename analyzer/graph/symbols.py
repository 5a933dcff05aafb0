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


class SymbolTable:
    """Resolves names over the facts of all files. Knows paths, not ``sys.path``: it tries what Python would."""

    def __init__(self, files: Mapping[str, FileFacts]) -> None:
        self.files = files
        self._resolved: dict[tuple[str, str], Symbol | str] = {}
        self._members: dict[tuple[str, str], Symbol | str | None] = {}
        self._ancestries: dict[Symbol, tuple[Symbol | str, ...]] = {}
        self._located: dict[tuple[str, str], tuple[str, ...]] = {}
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
    def _tops(self) -> frozenset[str]:
        """First names that an absolute import of something in the project can have."""
        stems = {posixpath.basename(path)[:-3] for path in self.files}
        return frozenset(stems | {posixpath.basename(folder) for folder in self._folders})

    @cached_property
    def _imports(self) -> dict[str, dict[str, str]]:
        """Top-level names of each file that stand for others."""
        table: dict[str, dict[str, str]] = {}
        for path, facts in self.files.items():
            own = dict(facts.aliases)
            for item in facts.imports:
                if item.local != IMPORT_STAR:
                    own.setdefault(item.local, item.target)
            table[path] = own
        return table

    @cached_property
    def _constants(self) -> dict[str, frozenset[str]]:
        """Other top-level names of each file."""
        return {path: frozenset(facts.constants) for path, facts in self.files.items()}

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
        if self.is_outside(dotted):
            return None
        key = (path.rpartition("/")[0], dotted)
        found = self._located.get(key)
        if found is None:
            found = self._located[key] = tuple(self._candidates(*key))
        for file in found:
            if file != path:
                return file
        return path if path in found and not dotted.strip(".") else None

    def _candidates(self, folder: str, dotted: str) -> Iterator[str]:
        """The project's files that a module's name may mean in one folder's files, as Python would find them."""
        for base, name in self._bases(folder, dotted):
            below = name.replace(".", "/")
            stem = f"{base}/{below}" if base and below else base or below
            yield from (c for c in (f"{stem}.py", f"{stem}/__init__.py") if c in self.files)

    def resolve(self, path: str, dotted: str) -> Symbol | str:
        """What a dotted name, as resolved inside one file, stands for.

        Args:
            path: the file in which the name is used.
            dotted: ``models.swin.Swin``, ``.swin.Swin``, ``torch.nn.Linear`` or a name defined in the file itself.

        Returns:
            A symbol of the project, else the dotted name of something outside of it (``torch.nn.Linear``).
        """
        key = (path, dotted)
        found = self._resolved.get(key)
        if found is None:
            found = self._resolved[key] = self._resolve(path, dotted, set())
        return found

    def _resolve(self, path: str, dotted: str, seen: set[tuple[str, str]]) -> Symbol | str:
        if self.is_outside(dotted):
            return dotted
        name = dotted.lstrip(".")
        dots = dotted[: len(dotted) - len(name)]
        parts = name.split(".") if name else []
        for cut in range(len(parts), -1 if dots else 0, -1):
            file = self.module_file(path, dots + ".".join(parts[:cut]))
            if file is not None and cut == len(parts):
                return Symbol(file, "")
            if file is not None:
                found = self._find(file, parts[cut:], seen) if seen else self._member(file, parts[cut:])
                return dotted if found is None else found
        return dotted

    def _member(self, file: str, rest: list[str]) -> Symbol | str | None:
        """What a name inside a module stands for; asked of a package by every file that imports it from there."""
        key = (file, ".".join(rest))
        if key not in self._members:
            self._members[key] = self._find(file, rest, set())
        return self._members[key]

    def _find(self, file: str, rest: list[str], seen: set[tuple[str, str]]) -> Symbol | str | None:
        """A name inside a known module: defined there, imported there, or star-imported; None for any other.

        Modules that star-import each other in a ring are each asked once: ``seen`` holds what has been.
        """
        mark = (file, ".".join(rest))
        if mark in seen or len(rest) > _FURTHEST:
            return None
        seen.add(mark)
        head = rest[0]
        for cut in range(len(rest), 0, -1):
            if Symbol(file, ".".join(rest[:cut])) in self._definitions:
                return Symbol(*mark)
        target = self._imports[file].get(head)
        if target is not None:
            return self._resolve(file, ".".join([target, *rest[1:]]) if rest[1:] else target, seen)
        if head in self._constants[file]:
            return Symbol(*mark)
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
        head = name.partition(".")[0]
        is_bound = head in self._imports[path] or head in self._constants[path]
        is_bound = is_bound or Symbol(path, head) in self._definitions
        if not is_bound and path not in self._star_imports:
            return None
        found = self._member(path, name.split("."))
        if isinstance(found, Symbol):
            return found
        return found or name if is_bound else None

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

    def _bases(self, folder: str, dotted: str) -> list[tuple[str, str]]:
        """Where Python may look for a module that a folder's file names, each with the name to look for there."""
        name = dotted.lstrip(".")
        level = len(dotted) - len(name)
        if level:
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            return [(folder, name)]
        return [(base, name) for base in self._search_path(folder)]

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
