"""The seed of an item's augmentation in the code: where it stands, and which others read the same."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...analyzer.checking import NoFix
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, Scope


def only_assignment(scope: Scope, name: str) -> ast.expr | None:
    """The expression that alone gives a local name its value, where the name serves as a seed and nothing else."""
    bindings = scope.bindings.get(name, [])
    if len(bindings) != 1 or bindings[0].kind is not Kind.ASSIGN or bindings[0].index:
        return None
    uses = [n for n in ast.walk(scope.node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    calls = [c for c in ast.walk(scope.node) if isinstance(c, ast.Call)]
    as_seed = [a for c in calls for a in (*c.args, *(k.value for k in c.keywords)) if a in uses and _seeds(c)]
    return bindings[0].value if len(as_seed) == len(uses) else None


def equal_seeds(module: Module, scope: Scope, seed: ast.expr) -> list[ast.expr]:
    """The seed arguments of the function that read the same, in source order: they make views that belong together."""
    text = ast.unparse(seed)
    calls = [c for c in module.calls() if module.scope_of(c) is scope and _seeds(c)]
    return [a for c in calls for a in (*c.args, *(k.value for k in c.keywords)) if ast.unparse(a) == text]


def _seeds(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return "seed" in name.lower() or name in ("Random", "RandomState", "default_rng", "PCG64", "Philox", "fork_rng")


def seed_at(module: Module, span: Sequence[int]) -> ast.expr:
    """The seed's expression.

    Raises:
        NoFix: it is not where it was found.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.expr) and module.span(node) == tuple(span):
            return node
    raise NoFix("the seed is not where it was found any more")
