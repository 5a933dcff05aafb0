"""Coordinates by their columns: ``boxes[:, 0::2] / width``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...source.scopes import Scope
from ..values.tensors import constant
from .extents import Axis, H, W

_COLUMNS = {(0,): W, (1,): H, (0, 2): W, (1, 3): H}


def column_axis(node: ast.expr) -> Axis:
    """The axis along which the columns of ``x[..., 0]``, ``x[:, [0, 2]]`` or ``x[:, 1::2]`` lie."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) < 2:
        return Axis.UNKNOWN
    *before, last = node.slice.elts
    whole = all(isinstance(p, ast.Slice) or (isinstance(p, ast.Constant) and p.value is ...) for p in before)
    if not whole:
        return Axis.UNKNOWN
    if isinstance(last, ast.Slice) and constant(last.step) == 2:
        start = 0 if last.lower is None else constant(last.lower)
        return W if start == 0 else H if start == 1 else Axis.UNKNOWN
    places = last.elts if isinstance(last, (ast.List, ast.Tuple)) else [last]
    numbers = tuple(constant(p) for p in places)
    return _COLUMNS.get(numbers, Axis.UNKNOWN) if all(isinstance(n, int) for n in numbers) else Axis.UNKNOWN  # pyright: ignore[reportArgumentType, reportCallIssue]


def with_lengths(scope: Scope) -> Iterator[tuple[ast.AST, Axis, ast.expr]]:
    """Places of a function where columns of one axis are scaled, mirrored or divided by something else."""
    for node in ast.walk(scope.node):
        if isinstance(node, ast.AugAssign):
            sides = (node.target, node.value)
        elif isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
        else:
            continue
        for one, other in (sides, sides[::-1]):
            axis = column_axis(one)
            if axis is not Axis.UNKNOWN:
                yield node, axis, other
