"""Rewrites an import of mixed precision and every use of what it binds, as one change."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import libcst as cst

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.collect import dotted
from ...analyzer.source.module import Module
from .. import imports
from ..surgery import insert_after, replace_node, rewrite_expression
from ._amp_bases import base_edits
from ._amp_calls import rewritten

_Node = TypeVar("_Node", bound=ast.AST)
_CHANGED = "the file changed since it was scanned: scan again"


def fix(finding: Finding, project: Project) -> Fix:
    """The edits of one import and its uses.

    Raises:
        NoFix: a use that cannot be followed, an argument with no place in the new spelling, or a name already taken.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    change = _Change(module, project, repair)
    change.plan()
    edits = [edit for edit in (*change.import_edits(), *change.use_edits()) if not _is_idle(project, edit)]
    if not edits:
        raise NoFix("the import has no spelling to move to")
    return Fix(Applicability.SAFE, change.title(), tuple(dict.fromkeys(edits)))


def _is_idle(project: Project, edit: Edit) -> bool:
    module = project.module(edit.path)
    start, end = (module.line_starts[line - 1] + column - 1 for line, column in (edit.start, edit.end))
    return module.text[start:end] == edit.text


class _Change:
    def __init__(self, module: Module, project: Project, repair: Mapping[str, Any]) -> None:
        self.module = module
        self.project = project
        self.form: str = repair["form"]
        self.local: str = repair["local"]
        self.target: str = repair["target"]
        self.moves: dict[str, dict[str, Any]] = repair["moves"]
        self.missing: tuple[str, ...] = repair["missing"]
        self.uses: list[dict[str, Any]] = list(repair["uses"])
        statement = _node_at(module, repair["statement"], ast.stmt)
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            raise NoFix(_CHANGED)
        self.statement = statement
        self.spelled: dict[str, str] = {}
        """For each dotted name in the code the text that names it from now on; none where its local name stays."""
        self.added: list[Edit] = []

    def title(self) -> str:
        """What the fix does, in the imperative."""
        plain, tried = set[str](), set[str]()
        for name, move in self.moves.items():
            symbol = name.rpartition(".")[2]
            falls_back = move["also"] and "." not in self.spelled.get(name, "")
            (tried if falls_back else plain).add(f"`{move['module']}.{symbol}`")
        parts = [f"use {' and '.join(sorted(plain))}"] if plain else []
        parts += [f"fall back on {' and '.join(sorted(tried))}"] if tried else []
        return f"{' and '.join(parts) or 'use `torch.cuda.amp`'}, in the import and its uses"

    def plan(self) -> None:
        """Decide how the uses are spelled, and which imports that needs."""
        if self.form in ("from", "star"):
            return
        if self.form == "module" and self._can_rebind():
            return
        for name, move in self.moves.items():
            symbol = name.rpartition(".")[2]
            if move["also"] and self._can_import(symbol):
                self.spelled[name] = symbol
            elif self.form == "root" or (head := self._torch()) is None:
                self.spelled[name] = self._spell_out(name, move, symbol)
            else:
                self.spelled[name] = f"{head}{move['module'].removeprefix('torch')}.{symbol}"
        self.added = self._imports_to_add()

    def _spell_out(self, name: str, move: dict[str, Any], symbol: str) -> str:
        if self.form == "root":
            return f"{self.local}{move['module'].removeprefix('torch')}.{symbol}"
        if not self._can_import(symbol):
            raise NoFix(f"`{symbol}` already names something else here: import `{move['module']}` under a free name")
        return symbol

    def _torch(self) -> str | None:
        """The name that an import at top level gives torch."""
        return imports.name_of(self.module, "torch", self.module.tree.body[-1])

    def _can_import(self, symbol: str) -> bool:
        return imports.is_free(self.module, symbol) and imports.stands_alone(self.module, self.statement)

    def _can_rebind(self) -> bool:
        """Whether the import can bind another module under the same name, so that the uses keep it."""
        homes = {m["module"] for m in self.moves.values()}
        if len(homes) != 1 or homes == {"torch"} or any(m["also"] for m in self.moves.values()):
            return False
        heads = {id(_head(node)) for node in self._own_nodes()} | {id(n) for n in self._alias_heads()}
        names = {n for n in self.moves if n.rpartition(".")[0] == self.target}
        if names != set(self.moves):
            return False
        return not imports.other_loads(self.module, self.project, self.statement, self.local, heads)

    def _own_nodes(self) -> Iterator[ast.expr]:
        for use in self.uses:
            if use["path"] == self.module.path:
                yield _node_at(self.module, use["span"], ast.expr)

    def _alias_heads(self) -> Iterator[ast.Name]:
        for alias in self._aliases():
            head = _head(alias.value)
            if head is not None:
                yield head

    def _aliases(self) -> list[ast.Assign]:
        spans = {tuple(use["alias"]) for use in self.uses if use["alias"] is not None}
        found = [_node_at(self.module, span, ast.stmt) for span in sorted(spans)]
        return [node for node in found if isinstance(node, ast.Assign)]

    def import_edits(self) -> list[Edit]:
        """What becomes of the import statement itself."""
        if self.form == "from":
            return self._from_edits()
        if self.form == "star":
            return self._star_edits()
        if self.form == "module" and not self.spelled:
            return [self._rebound()]
        edits = [*self.added, *self._root_edits()]
        heads = {id(_head(n)) for n in self._own_nodes() if self._is_respelled(n)}
        if imports.other_loads(self.module, self.project, self.statement, self.local, heads):
            if self.form == "module" and self.missing:
                raise NoFix(f"`{self.local}` is used for more than what can be moved")
            return edits
        return [*self.added, imports.drop(self.module, self.statement, self.local)] if heads else edits

    def _is_respelled(self, node: ast.expr) -> bool:
        """Whether a use no longer goes through the name that the import binds."""
        name = self.module.local_name(node)
        return name in self.spelled and not self.spelled[name].startswith(f"{self.local}.")

    def _from_edits(self) -> list[Edit]:
        statement = self.statement
        assert isinstance(statement, ast.ImportFrom)
        base = statement.module or ""
        moved = {
            imports.bound_name(a, statement): (a.name, self.moves[f"{base}.{a.name}"])
            for a in statement.names
            if f"{base}.{a.name}" in self.moves
        }
        homes = {move["module"] for _, move in moved.values()}
        tries = any(move["also"] for _, move in moved.values())
        if len(moved) == len(statement.names) and len(homes) == 1 and not tries:
            return [imports.retarget(self.module, statement, homes.pop())]
        if not imports.stands_alone(self.module, statement):
            raise NoFix("the import shares its line with other code: put it on a line of its own")
        rest = imports.without(self.module, statement, moved)
        lines = [*rest.splitlines(), *self._import_lines(moved)]
        return [imports.replace_lines(self.module, statement, lines)]

    def _import_lines(self, moved: dict[str, tuple[str, dict[str, Any]]]) -> list[str]:
        """Import lines for local names, each with its symbol and move: plain ones, then those that fall back."""
        lines: list[str] = []
        plain = imports.grouped({own: move["module"] for own, (_, move) in moved.items() if not move["also"]})
        for home, locals_ in plain.items():
            lines.append(imports.from_import(home, [(moved[own][0], own) for own in locals_]))
        tried = imports.grouped({own: move["also"] for own, (_, move) in moved.items() if move["also"]})
        for home, locals_ in tried.items():
            pairs = [(moved[own][0], own) for own in locals_]
            move = moved[locals_[0]][1]
            reason = f"torch before {move['since'].removesuffix('.0')}"
            first, instead = imports.from_import(home, pairs), imports.from_import(move["module"], pairs)
            lines += imports.guarded_import([first], instead, reason, imports.indent_unit(self.module))
        return lines

    def _star_edits(self) -> list[Edit]:
        if not imports.stands_alone(self.module, self.statement):
            raise NoFix("the import shares its line with other code: put it on a line of its own")
        used = {use["name"]: self.moves[use["name"]] for use in self.uses if use["name"] in self.moves}
        names = {use.rpartition(".")[2]: (use.rpartition(".")[2], move) for use, move in used.items()}
        others = self._star_names() - set(names)
        kept = [imports.from_import(self.target, [(n, n) for n in sorted(others)])] if others else []
        lines = [*kept, *self._import_lines(names)]
        if not lines:
            raise NoFix("nothing of it is used here: remove the import")
        return [imports.replace_lines(self.module, self.statement, lines)]

    def _star_names(self) -> set[str]:
        """Symbols used through the star import that stay where they are."""
        return {use["name"].rpartition(".")[2] for use in self.uses}

    def _root_edits(self) -> list[Edit]:
        """`import torch.amp` itself fails where the package is missing: import what takes its place."""
        statement = self.statement
        if not isinstance(statement, ast.Import) or self.target == "torch":
            return []
        homes = {m["module"] for m in self.moves.values() if not self.spelled} or {
            m["module"] for m in self.moves.values()
        }
        if self.target not in self.missing and not any(n.startswith(self.target) for n in self.moves):
            return []
        if (
            imports.other_loads(self.module, self.project, statement, "torch", set())
            and self.target not in self.missing
        ):
            return []
        home = next(iter(sorted(homes)), "torch.cuda.amp")
        alias = next(a for a in statement.names if a.name == self.target)
        return [replace_node(self.module, alias, home)]

    def _rebound(self) -> Edit:
        """The same local name for another module, in the shape of the old import."""
        home = next(iter(self.moves.values()))["module"]
        statement = self.statement
        package, _, name = home.rpartition(".")
        alias = next(a for a in statement.names if imports.bound_name(a, statement) == self.local)
        if isinstance(statement, ast.Import):
            return replace_node(self.module, alias, f"{home} as {self.local}")
        if len(statement.names) == 1 and alias.name == name:
            return imports.retarget(self.module, statement, package)
        line = imports.from_import(package, [(name, self.local)])
        if not imports.stands_alone(self.module, statement):
            raise NoFix("the import shares its line with other code: put it on a line of its own")
        rest = imports.without(self.module, statement, {self.local}).splitlines()
        return imports.replace_lines(self.module, statement, [*rest, line])

    def _imports_to_add(self) -> list[Edit]:
        new = {own: (own, self.moves[name]) for name, own in self.spelled.items() if "." not in own}
        if not new:
            return []
        last = imports.last_of_imports(self.module, self.statement)
        if not imports.stands_alone(self.module, last):
            raise NoFix("the imports share their line with other code: put them on lines of their own")
        return [insert_after(self.module, last, *self._import_lines(new))]

    def use_edits(self) -> list[Edit]:
        """Each use in its new spelling, with its arguments where they belong."""
        edits: list[Edit] = []
        followed = {id(alias.value) for alias in self._aliases()}
        for use in self.uses:
            if use["name"] not in self.moves:
                continue
            module = self.module if use["path"] == self.module.path else self.project.module(use["path"])
            node = _node_at(module, use["span"], ast.expr)
            alias = _node_at(module, use["alias"], ast.stmt) if use["alias"] is not None else None
            text = self.spelled.get(use["name"])
            if alias is not None:
                assert isinstance(alias, ast.Assign)
                if module.local_name(alias.value) == use["name"]:
                    text = None  # the assignment's own value is a use too, and is spelled anew there
                elif text is not None and self.form == "root":
                    edits += self._alias_edit(module, alias)
                    text = None
            elif self.form in ("from", "star") or module is not self.module:
                text = None
            edits += use_edit(module, self.project, node, text, self.moves[use["name"]], id(node) in followed)
        return edits

    def _alias_edit(self, module: Module, alias: ast.Assign) -> list[Edit]:
        """`amp = torch.cuda.amp` holds another module from now on."""
        homes = {m["module"] for m in self.moves.values()}
        names = {n.rpartition(".")[0] for n in self.moves}
        if len(homes) != 1 or homes == {"torch"} or len(names) != 1 or any(m["also"] for m in self.moves.values()):
            line = alias.lineno
            raise NoFix(
                f"line {line} gives a module a name whose uses have to come from different modules: use `torch`"
            )
        if module.local_name(alias.value) not in names:
            raise NoFix(f"line {alias.lineno} gives a part of torch a name that cannot be followed")
        return [replace_node(module, alias.value, f"{self.local}{homes.pop().removeprefix('torch')}")]


