"""One file opened for a close look: its tree with parents, scopes and exact positions, made on first use."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from ..findings import Evidence, Location
from .collect import dotted, syntax_of
from .facts import FileFacts
from .links import Links, first_line
from .nodes import child_fields, walk
from .reader import Text, line_starts
from .scopes import Scope, module_scope
from .syntax import Syntax, in_order

_LONGEST_SNIPPET = 72
_CHAINS = frozenset({ast.Name, ast.Attribute})


class Module:
    """A parsed file. Rules ask it about nodes; codemods about positions."""

    def __init__(self, text: Text, tree: ast.Module, facts: FileFacts, syntax: Syntax | None = None) -> None:
        self.source = text
        self.path = text.path
        self.text = text.text
        self.tree = tree
        self.facts = facts
        if syntax is not None:
            self.syntax = syntax

    def __repr__(self) -> str:
        return f"Module({self.path!r})"

    @cached_property
    def syntax(self) -> Syntax:
        """Its nodes by their kinds."""
        return syntax_of(self.tree)

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset in :attr:`text` of each line's first character."""
        return line_starts(self.text)

    def line(self, number: int) -> str:
        """One line's text, without its ending."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def offset(self, line: int, byte_column: int) -> int:
        """Offset in :attr:`text` of one of ``ast``'s positions, whose columns count UTF-8 bytes."""
        start = self.line_starts[line - 1]
        prefix = self.text[start : start + byte_column]
        if not prefix.isascii():
            prefix = self.line(line).encode()[:byte_column].decode(errors="ignore")
        return start + len(prefix)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Offsets in :attr:`text` of a node's first character and past its last."""
        return (
            self.offset(node.lineno, node.col_offset),  # pyright: ignore[reportAttributeAccessIssue]
            self.offset(node.end_lineno, node.end_col_offset),  # pyright: ignore[reportAttributeAccessIssue]
        )

    def segment(self, node: ast.AST) -> str:
        """A node's text as written."""
        start, end = self.span(node)
        return self.text[start:end]

    def snippet(self, node: ast.AST) -> str:
        """A node's text on one line, shortened, for messages."""
        text = " ".join(self.segment(node).split())
        return text if len(text) <= _LONGEST_SNIPPET else text[: _LONGEST_SNIPPET - 3] + "..."

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of an offset in :attr:`text`."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def location(self, node: ast.AST) -> Location:
        """A node's span; of a function, class or other compound statement, its header's first line."""
        if isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.With, ast.If)
        ):
            line = node.lineno
            column = self.offset(line, node.col_offset) - self.line_starts[line - 1] + 1
            return Location(self.path, line, column, line, len(self.line(line)) + 1)
        if isinstance(node, ast.Module):
            return Location(self.path, 1, 1, 1, 1)
        start, end = self.span(node)
        return Location(self.path, *self.position(start), *self.position(end))

    def line_text(self, node: ast.AST) -> str:
        """The first line of a node."""
        return self.line(getattr(node, "lineno", 1))

    def evidence(self, node: ast.AST, note: str) -> Evidence:
        """A piece of evidence at a node."""
        place = node.target if isinstance(node, ast.comprehension) else node  # a comprehension has no line of its own
        return Evidence(self.path, getattr(place, "lineno", 1), note)

    @cached_property
    def _links(self) -> Links:
        return Links(self.tree, self.root_scope)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds this one, None for the module."""
        return self._links.parent(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """From the node's parent up to the module."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that holds an expression, or the node itself where it is one."""
        while not isinstance(node, ast.stmt):
            above = self.parent(node)
            if above is None:
                raise ValueError("a module is no part of a statement")
            node = above
        return node

    @cached_property
    def root_scope(self) -> Scope:
        """The module's own scope, with all nested ones below it."""
        return module_scope(self.tree)

    def scopes(self) -> Iterator[Scope]:
        """Every scope of the file, the module's first."""
        stack = [self.root_scope]
        while stack:
            scope = stack.pop()
            yield scope
            stack.extend(scope.children)

    def scope_of(self, node: ast.AST) -> Scope:
        """The scope in which a node is evaluated; a function's or class's own node stands in the one around it."""
        return self._links.home(node)

    def scope_at(self, node: ast.AST) -> Scope:
        """The scope that a function, lambda, class or module node opens."""
        opened = self.root_scope if node is self.tree else self.scope_of(node).opened_by(node)
        if opened is None:
            raise KeyError(f"{self.path}: line {getattr(node, 'lineno', 0)} opens no scope")
        return opened

    def scope_named(self, qualname: str) -> Scope | None:
        """The last-defined scope of that qualified name (``Net.forward``), None where there is none."""
        found = [self.root_scope]
        for name in qualname.split(".") if qualname else ():
            found = [c for scope in found for c in scope.children if c.qualname.rpartition(".")[2] == name]
        return max(found, key=lambda s: getattr(s.node, "lineno", 0), default=None)

    def qualname(self, node: ast.AST) -> str:
        """Qualified name of the function or class around a node, "" at top level."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self.scope_at(node).qualname
        return self.scope_of(node).qualname

    def local_name(self, node: ast.expr) -> str | None:
        """Dotted name of an expression through this file's imports and aliases, exactly scoped.

        ``amp.autocast`` after ``from torch.cuda import amp`` is ``torch.cuda.amp.autocast``. A relative import keeps
        its dots. None for anything that is not a chain of names rooted in an import.
        """
        chain = dotted(node)
        if chain is None:
            return None
        head, _, rest = chain.partition(".")
        target = self.scope_of(node).import_target(head)
        if target is None:
            return None
        return f"{target}.{rest}" if rest else target

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the file but operators and contexts, parents before what they hold, in source order."""
        return walk(self.tree)

    @cached_property
    def renamed(self) -> frozenset[str]:
        """The names that an import or an assignment may have given to something that is called otherwise."""
        names = {i.local for i in self.facts.imports if i.target.rpartition(".")[2] != i.local}
        set_so: list[ast.Assign | ast.AnnAssign | ast.NamedExpr] = [*self.syntax.assignments]
        if ":=" in self.text:
            set_so += [n for n in self.nodes if isinstance(n, ast.NamedExpr)]
        for node in set_so:
            if type(node.value) in _CHAINS:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {t.id for t in targets if isinstance(t, ast.Name)}
        return frozenset(names)

    def may_be(self, node: ast.expr, names: frozenset[str]) -> bool:
        """Whether the dotted name of an expression may end in one of some names: a quick look before resolving it."""
        if type(node) is ast.Attribute:
            return node.attr in names
        return type(node) is ast.Name and (node.id in names or node.id in self.renamed)

    @cached_property
    def loads(self) -> dict[str, list[ast.expr]]:
        """The names that are read, and the attributes under a dot and their last name (``.lr``), in source order."""
        found: dict[str, list[ast.expr]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.setdefault(f".{node.attr}", []).append(node)
        return found

    def calls(self) -> Iterator[ast.Call]:
        """Every call of the file but those in annotations, in source order."""
        yield from self._calls

    @cached_property
    def _calls(self) -> list[ast.Call]:
        return in_order(self.syntax.calls)

    def calls_on(self, line: int) -> list[ast.Call]:
        """The calls that start on a line, in source order."""
        found = self._calls_by_line.get(line)
        if found is None:
            parts = _parts_on(line, self.tree.body)
            calls = [n for part in parts for n in walk(part) if type(n) is ast.Call and n.lineno == line]
            found = self._calls_by_line[line] = in_order(calls)
        return found

    @cached_property
    def _calls_by_line(self) -> dict[int, list[ast.Call]]:
        return {}


def _parts_on(line: int, body: list[ast.stmt]) -> list[ast.AST]:
    """The parts of a file around a line: the innermost statements, and the heads of those around them."""
    found: list[ast.AST] = []
    for statement in body:
        if not first_line(statement) <= line <= (statement.end_lineno or statement.lineno):
            continue
        if not isinstance(getattr(statement, "body", None), list):
            found.append(statement)
            continue
        for name in child_fields(type(statement)):
            part = getattr(statement, name)
            if isinstance(part, list) and part and isinstance(part[0], ast.stmt):
                found += _parts_on(line, part)
            else:
                found += part if isinstance(part, list) else [part]
    return found
