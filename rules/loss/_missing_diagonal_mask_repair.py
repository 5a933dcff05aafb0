"""What the codemod of missing-diagonal-mask needs to know of one place, or why that place gets no fix."""

from __future__ import annotations

import ast
from typing import Any

from ...analyzer.findings import Confidence
from ...analyzer.flow.similarity.denominators import Denominator
from ...analyzer.flow.similarity.diagonal import Diagonals
from ...analyzer.flow.similarity.identity import Identity
from ...analyzer.flow.similarity.matrices import Similarities, Stage
from ...analyzer.flow.similarity.pairs import pairs_of
from ...analyzer.flow.similarity.targets import Target
from ...analyzer.flow.values.construction import Constructions
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.uses import uses
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of

ZERO, INFINITE, LOWEST = "zero", "infinite", "lowest"
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)
_NESTING = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BATCHED = ("transpose", "permute", "bmm", "einsum", "swapaxes", "mT")


def plan(found: Denominator, module: Module, project: Project) -> dict[str, Any] | str:
    """The repair of one denominator.

    Returns:
        ``matrix`` (offsets of the expression to mask), ``like`` (code of a tensor on its device and of its type, ""
        where no name holds one), ``size`` (code of the number of columns), ``is_square``, ``fill``, ``row`` (name of
        the row's number, for a loop over rows) and ``safe``; or the reason why there is no fix.
    """
    matrix = found.matrix
    if matrix.module is not module:
        return "the matrix is made in another file than its softmax: mask it where it is made"
    if found.known.what.is_reshaped:
        return "the matrix is reshaped on its way: mask it before that"
    statement = module.statement(matrix.node)
    if not isinstance(statement, _SIMPLE) or any(isinstance(a, _NESTING) for a in _inside(module, matrix.node)):
        return "there is no place for a mask inside this expression: give the matrix a name first"
    if module.line_text(statement)[: statement.col_offset].strip():
        return "the statement shares its line with another one: give it a line of its own first"
    like = _like(matrix, project)
    fill = _fill(found, module, project)
    if fill not in (ZERO, INFINITE, LOWEST):
        return fill
    same = found.known.what.sameness
    if same.is_row and same.row is None:
        return "the loop does not count its rows: use enumerate, and leave the row's own number out"
    name, size = like or ("", "")
    start, end = module.span(matrix.node)
    return {
        "matrix": (start, end),
        "size": size,
        "is_square": same.is_certain,
        "like": name,
        "fill": fill,
        "row": same.row if same.is_row else None,
        "safe": fill == ZERO and found.confidence is Confidence.HIGH,
    }


def _inside(module: Module, node: ast.AST) -> list[ast.AST]:
    """The expressions around a node, up to its statement."""
    around: list[ast.AST] = []
    for above in module.ancestors(node):
        if isinstance(above, ast.stmt):
            break
        around.append(above)
    return around


def _like(matrix: Operand, project: Project) -> tuple[str, str] | None:
    """A name that holds the matrix, or one side of its product, and the code of the matrix's number of columns."""
    key = key_of(matrix.node)
    if key is not None:
        return key, f"{key}.size(-1)"
    for node in ast.walk(matrix.node):
        if isinstance(node, (ast.Name, ast.Attribute)) and key_of(node) is not None:
            known = Similarities(project.flow).evaluate(matrix.sub(node))
            if known and all(k.what.stage in (Stage.LOGITS, Stage.EXP) for k in known):
                return str(key_of(node)), f"{key_of(node)}.size(-1)"
    for node in ast.walk(matrix.node):
        pair = pairs_of(matrix.sub(node), project) if isinstance(node, ast.expr) else None
        if pair is not None:
            side = key_of(Identity(project).strip(pair.sides[0]).node)
            if side is not None and pair.sides[0].frame is matrix.frame:
                text = matrix.module.segment(node)
                return side, f"{side}.size({-2 if any(word in text for word in _BATCHED) else 0})"
    return None


def _fill(found: Denominator, module: Module, project: Project) -> str:
    """What to put on the diagonal, or the reason why nothing fits."""
    what = found.known.what
    if found.kind == "sum":
        return ZERO
    if found.kind == "logsumexp":
        return INFINITE
    if found.kind == "softmax":
        if what.is_whole and not what.is_floored:
            return "the logarithm of the softmax would be infinite on the diagonal: use log_softmax first"
        return INFINITE
    if found.kind == "cross_entropy":
        return _of_target(found, module, project)
    return _of_log_softmax(found, module, project)


def _of_target(found: Denominator, module: Module, project: Project) -> str:
    call = found.node
    assert isinstance(call, ast.Call)
    keywords = {k.arg for k in call.keywords}
    for made in Constructions(project.flow).evaluate(project.flow.operand(module, call.func)):
        if isinstance(made.what.call.node, ast.Call):
            keywords |= {k.arg for k in made.what.call.node.keywords}
    if "label_smoothing" in keywords:
        return "label smoothing would give the masked diagonal a share: drop the diagonal's columns instead"
    if found.targets and Target.SOFT not in found.targets:
        return INFINITE
    soft = found.target if Target.SOFT in found.targets else None
    if soft is not None and Diagonals(project.flow).value(soft) != 0:
        return "the target gives the diagonal a share of its own: take it out there first"
    return LOWEST


def _of_log_softmax(found: Denominator, module: Module, project: Project) -> str:
    """-inf where only chosen entries are read, a finite number where the whole is multiplied by a mask."""
    fill = INFINITE
    for parent, value in uses(project.flow, module, found.node):
        if isinstance(parent, ast.Subscript) and parent.value is value:
            if Diagonals(project.flow).value(project.flow.operand(module, parent.slice)) == 1:
                return "the positives hold the diagonal as well: take it out there first"
            continue
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult):
            other = parent.right if parent.left is value else parent.left
            if Diagonals(project.flow).value(project.flow.operand(module, other)) != 0:
                return "the mask of the positives may hold the diagonal as well: take it out there first"
        if not (isinstance(parent, ast.Call) and "nll_loss" in ast.dump(parent.func)):
            fill = LOWEST
    return fill