def use_edit(
    module: Module, project: Project, node: ast.expr, text: str | None, move: dict[str, Any], is_followed: bool
) -> list[Edit]:
    """The edits of one use.

    Args:
        module: its file.
        project: the repository.
        node: the name or attribute chain.
        text: its new spelling; None where it stays.
        move: the parameters on both sides.
        is_followed: whether the value goes to a name whose uses are all known.

    Raises:
        NoFix: the use cannot be followed.
    """
    parent = module.parent(node)

    def new_call(skip: int) -> list[Edit]:
        def change(old: cst.BaseExpression) -> cst.BaseExpression:
            assert isinstance(old, cst.Call) and isinstance(parent, ast.Call)
            call = rewritten(module, parent, old, move, skip)
            if text is not None:
                call = _respelled(call, text, skip)
            # Old releases' custom_bwd is the decorator itself, not something that makes one.
            is_bare = _is_custom(move) and not call.args and bool(old.args) and _is_decorator(module, parent)
            return call.func if is_bare else call

        assert isinstance(parent, ast.Call)
        return [rewrite_expression(module, parent, change)]

    if isinstance(parent, ast.Call) and parent.func is node:
        return new_call(0)
    if (
        isinstance(parent, ast.Call)
        and parent.args[:1] == [node]
        and project.external(module, parent.func) == "functools.partial"
    ):
        named = {k.arg for k in parent.keywords}
        if "enabled" not in named and not _same(move) and move["module"] != "torch.cuda.amp":
            raise NoFix(f"line {node.lineno} hands on a partial call whose later arguments cannot be followed")
        return new_call(1)
    renamed = [replace_node(module, node, text)] if text is not None else []
    if isinstance(parent, ast.ClassDef) and node in parent.bases:
        return [*renamed, *base_edits(module, project, parent, move)]
    if _same(move) or is_followed or _only_names(module, node):
        return renamed
    if _is_custom(move) and isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if "device_type" in move["source"]:
            return renamed
        named = text or module.segment(node)
        return [replace_node(module, node, f'{named}(device_type="{move["device"]}")')]
    raise NoFix(
        f"line {node.lineno} hands `{module.snippet(node)}` on as a value: the call that follows cannot be told"
    )


