"""What would bring a loss back to float32: which arguments to cast, and out of which block to take it."""

from __future__ import annotations

import ast
from typing import Any

from ...analyzer.flow.precision.losses import LowerLoss, Where
from ...analyzer.flow.precision.precision import Number
from ...analyzer.flow.precision.values import Precisions
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.project import Project
from .. import knowledge

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)


def plan(loss: LowerLoss, project: Project) -> dict[str, Any] | str:
    """Plain data for the codemod, or why there is no fix."""
    module = loss.call.module
    if loss.where is Where.AFTER:
        if not loss.is_torch and not loss.known.what.is_sure:
            return (
                f"give `{loss.call.text()}` its inputs in float32: `.float()` on each tensor that comes out of autocast"
            )
        return {"casts": [(*module.span(a), "tensor") for a in loss.inputs], "block": None}
    call = loss.call.node
    assert isinstance(call, ast.Call)
    statement = module.statement(call)
    block = module.parent(statement)
    if not isinstance(block, ast.With) or statement not in block.body or not isinstance(statement, _SIMPLE):
        return "compute the loss in a block of its own with `enabled=False`, on inputs in float32"
    casts: list[tuple[int, int, str]] = []
    for argument in [*call.args, *[k.value for k in call.keywords]]:
        if isinstance(argument, ast.Starred):
            return "the loss is given `*arguments`: make those that come out of autocast `float()`"
        kind = _kind(loss.call.sub(argument), project, block)
        if kind == "unknown":
            return f"make what `{module.snippet(argument)}` holds `float()`, and compute the loss outside of autocast"
        if kind != "as-is":
            casts.append((*module.span(argument), kind))
    return {"casts": casts, "block": block.lineno, "statement": statement.lineno}


def _kind(op: Operand, project: Project, block: ast.With) -> str:
    """How an argument is cast: ``tensor``, ``dict``, ``as-is`` for what does not come out of the block."""
    known = Precisions(project.flow, knowledge.autocast()).evaluate(op)
    if any(k.what.number is Number.LOWER for k in known):
        return "tensor"
    if known and all(k.what.number is not Number.UNKNOWN for k in known):
        return "as-is"
    within = False
    for source in project.flow.sources(op):
        made = source.operand
        if made is None or not block.lineno < getattr(made.node, "lineno", 0) <= (block.end_lineno or 0):
            continue
        within = True
        results = project.flow.calls.returns(made)
        if results and all(isinstance(r.node, ast.Dict) and _is_of_tensors(r, project) for r in results):
            return "dict"
    return "unknown" if within else "as-is"


def _is_of_tensors(op: Operand, project: Project) -> bool:
    """Whether a dictionary holds tensors of real numbers and nothing else."""
    assert isinstance(op.node, ast.Dict)
    if any(key is None for key in op.node.keys):
        return False
    for value in op.node.values:
        known = Precisions(project.flow, knowledge.autocast()).evaluate(op.sub(value))
        if not known or any(k.what.number not in (Number.LOWER, Number.FULL) for k in known):
            return False
    return True
