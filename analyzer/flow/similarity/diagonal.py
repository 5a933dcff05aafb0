"""What a square mask holds on its diagonal: 1 (self pairs are in), 0 (they are out), or not known."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...source.scopes import Binding
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand
from ..values.tensors import UNCHANGED, constant, operation
from .identity import Identity, adds_axes

_KEPT = UNCHANGED | {"bool", "int", "long", "repeat", "tile", "view", "reshape", "triu", "tril"}
_ONES = frozenset({"ones", "ones_like", "eye", "new_ones"})
_ZEROS = frozenset({"zeros", "zeros_like", "new_zeros"})
_EQUAL = {ast.Eq: 1, ast.NotEq: 0}


class Diagonals(Evaluator[int]):
    """The value of a mask's diagonal. Nothing known, or two values known, both mean "not known"."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.identity = Identity(flow.project)

    def value(self, op: Operand) -> int | None:
        """The one value that the diagonal has on every known path, None where that is not shown."""
        found = {k.what for k in self.evaluate(op)}
        return found.pop() if len(found) == 1 and not found & {_UNKNOWN} else None

    def expression(self, op: Operand) -> Sequence[Known[int]] | None:
        """Comparisons of labels with themselves, constant matrices, and logic on them."""
        node = op.node
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _EQUAL:
            same = self.identity.compare(op.sub(node.left), op.sub(node.comparators[0]))
            certain = same is not None and same.is_certain and not same.is_row
            return [Known(_EQUAL[type(node.ops[0])] if certain else _UNKNOWN)]
        if isinstance(node, ast.UnaryOp):
            return [_not(k) for k in self.evaluate(op.sub(node.operand))] or None
        if isinstance(node, ast.BinOp):
            return self._combined(op, node.left, node.op, node.right)
        if isinstance(node, ast.Subscript) and not adds_axes(node.slice):
            return [Known(_UNKNOWN)]
        if isinstance(node, ast.Constant):
            return []
        return self._call(op) if isinstance(node, ast.Call) else None

    def update(self, known: list[Known[int]], binding: Binding, op: Operand) -> list[Known[int]]:
        """``mask.fill_diagonal_(0)`` says what the diagonal is; any other change leaves it unknown."""
        called = operation(op, self.project)
        if called is not None and called.name == "fill_diagonal_":
            return [Known(_literal(called.argument(0, "fill_value")))]
        return [Known(_UNKNOWN)]

    def _combined(self, op: Operand, left: ast.expr, how: ast.operator, right: ast.expr) -> list[Known[int]]:
        first, second = self._either(op.sub(left)), self._either(op.sub(right))
        if isinstance(how, (ast.Mult, ast.BitAnd)) and 0 in (first, second):
            return [Known(0)]
        if isinstance(how, ast.BitOr) and 1 in (first, second):
            return [Known(1)]
        if first is None or second is None:
            return [Known(_UNKNOWN)]
        if isinstance(how, (ast.Mult, ast.BitAnd)):
            return [Known(first * second)]
        if isinstance(how, ast.BitOr):
            return [Known(first | second)]
        if isinstance(how, ast.Sub) and first >= second:
            return [Known(first - second)]
        return [Known(_UNKNOWN)]

    def _either(self, op: Operand) -> int | None:
        literal = constant(op.node)
        return int(literal) if literal in (0, 1) and isinstance(literal, (int, float)) else self.value(op)

    def _call(self, op: Operand) -> Sequence[Known[int]] | None:
        if isinstance(op.node, ast.Call) and self.project.external(op.module, op.node.func) in _CREATIONS:
            return [Known(_CREATIONS[self.project.external(op.module, op.node.func) or ""])]
        called = operation(op, self.project)
        if called is None:
            return None
        name = called.name
        if name in _ONES or name in _ZEROS:
            return [Known(int(name in _ONES))]
        if name in ("eq", "ne") and (other := called.argument(0, "other")) is not None:
            same = self.identity.compare(called.tensor, op.sub(other))
            certain = same is not None and same.is_certain and not same.is_row
            return [Known(int(name == "eq") if certain else _UNKNOWN)]
        if name == "logical_not":
            return [_not(k) for k in self.evaluate(called.tensor)]
        if name in ("logical_and", "mul", "logical_or", "sub") and (other := called.argument(0, "other")) is not None:
            how = {"logical_or": ast.BitOr(), "sub": ast.Sub()}.get(name, ast.Mult())
            return self._combined(op, called.tensor.node, how, other)
        if name in ("fill_diagonal_", "fill_diagonal"):
            return [Known(_literal(called.argument(0, "fill_value")))]
        if name in ("masked_fill", "masked_fill_") and called.rest:
            filled = self.value(op.sub(called.rest[0])) == 1
            return [Known(_literal(called.argument(1, "value")) if filled else _UNKNOWN)]
        if name == "scatter":
            return [Known(0 if self._is_arange(called.argument(1, "index"), op) else _UNKNOWN)]
        if name in ("triu", "tril") and constant(called.argument(0, "diagonal")) not in (None, 0):
            return [Known(0 if (name == "triu") == _is_positive(called.argument(0, "diagonal")) else _UNKNOWN)]
        return self.evaluate(called.tensor) if name in _KEPT else [Known(_UNKNOWN)]

    def _is_arange(self, index: ast.expr | None, op: Operand) -> bool:
        return index is not None and any(
            isinstance(n, ast.Call) and self.project.external(op.module, n.func) == "torch.arange"
            for n in ast.walk(index)
        )


_UNKNOWN = -1
_CREATIONS = {"torch.ones": 1, "torch.eye": 1, "torch.zeros": 0, "torch.ones_like": 1, "torch.zeros_like": 0}


def _not(known: Known[int]) -> Known[int]:
    return Known(_UNKNOWN if known.what == _UNKNOWN else 1 - known.what, known.trail)


def _literal(node: ast.expr | None) -> int:
    value = constant(node)
    return int(value) if value in (0, 1) and isinstance(value, (int, float)) else _UNKNOWN


def _is_positive(node: ast.expr | None) -> bool:
    value = constant(node)
    return isinstance(value, int) and value > 0