def _respelled(call: cst.Call, text: str, skip: int) -> cst.Call:
    name = cst.parse_expression(text)
    if skip == 0:
        return call.with_changes(func=name)
    first = call.args[0].with_changes(value=name)
    return call.with_changes(args=[first, *call.args[1:]])


def _same(move: dict[str, Any]) -> bool:
    return all(tuple(t) == tuple(move["source"]) for t in move["parameters"])


def _is_custom(move: dict[str, Any]) -> bool:
    return any(p in ("fwd", "bwd") for p in move["source"])


def _is_decorator(module: Module, call: ast.Call) -> bool:
    above = module.parent(call)
    return isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)) and call in above.decorator_list


def _only_names(module: Module, node: ast.expr) -> bool:
    """Whether the class is only named: an annotation, `isinstance`, a comparison of types."""
    child: ast.AST = node
    for parent in module.ancestors(node):
        if getattr(parent, "annotation", None) is child or getattr(parent, "returns", None) is child:
            return True
        if isinstance(parent, ast.Call):
            name = getattr(parent.func, "id", "")
            return name in ("isinstance", "issubclass") and child in parent.args[1:]
        if isinstance(parent, ast.Compare):
            return all(isinstance(o, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)) for o in parent.ops)
        if isinstance(parent, ast.stmt):
            return False
        child = parent
    return False


def _head(node: ast.AST) -> ast.Name | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node if isinstance(node, ast.Name) and dotted(node) else None


def _node_at(module: Module, span: Sequence[int], kind: type[_Node]) -> _Node:
    start, end = span
    for node in ast.walk(module.tree):
        if isinstance(node, kind) and module.span(node) == (start, end):
            return node
    raise NoFix(_CHANGED)
