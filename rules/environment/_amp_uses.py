"""Where a file names torch's mixed precision: imports, aliases, and every use that they lead to."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...analyzer.flow.guards import Guards, is_for_type_checkers
from ...analyzer.graph.project import Project
from ...analyzer.source.collect import dotted
from ...analyzer.source.facts import IMPORT_STAR, FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Binding, Kind, Scope

SYMBOLS = frozenset({"autocast", "GradScaler", "custom_fwd", "custom_bwd", "is_autocast_available"})
_PARTS = {"": SYMBOLS, ".autocast_mode": SYMBOLS - {"GradScaler"}, ".grad_scaler": frozenset({"GradScaler"})}
_PACKAGES = ("torch.amp", "torch.cuda.amp", "torch.cpu.amp")
MODULES = {package + part: names for package in _PACKAGES for part, names in _PARTS.items()}
MODULES["torch"] = frozenset({"autocast", "GradScaler"})
NAMES = frozenset(f"{module}.{name}" for module, names in MODULES.items() for name in names)
_FURTHEST = 5


@dataclass(frozen=True, eq=False)
class Use:
    """One place that names a symbol. ``alias`` is the assignment that it goes through, if any."""

    module: Module
    node: ast.expr
    name: str
    alias: ast.Assign | None = None


@dataclass(eq=False)
class Source:
    """One import statement that leads to mixed precision, and all that comes through it.

    Attributes:
        statement: the import.
        form: ``from`` (binds the symbol itself), ``module`` (binds a module that holds it), ``root`` (binds torch) or
            ``star``.
        local: the name that the statement binds; empty for ``from`` and ``star``.
        bound: local name and dotted name of each symbol that a ``from`` or ``star`` import binds.
        uses: every unguarded use in the file.
    """

    statement: ast.Import | ast.ImportFrom
    form: str
    local: str = ""
    target: str = ""
    bound: tuple[tuple[str, str], ...] = ()
    uses: list[Use] = field(default_factory=list)
    has_guarded_uses: bool = False


def may_use_amp(facts: FileFacts) -> bool:
    """Whether a file's imports and names can lead to mixed precision."""
    if any(i.target in NAMES or (i.target in MODULES and i.target != "torch") for i in facts.imports):
        return True
    return not facts.names.isdisjoint(NAMES) or any(target in MODULES or target in NAMES for _, target in facts.aliases)


def sources(module: Module, project: Project, concerns: Callable[[str], bool]) -> list[Source]:
    """Every unguarded import of a file that leads to mixed precision, in source order.

    Args:
        module: the file.
        project: the repository.
        concerns: whether a dotted name is of interest; other uses are not looked at closely.
    """
    found = _Finder(module, project, concerns)
    found.imports()
    found.collect()
    return sorted(found.sources.values(), key=lambda s: (s.statement.lineno, s.form))


def name_parts(name: str) -> tuple[str, str]:
    """``torch.cuda.amp.autocast_mode.autocast`` as its package and symbol: ``torch.cuda.amp``, ``autocast``."""
    module, _, symbol = name.rpartition(".")
    return module.removesuffix(".autocast_mode").removesuffix(".grad_scaler"), symbol


