"""Where a value goes inside its function: forward from an expression through the names that it is given to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...source.module import Module
from ...source.scopes import Scope, key_of
from .flow import Flow

_FURTHEST = 12


def uses(flow: Flow, module: Module, node: ast.expr, depth: int = 0) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Every node that takes a value in, with the expression that stands for the value there.

    The value's own parent comes first; where it is assigned to a name, each load of that name which may see it
    follows. A use inside of another expression is not followed further: call again with what it makes.
    """
    parent = module.parent(node)
    if isinstance(parent, ast.keyword):
        parent = module.parent(parent)
    if isinstance(parent, ast.Assign) and depth < _FURTHEST:
        scope = module.scope_of(parent)
        for target in parent.targets:
            for load in _loads(flow, scope, target, parent):
                yield from uses(flow, module, load, depth + 1)
    elif parent is not None:
        yield parent, node


def _loads(flow: Flow, scope: Scope, target: ast.expr, statement: ast.Assign) -> Iterator[ast.expr]:
    key = key_of(target)
    if key is None:
        return
    reaching = flow.reaching(scope)
    for load in ast.walk(scope.node):
        if isinstance(load, ast.expr) and key_of(load) == key and isinstance(getattr(load, "ctx", None), ast.Load):
            bindings = reaching.at(load) or ()
            if any(b.node is statement or any(p.node is statement for p in b.previous) for b in bindings):
                yield load
