"""Draw the seed of an item's augmentation from torch's own generator."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix, Location
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, Scope
from ..imports import ensure_import
from ..names import fresh_name
from ..surgery import insert_before, replace_node

_TITLE = "Draw the seed from torch's generator, anew for each view"


def fix(finding: Finding, project: Project) -> Fix:
    """Replace a seed by a draw: fresh each epoch and worker, repeated under ``torch.manual_seed``.

    Args:
        finding: of the rule ``fixed-seed-augmentation``; ``repair`` holds where the seed stands and in what function.
        project: the project it was found in.

    Returns:
        The fix, unsafe. A seed that several calls of the function share stays shared: one draw is given to all.

    Raises:
        NoFix: the seed is not where it was found.
    """
    assert finding.repair is not None
    module = project.module(finding.location.path)
    seed = _at(module, finding.repair["seed"])
    torch, imports = ensure_import(module, seed, "torch")
    draw = f"int({torch}.randint(2**31, ()))"
    return Fix(Applicability.UNSAFE, _TITLE, (*imports, *_edits(module, seed, draw)))


def _edits(module: Module, seed: ast.expr, draw: str) -> list[Edit]:
    scope = module.scope_of(seed)
    if isinstance(seed, ast.Name):
        assigned = _only_assignment(scope, seed.id)
        if assigned is not None:
            return [replace_node(module, assigned, draw)]
    same = _equal_seeds(module, scope, seed)
    if len(same) < 2:
        return [replace_node(module, seed, draw)]
    name = fresh_name(module, seed, "seed")
    first = module.statement(same[0])
    return [insert_before(module, first, f"{name} = {draw}"), *(replace_node(module, s, name) for s in same)]


def _only_assignment(scope: Scope, name: str) -> ast.expr | None:
    """The expression that alone gives a local name its value, where the name serves as a seed and nothing else."""
    bindings = scope.bindings.get(name, [])
    if len(bindings) != 1 or bindings[0].kind is not Kind.ASSIGN or bindings[0].index:
        return None
    uses = [n for n in ast.walk(scope.node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    calls = [c for c in ast.walk(scope.node) if isinstance(c, ast.Call)]
    as_seed = [a for c in calls for a in (*c.args, *(k.value for k in c.keywords)) if a in uses and _seeds(c)]
    return bindings[0].value if len(as_seed) == len(uses) else None


def _equal_seeds(module: Module, scope: Scope, seed: ast.expr) -> list[ast.expr]:
    """The seed arguments of the function that read the same, in source order: they make views that belong together."""
    text = ast.unparse(seed)
    calls = [c for c in module.calls() if module.scope_of(c) is scope and _seeds(c)]
    return [a for c in calls for a in (*c.args, *(k.value for k in c.keywords)) if ast.unparse(a) == text]


def _seeds(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return "seed" in name.lower() or name in ("Random", "RandomState", "default_rng", "PCG64", "Philox", "fork_rng")


def _at(module: Module, location: Location) -> ast.expr:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.expr) and module.location(node) == location:
            return node
    raise NoFix("the seed is not where it was found any more")
