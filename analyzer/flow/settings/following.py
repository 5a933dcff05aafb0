"""The names and attributes through which a configuration goes: forward from an expression to where it is used."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...project.configs import Key
from ...source.facts import IMPORT_STAR
from ...source.reader import Unreadable
from ...source.scopes import Scope, last_name

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module


@dataclass(frozen=True, eq=False)
class Held:
    """An expression that holds what lies under a key; ``box`` is the key of the dictionary that it was put in."""

    module: Module
    node: ast.expr
    key: Key
    box: str = ""


class Following(ABC):
    """A search over everything that may hold a configuration. Names of one scope are one value, whatever the order.

    Args:
        project: the repository.
        paths: the files in which attributes that hold it are looked for.
    """

    def __init__(self, project: Project, paths: tuple[str, ...]) -> None:
        self.project = project
        self.paths = paths
        self.seen: dict[tuple[object, ...], Held] = {}
        self.named: set[tuple[object, ...]] = set()
        self.waiting: list[Held] = []

    @abstractmethod
    def escape(self, held: Held) -> None:
        """What to do where a configuration cannot be followed any further."""

    def go(self, held: Held) -> None:
        """Follow an expression, once."""
        mark = (*_place(held.module, held.node), held.key, held.box)
        if mark not in self.seen:
            self.seen[mark] = held
            self.waiting.append(held)

    def same(self, held: Held, node: ast.expr, module: Module | None = None) -> None:
        """Another expression that holds the same."""
        self.go(Held(module or held.module, node, held.key, held.box))

    def bound(self, held: Held, target: ast.expr) -> None:
        """The configuration is given to a name or attribute: follow every load of it."""
        if isinstance(target, ast.Name):
            self.loads(held, target.id, held.module.scope_of(target))
        elif isinstance(target, ast.Attribute):
            self.attributes(held, target.attr)
        elif isinstance(target, ast.Tuple) and target.elts and isinstance(held.node, ast.Call):
            self.bound(held, target.elts[0])  # args, rest = parser.parse_known_args()
        else:
            self.escape(held)

    def loads(self, held: Held, name: str, scope: Scope) -> None:
        """Every load of the name that a scope's code sees under it, in other files too."""
        home = scope.lookup(name) or scope
        module = held.module
        mark = (*_place(module, home.node), name, held.key, held.box)
        if mark in self.named:
            return
        self.named.add(mark)
        for node in module.loads.get(name, ()):
            if module.scope_of(node).lookup(name) is home:
                self.same(held, node, module)
        if home.parent is None:
            self._imported(held, Symbol(module.path, name))

    def _imported(self, held: Held, symbol: Symbol) -> None:
        """A top-level name in the files that import it."""
        for path, names in self._names_of(symbol).items():
            is_read = names or self._mentions(path, f".{symbol.qualname}")
            module = self.project.try_module(path) if is_read else None
            if module is None:
                continue
            for name in names:
                for node in module.loads.get(name, ()):
                    self.same(held, node, module)
            for node in module.loads.get(f".{symbol.qualname}", ()):
                if self.project.resolve(module, node) == symbol:
                    self.same(held, node, module)

    def _names_of(self, symbol: Symbol) -> dict[str, set[str]]:
        """What each file that imports from a name's file, directly or not, calls that name."""
        symbols, files = self.project.symbols, self.project.files
        named = {
            path: {i.local for i in files[path].imports if symbols.resolve(path, i.target) == symbol}
            for path in self.project.graphs.importers_of(symbol.path)
        }
        # `from package import *` hands on what the package itself calls it.
        known = {symbol.qualname}.union(*named.values())
        for path, names in named.items():
            if any(i.local == IMPORT_STAR for i in files[path].imports):
                names |= {name for name in known if symbols.local(path, name) == symbol}
        return named

    def attributes(self, held: Held, name: str) -> None:
        """Every load of an attribute of that name, whatever object has it."""
        for path in self.paths:
            module = self.project.try_module(path) if self._mentions(path, f".{name}") else None
            for node in module.loads.get(f".{name}", ()) if module is not None else ():
                self.same(held, node, module)

    def _mentions(self, path: str, text: str) -> bool:
        """Whether a file holds a text: opening one is dear."""
        self.project.consulted.add(path)
        try:
            return text.encode() in self.project.sources.read(path)
        except Unreadable:
            return False

    def in_tuple(self, held: Held, above: ast.Tuple) -> None:
        """One of several values that are returned or assigned together."""
        position = next(n for n, e in enumerate(above.elts) if e is held.node)
        parent = held.module.parent(above)
        if isinstance(parent, ast.Return):
            self.returned(held, position)
            return
        targets = parent.targets if isinstance(parent, ast.Assign) else []
        for target in targets:
            if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(above.elts):
                self.bound(held, target.elts[position])
            else:
                self.escape(held)

    def returned(self, held: Held, position: int | None) -> None:
        """A function gives the configuration back: follow its calls."""
        scope = held.module.scope_of(held.node)
        if not scope.qualname or isinstance(scope.node, ast.Lambda):
            self.escape(held)
            return
        name = scope.qualname.rpartition(".")[2]
        decorated = {last_name(d) for d in getattr(scope.node, "decorator_list", ())}
        if decorated & {"property", "cached_property"}:
            self.attributes(held, name)
            return
        symbol = Symbol(held.module.path, scope.qualname)
        is_method = scope.parent is not None and scope.parent.is_class
        sites = self.project.possible_call_sites(name) if is_method else self.project.call_sites(symbol)
        if not sites:
            self.escape(held)  # somebody else's code calls it
        for site in sites:
            module = self.project.try_module(site.path)
            for call in module.calls_on(site.line) if module is not None else ():
                if module is None or last_name(call.func) != name:
                    continue
                if position is None:
                    self.same(held, call, module)
                else:
                    self._unpacked(Held(module, call, held.key, held.box), position)

    def _unpacked(self, held: Held, position: int) -> None:
        above = held.module.parent(held.node)
        target = above.targets[0] if isinstance(above, ast.Assign) else None
        if isinstance(target, (ast.Tuple, ast.List)) and position < len(target.elts):
            self.bound(held, target.elts[position])
        else:
            self.escape(held)


def _place(module: Module, node: ast.AST) -> tuple[object, ...]:
    """What stays the same of a node when its file is closed and opened again."""
    return module.path, *(getattr(node, name, 0) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"))
