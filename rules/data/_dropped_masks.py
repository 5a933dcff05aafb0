"""Masks that one function of the project makes side by side."""

from __future__ import annotations

import ast
from enum import Enum, auto

from ...analyzer.flow.values.flow import Flow
from ...analyzer.flow.values.frames import Operand
from ...analyzer.source.scopes import Kind, last_name

_BLANKS = frozenset({"zeros", "zeros_like", "ones", "ones_like", "full", "full_like"})
_OPERATORS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_COMPARISONS = frozenset(
    {
        *("isin", "in1d", "eq", "ne", "gt", "ge", "lt", "le", "equal", "not_equal", "greater", "greater_equal"),
        *("less", "less_equal", "logical_and", "logical_or", "logical_xor"),
    }
)
_SAME = frozenset(
    {
        *("astype", "to", "float", "bool", "copy", "clone", "numpy", "cpu", "squeeze", "asarray", "array", "as_tensor"),
        *("binary_dilation", "binary_erosion", "binary_opening", "binary_closing", "binary_fill_holes"),
        *("ascontiguousarray", "from_numpy", "unsqueeze", "double", "type"),
    }
)
_LEAST = 2
_DEEPEST = 8


class _Sort(Enum):
    MASK = auto()
    BLANK = auto()
    """A filled array, which stands for a mask that is missing."""
    OTHER = auto()


def makes_masks(flow: Flow, op: Operand, count: int) -> bool:
    """Whether a value is a call of the project's own function that returns so many masks, side by side.

    Args:
        flow: the project's value flow.
        op: what is unpacked.
        count: into how many names.

    Returns:
        True where every return writes a tuple of that length, and each place of it is a comparison in one return at
        least and nothing but a comparison or a filled array in all of them. A mask that only says where another one
        does not hold tells no more than that one, and does not count.
    """
    if not isinstance(op.node, ast.Call) or count < _LEAST:
        return False
    results = flow.calls.returns(op)
    sorts: list[set[_Sort]] = [set() for _ in range(count)]
    for result in results:
        if not isinstance(result.node, (ast.Tuple, ast.List)) or len(result.node.elts) != count:
            return False
        compared: set[str] = set()
        for place, element in zip(sorts, result.node.elts, strict=True):
            place |= _sorts(flow, result.sub(element))
            sides = _sides(flow, result.sub(element))
            if sides & compared:
                return False
            compared |= sides
    return bool(results) and all(_Sort.MASK in s and _Sort.OTHER not in s for s in sorts)


def _sides(flow: Flow, op: Operand) -> set[str]:
    """What a mask compares with what, however: ``x > low`` and ``x <= low`` are two sides of one thing."""
    node = op.node
    if isinstance(node, ast.Name):
        values = [s.operand for s in flow.sources(op) if s.operand is not None]
        return {t for v in values if not isinstance(v.node, ast.Name) for t in _sides(flow, v)}
    if isinstance(node, ast.Compare):
        return {"".join(sorted(ast.dump(n) for n in (node.left, *node.comparators)))}
    return set()


def _sorts(flow: Flow, op: Operand, depth: int = 0) -> set[_Sort]:
    """What a value may be."""
    node = op.node
    if depth > _DEEPEST:
        return {_Sort.OTHER}
    if isinstance(node, ast.Compare):
        return {_Sort.MASK if all(isinstance(o, _OPERATORS) for o in node.ops) else _Sort.OTHER}
    if isinstance(node, ast.IfExp):
        return _sorts(flow, op.sub(node.body), depth + 1) | _sorts(flow, op.sub(node.orelse), depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
        return _sorts(flow, op.sub(node.left), depth + 1) | _sorts(flow, op.sub(node.right), depth + 1)
    if isinstance(node, ast.Call):
        return _of_call(flow, op, node, depth)
    if isinstance(node, ast.Name):
        return _of_name(flow, op, depth)
    return {_Sort.OTHER}


def _of_call(flow: Flow, op: Operand, call: ast.Call, depth: int) -> set[_Sort]:
    name = last_name(call.func)
    if flow.calls.callees(op):
        return {_Sort.OTHER}
    if name in _COMPARISONS:
        return {_Sort.MASK}
    if name in _BLANKS:
        return {_Sort.BLANK}
    if name not in _SAME or not isinstance(call.func, ast.Attribute):
        return {_Sort.OTHER}
    is_function = flow.project.resolve(op.module, call.func) is not None
    if is_function:
        return _sorts(flow, op.sub(call.args[0]), depth + 1) if call.args else {_Sort.OTHER}
    return _sorts(flow, op.sub(call.func.value), depth + 1)


def _of_name(flow: Flow, op: Operand, depth: int) -> set[_Sort]:
    found: set[_Sort] = set()
    for source in flow.sources(op):
        changed = source.binding is not None and source.binding.kind in (Kind.UPDATE, Kind.AUGMENT)
        if source.operand is None or source.is_element or source.index or changed:
            return {_Sort.OTHER}
        found |= _sorts(flow, source.operand, depth + 1)
    return found or {_Sort.OTHER}