class _Finder:
    def __init__(self, module: Module, project: Project, concerns: Callable[[str], bool]) -> None:
        self.module = module
        self.project = project
        self.concerns = concerns
        self.guards = Guards(project)
        self.sources: dict[tuple[int, str], Source] = {}
        self.replaced: set[str] = set()

    def imports(self) -> None:
        """Imports that name mixed precision themselves: they fail or not whether the name is used or not."""
        for node in ast.walk(self.module.tree):
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or getattr(node, "level", 0):
                continue
            source = self._import(node)
            if source is not None and self._runs(node):
                self.sources[id(node), source.local] = source

    def _import(self, node: ast.Import | ast.ImportFrom) -> Source | None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in MODULES and alias.name != "torch":
                    if alias.asname:
                        return Source(node, "module", alias.asname, alias.name)
                    return Source(node, "root", "torch", alias.name)
            return None
        base = node.module or ""
        if node.names[0].name == IMPORT_STAR:
            return Source(node, "star", target=base) if base in MODULES and base != "torch" else None
        bound = [(a.asname or a.name, f"{base}.{a.name}") for a in node.names]
        symbols = tuple((local, name) for local, name in bound if name in NAMES)
        if symbols:
            return Source(node, "from", bound=symbols)
        modules = [(local, name) for local, name in bound if name in MODULES]
        return Source(node, "module", *modules[0]) if modules else None

    def collect(self) -> None:
        """Every use, given to the import that it comes through."""
        locals_ = self._locals()
        for node in ast.walk(self.module.tree):
            is_attribute = isinstance(node, ast.Attribute) and node.attr in SYMBOLS
            if not is_attribute and not (isinstance(node, ast.Name) and node.id in locals_):
                continue
            assert isinstance(node, (ast.Attribute, ast.Name))
            name = self._name(node)
            if name is None:
                continue
            if not isinstance(node.ctx, ast.Load):
                if is_attribute:
                    self.replaced.add(name)
                continue
            self._give(node, name)
        for source in self.sources.values():
            kept = [u for u in source.uses if u.name not in self.replaced]
            source.uses = sorted(kept, key=lambda u: (u.node.lineno, u.node.col_offset))

    def _locals(self) -> set[str]:
        """Names that some scope binds to a symbol."""
        found: set[str] = set()
        for scope in self.module.scopes():
            for key, bindings in scope.bindings.items():
                if any(b.kind in (Kind.IMPORT, Kind.ASSIGN) for b in bindings) and scope.import_target(key) in NAMES:
                    found.add(key)
        if any(s.form == "star" for s in self.sources.values()):
            found |= SYMBOLS
        return found

    def _name(self, node: ast.Attribute | ast.Name) -> str | None:
        name = self.module.local_name(node)
        if name is not None:
            return name if name in NAMES else None
        if isinstance(node, ast.Name) and self.module.scope_of(node).lookup(node.id) is None:
            for source in self.sources.values():
                if source.form == "star" and node.id in MODULES[source.target]:
                    return f"{source.target}.{node.id}"
        return None

    def _give(self, node: ast.Attribute | ast.Name, name: str) -> None:
        source, alias = self._origin(node)
        if source is None:
            return
        guarded = self.concerns(name) and self.guards.guards(self.module, node)
        if guarded or is_for_type_checkers(self.module, node):
            source.has_guarded_uses = True
        elif not any(u.node is node for u in source.uses):
            source.uses.append(Use(self.module, node, name, alias))

    def _origin(self, node: ast.Attribute | ast.Name) -> tuple[Source | None, ast.Assign | None]:
        """The import behind a name, through assignments."""
        alias: ast.Assign | None = None
        current: ast.expr = node
        for _ in range(_FURTHEST):
            head = (dotted(current) or "").partition(".")[0]
            scope = self.module.scope_of(current).lookup(head)
            if scope is None:
                return self._star(head), alias
            binding = _deciding(scope, head)
            if binding is None:
                return None, None
            if binding.kind is Kind.IMPORT:
                return self._source_of(binding, head), alias
            assert isinstance(binding.node, ast.Assign) and binding.value is not None
            alias = alias or binding.node
            current = binding.value
        return None, None

    def _source_of(self, binding: Binding, head: str) -> Source | None:
        statement = binding.node
        assert isinstance(statement, (ast.Import, ast.ImportFrom))
        for local in ("", head, "torch"):
            found = self.sources.get((id(statement), local))
            if found is not None and (local or found.form == "from"):
                return found
        if binding.target != "torch" and not binding.target.startswith("torch."):
            return None
        if binding.target in NAMES or not self._runs(statement):
            return None
        form = "root" if binding.target == "torch" else "module"
        return self.sources.setdefault((id(statement), head), Source(statement, form, head, binding.target))

    def _star(self, name: str) -> Source | None:
        return next((s for s in self.sources.values() if s.form == "star" and name in MODULES[s.target]), None)

    def _runs(self, statement: ast.stmt) -> bool:
        """Whether an import runs unchecked. A check around an import of torch itself says nothing of its parts."""
        if isinstance(statement, ast.Import) and all(a.name.partition(".")[2] == "" for a in statement.names):
            return True
        return not self.guards.guards(self.module, statement) and not is_for_type_checkers(self.module, statement)


def _deciding(scope: Scope, name: str) -> Binding | None:
    """The one binding that gives a name its meaning; None where branches or later statements may give it another."""
    bindings = scope.bindings[name]
    imports = [b for b in bindings if b.kind is Kind.IMPORT]
    if imports:
        same = len({b.target for b in imports}) == 1 and len(imports) == len(bindings)
        return imports[0] if same else None
    only = bindings[0] if len(bindings) == 1 else None
    simple = only is not None and only.kind is Kind.ASSIGN and isinstance(only.node, ast.Assign)
    return only if simple and only is not None and only.value is not None and dotted(only.value) else None


def reexports(project: Project, path: str, local: str) -> tuple[list[tuple[str, str]], bool]:
    """Files that take a top-level name of another file, with the name they give it.

    Args:
        project: the repository.
        path: the file that binds the name.
        local: the name.

    Returns:
        The takers by path and their own name for it (dotted where they use it through its module), and whether some
        file takes everything by a star import.
    """
    takers: list[tuple[str, str]] = []
    by_star = False
    waiting, seen = [(path, local)], {(path, local)}
    while waiting:
        origin, name = waiting.pop()
        for other, own in _takers(project, origin, name):
            if own == IMPORT_STAR:
                by_star = True
            elif (other, own) not in seen:
                seen.add((other, own))
                takers.append((other, own))
                if "." not in own:
                    waiting.append((other, own))
    return takers, by_star


def _takers(project: Project, origin: str, name: str) -> Iterator[tuple[str, str]]:
    for other, facts in project.files.items():
        if other == origin:
            continue
        for item in facts.imports:
            if item.local == IMPORT_STAR:
                if project.symbols.module_file(other, item.target) == origin:
                    yield other, IMPORT_STAR
                continue
            base, _, last = item.target.rpartition(".")
            if last == name and project.symbols.module_file(other, _parent(item.target, base)) == origin:
                yield other, item.local
        for used in facts.names:
            base, _, last = used.rpartition(".")
            if last == name and base and project.symbols.module_file(other, base) == origin:
                yield other, used


def _parent(target: str, base: str) -> str:
    """The module part of an import target; ``.name`` comes from the package itself."""
    dots = target[: len(target) - len(target.lstrip("."))]
    return base if base.strip(".") else dots
