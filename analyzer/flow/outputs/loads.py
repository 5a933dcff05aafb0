"""Where a name is read after it was given a value."""

from __future__ import annotations

import ast
from weakref import WeakKeyDictionary

from ...source.nodes import walk
from ...source.scopes import Binding, Kind, Scope, key_of
from ..values.flow import Flow
from ..values.reaching import before_updates

_READS: WeakKeyDictionary[Scope, dict[str, list[ast.expr]]] = WeakKeyDictionary()


def loads(flow: Flow, scope: Scope, key: str, statement: ast.AST) -> list[ast.expr] | None:
    """The reads of a key of a scope that may see the value which a statement (or a parameter) gives it.

    Returns:
        The reads; None where a nested function reads the name as well, at a time that nobody knows.
    """
    found: list[ast.expr] = []
    reaching = flow.reaching(scope)
    for load in reads(scope).get(key, ()):
        bindings = reaching.at(load)
        if bindings is None:
            if _is_nested(scope, key):
                return None
            continue
        if any(_stems_from(b, statement) for b in bindings):
            found.append(load)
    return found


def parameter_loads(flow: Flow, scope: Scope, name: str) -> list[ast.expr] | None:
    """The reads of a parameter that still see the argument."""
    binding = next((b for b in scope.bindings.get(name, ()) if b.kind is Kind.PARAMETER), None)
    return loads(flow, scope, name, binding.node) if binding is not None else None


def reads(scope: Scope) -> dict[str, list[ast.expr]]:
    """Every read below a scope's node, by key."""
    known = _READS.get(scope)
    if known is None:
        known = _READS[scope] = {}
        for node in walk(scope.node):
            if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Load):
                key = key_of(node)
                if key is not None:
                    known.setdefault(key, []).append(node)
    return known


def _stems_from(binding: Binding, statement: ast.AST) -> bool:
    return (
        binding.node is statement
        or any(p.node is statement for p in binding.previous)
        or (binding.kind is Kind.UPDATE and any(p.node is statement for p in before_updates(binding)))
    )


def _is_nested(scope: Scope, key: str) -> bool:
    """Whether a function inside the scope reads the scope's own name."""
    head = key.partition(".")[0].partition("[")[0]
    return any(child.is_function and child.lookup(head) is scope and head in reads(child) for child in _below(scope))


def _below(scope: Scope) -> list[Scope]:
    found: list[Scope] = []
    waiting = [*scope.children]
    while waiting:
        child = waiting.pop()
        found.append(child)
        waiting += child.children
    return found
