"""What is around each node of a file: its parent, and the scope in which it is evaluated."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from .nodes import LEAVES, child_fields, children
from .scopes import SCOPE_NODES, Scope


class Links:
    """Found for one statement of the file or of a class body after the other, as nodes in them are asked about.

    Args:
        tree: the file.
        root: its module's scope.
    """

    def __init__(self, tree: ast.Module, root: Scope) -> None:
        self._parents: dict[int, ast.AST] = {}
        self._homes: dict[int, Scope] = {id(tree): root}
        self._waiting = _Waiting(tree, root)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds this one, None for the module."""
        self._reach(node)
        return self._parents.get(id(node))

    def home(self, node: ast.AST) -> Scope:
        """The scope in which a node is evaluated."""
        self._reach(node)
        return self._homes[id(node)]

    def _reach(self, node: ast.AST) -> None:
        if id(node) in self._homes:
            return
        line: int | None = getattr(node, "lineno", None)
        part = self._waiting.around(line) if line is not None else None
        while part is not None and line is not None:
            self._link(part)
            part = self._waiting.around(line) if id(node) not in self._homes else None
        while id(node) not in self._homes and self._waiting:  # no line of its own, or statements that share one
            self._link(self._waiting.next())

    def _link(self, part: _Part) -> None:
        self._parents[id(part.statement)] = part.parent
        if isinstance(part.statement, ast.ClassDef):
            self._link_class(part.statement, part.home)
        else:
            self._link_below([part.statement], part.home)

    def _link_class(self, node: ast.ClassDef, home: Scope) -> None:
        """The head of a class; its statements wait."""
        self._homes[id(node)] = home
        outside = _evaluated_outside(node)
        inner = home.opened_by(node) or home
        for child in children(node):
            self._parents[id(child)] = node
        self._link_below(outside, home)
        known = {id(child) for child in outside}
        body = {id(child) for child in node.body}
        self._link_below([c for c in children(node) if id(c) not in known and id(c) not in body], inner)
        self._waiting.add(node.body, node, inner)

    def _link_below(self, nodes: list[ast.AST], home: Scope) -> None:
        parents, homes = self._parents, self._homes
        bodies: list[tuple[list[ast.AST], Scope]] = [([*nodes], home)]
        while bodies:
            stack, home = bodies.pop()
            while stack:
                node = stack.pop()
                homes[id(node)] = home
                kind = type(node)
                opened = home.opened_by(node) if kind in SCOPE_NODES else None
                if opened is not None:
                    around = _evaluated_outside(node)
                    for child in children(node):
                        parents[id(child)] = node
                    stack += around
                    outside = {id(n) for n in around}
                    bodies.append(([c for c in children(node) if id(c) not in outside], opened))
                    continue
                for name in child_fields(kind):
                    value = getattr(node, name, None)
                    items: Iterable[ast.AST | None] = value if type(value) is list else (value,)
                    for child in items:
                        if child is None:
                            continue
                        parents[id(child)] = node
                        if type(child) in LEAVES:
                            homes[id(child)] = home
                        else:
                            stack.append(child)


@dataclass(frozen=True, slots=True)
class _Part:
    """A statement of a file or of a class body, what holds it, and the scope in which it runs."""

    statement: ast.stmt
    parent: ast.Module | ast.ClassDef
    home: Scope


class _Waiting:
    """The statements that are not linked yet."""

    def __init__(self, tree: ast.Module, root: Scope) -> None:
        self._parts: dict[int, _Part] = {}
        self._bodies: list[tuple[list[int], list[ast.stmt]]] = []
        self.add(tree.body, tree, root)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, body: list[ast.stmt], parent: ast.Module | ast.ClassDef, home: Scope) -> None:
        """Let the statements of a body wait."""
        self._parts.update((id(s), _Part(s, parent, home)) for s in body)
        self._bodies.append(([first_line(s) for s in body], body))

    def next(self) -> _Part:
        """Any of them."""
        return self._parts.pop(next(iter(self._parts)))

    def around(self, line: int) -> _Part | None:
        """The innermost that waits and stands around a line; None where none does."""
        for starts, body in reversed(self._bodies):
            index = bisect_right(starts, line) - 1
            if index >= 0 and line <= (body[index].end_lineno or line):
                part = self._parts.pop(id(body[index]), None)
                if part is not None:
                    return part
        return None


def first_line(statement: ast.stmt) -> int:
    """A decorated function starts at its first decorator."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def _evaluated_outside(node: ast.AST) -> list[ast.AST]:
    """Children of a function or class that Python evaluates in the scope around it."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*node.decorator_list, *([node.returns] if node.returns else [])]
    return []
