"""Other names of the memory that a write goes into."""

from __future__ import annotations

import ast

from ...graph.project import Project
from ...source.module import Module
from ...source.scopes import Binding, Kind, key_of
from .saved import VIEWING, VIEWS
from .writes import Write


def other_names(
    write: Write, base: ast.expr, bindings: list[Binding], module: Module, project: Project
) -> tuple[str, ...]:
    """Names that hold the same memory as the written one and are read after the write.

    Args:
        write: the write.
        base: the written name.
        bindings: what it may be before the write.
        module: the file.
        project: knows which bindings reach each read.
    """
    key = key_of(base)
    if key is None:
        return ()
    scope = module.scope_of(write.node)
    reaching = project.flow.reaching(scope)
    found = {
        k for b in bindings if b.kind is Kind.ASSIGN and b.value is not None and (k := viewed(b.value)) is not None
    }
    for node in ast.walk(scope.node):
        if isinstance(node, ast.Assign) and node is not write.node and node.lineno < write.node.lineno:
            under = _under(node.value)
            if under is not None and key_of(under) == key and set(reaching.at(under) or ()) & set(bindings):
                found |= {k for t in node.targets if (k := key_of(t)) is not None}
    found.discard(key)
    last = getattr(write.node, "end_lineno", write.node.lineno)
    read = {
        key_of(n)
        for n in ast.walk(scope.node)
        if isinstance(n, (ast.Name, ast.Attribute)) and isinstance(n.ctx, ast.Load) and n.lineno > last
    }
    return tuple(sorted(k for k in found if k in read))


def viewed(value: ast.expr) -> str | None:
    """The name of which a value is a view, or which it is; None for any other value."""
    under = _under(value)
    return key_of(under) if under is not None else None


def _under(value: ast.expr) -> ast.expr | None:
    while key_of(value) is None:
        if isinstance(value, ast.Subscript):
            value = value.value
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in VIEWS:
            value = value.func.value
        else:
            return None
    if isinstance(value, ast.Attribute) and value.attr in VIEWING:
        return value.value
    return value
