"""Draw the seed of an item's augmentation from torch's own generator."""

from __future__ import annotations

import ast

from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..imports import ensure_import
from ..names import fresh_name
from ..surgery import insert_before, replace_node
from ._seed_places import equal_seeds, only_assignment, seed_at

_TITLE = "Draw the seed from torch's generator, anew for each view"


def fix(finding: Finding, project: Project) -> Fix:
    """Replace a seed by a draw: fresh each epoch and worker, repeated under ``torch.manual_seed``.

    Args:
        finding: of the rule ``fixed-seed-augmentation``; ``repair`` holds where the seed stands: its file,
            which need not be the finding's own, its place there and its function.
        project: the project it was found in.

    Returns:
        The fix, unsafe. A seed that several calls of the function share stays shared: one draw is given to all.

    Raises:
        NoFix: the seed is not where it was found.
    """
    assert finding.repair is not None
    module = project.module(finding.repair["path"])
    seed = seed_at(module, finding.repair["seed"])
    torch, imports = ensure_import(module, seed, "torch")
    draw = f"int({torch}.randint(2**31, ()))"
    return Fix(Applicability.UNSAFE, _TITLE, (*imports, *_edits(module, seed, draw)))


def _edits(module: Module, seed: ast.expr, draw: str) -> list[Edit]:
    scope = module.scope_of(seed)
    if isinstance(seed, ast.Name):
        assigned = only_assignment(scope, seed.id)
        if assigned is not None:
            return [replace_node(module, assigned, draw)]
    same = equal_seeds(module, scope, seed)
    if len(same) < 2:
        return [replace_node(module, seed, draw)]
    name = fresh_name(module, seed, "seed")
    first = module.statement(same[0])
    return [insert_before(module, first, f"{name} = {draw}"), *(replace_node(module, s, name) for s in same)]
