"""What is around each node of a file: its parent, and the scope in which it is evaluated."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from .nodes import LEAVES, child_fields, children
from .scopes import SCOPE_NODES, Scope


class Links:
    """Found for one top-level statement after the other, as nodes in them are asked about: rules ask about few.

    Args:
        tree: the file.
        root: its module's scope.
        scopes: every scope, by the id of the node that opens it.
    """

    def __init__(self, tree: ast.Module, root: Scope, scopes: Mapping[int, Scope]) -> None:
        self._tree = tree
        self._scopes = scopes
        self._root = root
        self._parents: dict[int, ast.AST] = {}
        self._homes: dict[int, Scope] = {id(tree): root}
        self._waiting: dict[int, ast.stmt] = dict(enumerate(tree.body))
        self._starts = [_first_line(statement) for statement in tree.body]

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
        if line is not None:
            self._link(self._waiting.pop(bisect_right(self._starts, line) - 1, None))
        while id(node) not in self._homes and self._waiting:  # no line of its own, or statements that share one
            self._link(self._waiting.popitem()[1])

    def _link(self, statement: ast.stmt | None) -> None:
        if statement is None:
            return
        self._parents[id(statement)] = self._tree
        parents, homes, scopes = self._parents, self._homes, self._scopes
        bodies: list[tuple[list[ast.AST], Scope]] = [([statement], self._root)]
        while bodies:
            stack, home = bodies.pop()
            while stack:
                node = stack.pop()
                key = id(node)
                homes[key] = home
                kind = type(node)
                if kind in SCOPE_NODES and key in scopes:
                    around = _evaluated_outside(node)
                    for child in children(node):
                        parents[id(child)] = node
                    stack += around
                    outside = {id(n) for n in around}
                    bodies.append(([c for c in children(node) if id(c) not in outside], scopes[key]))
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


def _first_line(statement: ast.stmt) -> int:
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
