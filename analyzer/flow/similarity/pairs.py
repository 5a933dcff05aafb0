"""Expressions that compare each row of one set with each row of another, in all their spellings."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from ..values.construction import Constructions
from ..values.frames import Operand
from ..values.tensors import constant, operation

if TYPE_CHECKING:
    from ...graph.project import Project

_PRODUCTS = frozenset({"mm", "matmul", "bmm", "mv", "inner", "linear", "vdot"})
_BROADCAST = frozenset({"cosine_similarity", "pairwise_distance"})
_INSTANCES = frozenset({"CosineSimilarity", "PairwiseDistance"})
_TWO_SETS = frozenset(
    {
        "sentence_transformers.util.cos_sim",
        "sentence_transformers.util.pytorch_cos_sim",
        "sentence_transformers.util.dot_score",
    }
)


class Pairs(NamedTuple):
    """Two sets whose rows are compared. ``is_paired``: row by row, unless one of them is a single row."""

    sides: tuple[Operand, Operand]
    is_distance: bool = False
    is_paired: bool = False


def pairs_of(op: Operand, project: Project) -> Pairs | None:
    """The two sets that an expression compares pair by pair, None for any other expression."""
    node = op.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return Pairs((op.sub(node.left), op.sub(node.right)))
    if not isinstance(node, ast.Call):
        return None
    called = operation(op, project)
    if called is None:
        return _by_name(op, node, project)
    other = called.argument(0, "mat2", "other", "vec", "x2", "weight")
    if called.name in _PRODUCTS and other is not None:
        return Pairs((called.tensor, op.sub(other)))
    if called.name == "einsum" and not called.is_method:
        return _einsum(op, called.tensor.node, called.rest)
    if called.name == "cdist" and other is not None:
        return Pairs((called.tensor, op.sub(other)), is_distance=True)
    if called.name in _BROADCAST and not called.is_method and other is not None:
        return _broadcast(called.tensor, op.sub(other), called.name == "pairwise_distance")
    if called.name in ("sum", "norm") and not called.rest[1:]:
        return _elementwise(called.tensor)
    if called.is_method and len(called.rest) == 2 and not called.keywords:
        return _instance(op, node, project)
    return None


def _by_name(op: Operand, node: ast.Call, project: Project) -> Pairs | None:
    if project.external(op.module, node.func) in _TWO_SETS and len(node.args) == 2:
        return Pairs((op.sub(node.args[0]), op.sub(node.args[1])))
    return _instance(op, node, project) if len(node.args) == 2 and not node.keywords else None


def _instance(op: Operand, node: ast.Call, project: Project) -> Pairs | None:
    """A call of an ``nn.CosineSimilarity`` that was made elsewhere."""
    made = {m.what.name for m in Constructions(project.flow).evaluate(op.sub(node.func)) if isinstance(m.what.of, str)}
    if len(made) != 1 or made.isdisjoint(_INSTANCES):
        return None
    return _broadcast(op.sub(node.args[0]), op.sub(node.args[1]), made == {"PairwiseDistance"})


def _broadcast(left: Operand, right: Operand, is_distance: bool) -> Pairs:
    """All pairs only where one side has a new axis for columns and the other one for rows."""
    axes = _axis_of(left), _axis_of(right)
    crossed = None not in axes and axes[0] != axes[1]
    return Pairs((left, right), is_distance, is_paired=not crossed)


def _elementwise(op: Operand) -> Pairs | None:
    """``(a[:, None] * b[None]).sum(-1)`` and the norm of a difference."""
    node = op.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        node = node.left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("pow", "square"):
        node = node.func.value
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Mult, ast.Sub)):
        return None
    pairs = _broadcast(op.sub(node.left), op.sub(node.right), isinstance(node.op, ast.Sub))
    return None if pairs.is_paired else pairs


def _axis_of(op: Operand) -> int | None:
    """The new axis of a value, also where the caller or an assignment before made it."""
    here = _axis(op.node)
    if here is not None or not isinstance(op.node, ast.Name) or op.frame.arguments is None:
        return here
    given = op.frame.arguments.get(op.node.id)
    return _axis(given.node) if given is not None else None


def _axis(node: ast.expr) -> int | None:
    """Where ``x[:, None]``, ``x[None]`` or ``x.unsqueeze(k)`` puts a new axis; None where there is none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "unsqueeze":
        value = constant(node.args[-1]) if node.args else None
        if not node.args:
            value = next((constant(k.value) for k in node.keywords if k.arg == "dim"), None)
        return value if isinstance(value, int) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("expand", "repeat"):
        return _axis(node.func.value)
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        new = [i for i, p in enumerate(parts) if isinstance(p, ast.Constant) and p.value is None]
        return new[0] if len(new) == 1 else None
    return None


def _einsum(op: Operand, equation: ast.expr, operands: tuple[ast.expr, ...]) -> Pairs | None:
    """``"nc,mc->nm"``: two sets of rows that share the axis that is summed."""
    text = constant(equation)
    if not isinstance(text, str) or len(operands) != 2 or "->" not in text:
        return None
    inputs, _, output = text.replace(" ", "").partition("->")
    first, _, second = inputs.partition(",")
    summed = set(first) & set(second) - set(output)
    rows = (set(first) - set(second), set(second) - set(first))
    if len(summed) == 1 and all(len(r) == 1 and r <= set(output) for r in rows):
        return Pairs((op.sub(operands[0]), op.sub(operands[1])))
    return None
