"""The whole repository as the rules see it: files, names, callers, graphs, dependency ranges."""

from __future__ import annotations

import gc
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..findings import Problem
from ..source.collect import dotted
from ..source.facts import Call, FileFacts
from ..source.module import Module
from ..source.parsed import Parsed
from ..source.reader import Sources, Text, Unreadable, decode, parse
from .symbols import Symbol, SymbolTable

if TYPE_CHECKING:
    import ast

    from ..flow.values.flow import Flow
    from ..project.configs import ConfigFiles
    from ..project.dependencies import DependencyTable
    from ..project.labels import LabelFiles
    from ..source.syntax import Syntax
    from .graphs import Graphs
    from .reach import Reach

_OPEN_LINES, _OPEN_SHARE = 30_000, 0.05
"""How many lines are open at a time, and what share of the project besides: the larger it is, the further apart are the
files that ask for each other."""
_LONGEST_COUNTED = 4_000
"""Lines of one file that count: a giant must not close all others whenever it is opened."""
_LEFT_OPEN = 0.75
"""How much stays open when some files are closed."""
_CLOSED_A_COLLECTION = 512


class CallSite(NamedTuple):
    """A call of a project's function or class: where it stands."""

    path: str
    line: int
    scope: str


class Project:
    """Read-only view of a repository. Picklable before its first use; everything else is made on demand.

    Args:
        sources: where files are read from.
        files: facts of every readable Python file, by relative path.
        dependencies: what the repository says of the packages it needs.
        data_files: relative paths of all other files (configs, text), as found.
        console_scripts: dotted modules that the packaging metadata installs as commands.
    """

    def __init__(
        self,
        sources: Sources,
        files: Mapping[str, FileFacts],
        dependencies: DependencyTable,
        data_files: Iterable[str] = (),
        console_scripts: Iterable[str] = (),
    ) -> None:
        self.sources = sources
        self.files = files
        self.dependencies = dependencies
        self.data_files = tuple(data_files)
        self.console_scripts = tuple(console_scripts)
        self.symbols = SymbolTable(files)
        self.parsed = Parsed()
        """Files that need not be parsed again."""
        self._modules: OrderedDict[str, Module] = OrderedDict()
        self._open_lines = 0
        self._closed = 0
        self._call_sites: dict[str, dict[Symbol, list[CallSite]]] = {}
        self._possible_sites: dict[str, tuple[CallSite, ...]] = {}
        self._sites_on_objects: dict[str, tuple[CallSite, ...]] = {}
        self.consulted: set[str] = set()
        """Paths that the rule at work has looked into, for the cache; the engine clears it."""
        self.problems: list[Problem] = []
        """What the rule at work found wrong with files other than its own; the engine clears it."""

    def __reduce__(self) -> tuple[object, ...]:
        state = (self.sources, self.files, self.dependencies, self.data_files, self.console_scripts)
        return (Project, state)

    def without(self, paths: Iterable[str]) -> Project:
        """The project with some files left out, for a process that knows them."""
        left = {*paths}
        return self._of({p: f for p, f in self.files.items() if p not in left})

    def having(self, files: Mapping[str, FileFacts]) -> Project:
        """The project with the facts of more files."""
        return self._of(dict(sorted({**self.files, **files}.items())))

    def _of(self, files: Mapping[str, FileFacts]) -> Project:
        return Project(self.sources, files, self.dependencies, self.data_files, self.console_scripts)

    def module(self, path: str) -> Module:
        """A file opened for a close look, parsed on first use and kept while it is in use.

        Raises:
            Unreadable: it changed since its facts were read and cannot be read any more.
        """
        self.consulted.add(path)
        found = self._modules.get(path)
        if found is not None:
            self._modules.move_to_end(path)
            return found
        kept = self.parsed.find(path, self.files[path].digest)
        if kept is not None:
            text, syntax = kept
            return self.adopt(text, syntax.tree, syntax)
        text = decode(path, self.sources.read(path))
        return self.adopt(text, parse(text))

    def read_other(self, path: str) -> bytes:
        """The bytes of a file that is no Python (a config): the way for rules to read one, since the cache is told.

        Raises:
            Unreadable: it is too large, or the system refuses it.
        """
        self.consulted.add(path)
        return self.sources.read(path)

    def adopt(self, text: Text, tree: ast.Module, syntax: Syntax | None = None) -> Module:
        """Keep an already parsed file open."""
        module = Module(text, tree, self.files[text.path], syntax)
        self._modules[text.path] = module
        self._open_lines += min(module.facts.lines, _LONGEST_COUNTED)
        if self._open_lines > self._most_open:
            self._close_some()
        return module

    @cached_property
    def _most_open(self) -> int:
        return _OPEN_LINES + int(_OPEN_SHARE * sum(f.lines for f in self.files.values()))

    def _close_some(self) -> None:
        """Close the files whose last use is longest ago, but never the last one."""
        while len(self._modules) > 1 and self._open_lines > self._most_open * _LEFT_OPEN:
            _, module = self._modules.popitem(last=False)
            self._open_lines -= min(module.facts.lines, _LONGEST_COUNTED)
            self._closed += 1
        self.flow.forget()
        # Closed files go without the collector, but for bindings that follow each other in loops.
        if self._closed >= _CLOSED_A_COLLECTION:
            self._closed = 0
            gc.collect()

    def try_module(self, path: str) -> Module | None:
        """Like :meth:`module`, None where the file cannot be read."""
        try:
            return self.module(path)
        except Unreadable:
            return None

    @cached_property
    def flow(self) -> Flow:
        """Values through functions and across calls."""
        from ..flow.values.flow import Flow

        return Flow(self)

    @cached_property
    def configs(self) -> ConfigFiles:
        """The repository's configuration files."""
        from ..project.configs import ConfigFiles

        return ConfigFiles(self.data_files, self.read_other, self.consulted.add, self.problems.append)

    @cached_property
    def labels(self) -> LabelFiles:
        """The repository's label files, counted where that needs no run."""
        from ..project.labels import LabelFiles

        return LabelFiles(self.data_files, self.read_other, self.problems.append)

    @cached_property
    def graphs(self) -> Graphs:
        """The networkx graphs: imports, classes, calls and instantiation, reachability."""
        from .graphs import Graphs

        return Graphs(self)

    @cached_property
    def reach(self) -> Reach:
        """What entry points get to, function by function and class by class."""
        from .reach import Reach

        return Reach(self)

    def resolve(self, module: Module, node: ast.expr) -> Symbol | str | None:
        """What a name or attribute chain stands for: a symbol of the project, an outside dotted name, or None.

        None means a local value (a parameter, a variable); ask :attr:`flow` about those.
        """
        chain = dotted(node)
        if chain is None:
            return None
        head, _, rest = chain.partition(".")
        scope = module.scope_of(node)
        target = scope.import_target(head)
        if target is not None:
            return self.symbols.resolve(module.path, f"{target}.{rest}" if rest else target)
        home = scope.lookup(head)
        if home is None:
            found = self.symbols.local(module.path, chain)  # through a star import
            return found if found is not None else chain if not rest else None
        bindings = home.bindings[head]
        if any(b.kind.value == "define" for b in bindings):
            qualname = f"{home.qualname}.{chain}" if home.qualname else chain
            return Symbol(module.path, qualname)
        return None

    def external(self, module: Module, node: ast.expr) -> str | None:
        """The dotted name of something outside of the project, re-exports followed; None for all else."""
        found = self.resolve(module, node)
        return found if isinstance(found, str) else None

    @cached_property
    def _calls_by_last_name(self) -> dict[str, list[tuple[str, Call]]]:
        table: dict[str, list[tuple[str, Call]]] = defaultdict(list)
        for path, facts in self.files.items():
            for call in facts.calls:
                table[call.callee.rpartition(".")[2]].append((path, call))
        return dict(table)

    def called(self, path: str, call: Call) -> Symbol | None:
        """The project's function or class that a recorded call names; None for outside or unknown ones."""
        callee = call.callee
        if callee.startswith("?."):
            return None
        if callee.startswith(("self.", "cls.")):
            rest = callee.partition(".")[2]
            if "." in rest:
                return None
            owner = call.scope.rpartition(".")[0]
            while owner and self.symbols.klass(Symbol(path, owner)) is None:
                owner = owner.rpartition(".")[0]
            return self.symbols.method(Symbol(path, owner), rest) if owner else None
        if call.scope:
            nested = Symbol(path, f"{call.scope}.{callee}")
            if self.symbols.function(nested) or self.symbols.klass(nested):
                return nested
        local = self.symbols.local(path, callee)
        if local is not None and "." in callee and self._is_imported(path, callee):
            local = None  # `trainer = Trainer()` after `from trainer import Trainer`: the variable is not the module
        found = local if local is not None else self.symbols.resolve(path, callee)
        return found if isinstance(found, Symbol) and found.qualname else None

    def _is_imported(self, path: str, dotted: str) -> bool:
        """Whether an import of a file binds a dotted name, or what it is a part of."""
        return any(f"{dotted}.".startswith(f"{i.target}.") for i in self.files[path].imports)

    def call_sites(self, symbol: Symbol) -> list[CallSite]:
        """Where a function, class or method is called, by resolved name (not through unknown receivers)."""
        name = symbol.qualname.rpartition(".")[2]
        if name not in self._call_sites:
            found = self._call_sites[name] = defaultdict(list)
            for path, call in self._calls_by_last_name.get(name, ()):
                target = self.called(path, call)
                if target is not None:
                    found[target].append(CallSite(path, call.line, call.scope))
        sites = self._call_sites[name].get(symbol, [])
        self.consulted.update(s.path for s in sites)
        return [*sites]

    def possible_call_sites(self, name: str) -> tuple[CallSite, ...]:
        """Every call whose last name is ``name``, whatever its receiver: a superset for methods."""
        if name not in self._possible_sites:
            calls = self._calls_by_last_name.get(name, ())
            self._possible_sites[name] = tuple([CallSite(path, call.line, call.scope) for path, call in calls])
        return self._possible_sites[name]

    def call_sites_on_objects(self, name: str) -> tuple[CallSite, ...]:
        """Every call of a method ``name`` on a value: not on ``self``, nor by an import of the function itself."""
        if name not in self._sites_on_objects:
            calls = [c for c in self._calls_by_last_name.get(name, ()) if self._is_on_object(*c)]
            self._sites_on_objects[name] = tuple([CallSite(path, call.line, call.scope) for path, call in calls])
        return self._sites_on_objects[name]

    def _is_on_object(self, path: str, call: Call) -> bool:
        callee = call.callee
        if callee.startswith(("self.", "cls.")):
            return callee.count(".") > 1
        if callee.startswith("?.") or "." not in callee:
            return callee.startswith("?.")
        # ``trainer.fit()`` of a trainer that another file of the project makes.
        found = self.called(path, call)
        return found is not None and self.symbols.function(found) is None and self.symbols.klass(found) is None
