"""Constant factors in arithmetic: products and quotients flattened, numbers found through names, powers of pi kept."""

from __future__ import annotations

import ast
import math
from typing import NamedTuple

from ...source.scopes import Kind
from ..values.flow import Flow
from ..values.frames import Operand

_PI_HOMES = {"math", "numpy", "torch", "scipy", "jax", "cupy", "tensorflow", "cmath"}
_NUMBER_MAKERS = {"float", "int", "tensor", "array", "float32", "float64", "as_tensor", "asarray", "Tensor"}
_DEEPEST = 5
_CLOSE = 2e-4


class Scale(NamedTuple):
    """A constant ``value * pi ** power``."""

    value: float
    power: int = 0

    @property
    def total(self) -> float:
        """The plain number."""
        return self.value * math.pi**self.power

    def times(self, other: Scale) -> Scale:
        """The product."""
        return Scale(self.value * other.value, self.power + other.power)

    def over(self, other: Scale) -> Scale | None:
        """The quotient, None for a division by zero."""
        return None if other.value == 0 else Scale(self.value / other.value, self.power - other.power)


class Product(NamedTuple):
    """A chain of multiplications and divisions: the constant part, and what is left above and below the line."""

    scale: Scale
    above: tuple[Operand, ...]
    below: tuple[Operand, ...]


def product(flow: Flow, op: Operand) -> Product:
    """Flatten ``a * b / c``; an expression that is no product is its own only factor."""
    return _product(flow, op, 0)


def number(flow: Flow, op: Operand) -> Scale | None:
    """The constant that an expression always is; None where it is not one."""
    return _number(flow, op, 0)


def _product(flow: Flow, op: Operand, depth: int) -> Product:
    node = op.node
    constant = _number(flow, op, depth)
    if constant is not None:
        return Product(constant, (), ())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _product(flow, op.sub(node.operand), depth)
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return Product(inner.scale.times(Scale(sign)), inner.above, inner.below)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        left, right = (_product(flow, op.sub(side), depth) for side in (node.left, node.right))
        if isinstance(node.op, ast.Mult):
            scale = left.scale.times(right.scale)
            return Product(scale, left.above + right.above, left.below + right.below)
        quotient = left.scale.over(right.scale)
        if quotient is not None:
            return Product(quotient, left.above + right.below, left.below + right.above)
    return Product(Scale(1.0), (op,), ())


def _number(flow: Flow, op: Operand, depth: int) -> Scale | None:
    node = op.node
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            return None
        return Scale(node.value / math.pi, 1) if abs(node.value - math.pi) < _CLOSE else Scale(float(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(flow, op.sub(node.operand), depth)
        return inner and Scale(-inner.value, inner.power)
    if isinstance(node, ast.BinOp):
        return _arithmetic(flow, op, node, depth)
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return _number(flow, op.sub(node.args[0]), depth + 1) if name in _NUMBER_MAKERS and node.args else None
    if isinstance(node, (ast.Name, ast.Attribute)):
        return _named(flow, op, depth)
    return None


def _arithmetic(flow: Flow, op: Operand, node: ast.BinOp, depth: int) -> Scale | None:
    left = _number(flow, op.sub(node.left), depth)
    right = _number(flow, op.sub(node.right), depth) if left is not None else None
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Mult):
        return left.times(right)
    if isinstance(node.op, ast.Div):
        return left.over(right)
    if isinstance(node.op, (ast.Add, ast.Sub)) and left.power == right.power:
        sign = 1.0 if isinstance(node.op, ast.Add) else -1.0
        return Scale(left.value + sign * right.value, left.power)
    if isinstance(node.op, ast.Pow) and right.power == 0 and right.value in (-2, -1, 2, 3) and left.value:
        return Scale(left.value**right.value, left.power * int(right.value))
    return None


def _named(flow: Flow, op: Operand, depth: int) -> Scale | None:
    name = flow.project.external(op.module, op.node)
    if name is not None and name.rpartition(".")[2] == "pi" and name.partition(".")[0] in _PI_HOMES:
        return Scale(1.0, 1)
    bindings = flow.reaching(op.frame.scope).at(op.node)
    # A parameter is whatever its callers give: a default or a single caller does not make it a constant.
    if bindings and (len(bindings) > 1 or next(iter(bindings)).kind is not Kind.ASSIGN):
        return None
    sources = flow.sources(op)
    if len(sources) != 1 or sources[0].operand is None or sources[0].index or sources[0].is_element:
        return None
    if sources[0].binding is not None and sources[0].binding.kind is not Kind.ASSIGN:
        return None
    return _number(flow, sources[0].operand, depth + 1)
