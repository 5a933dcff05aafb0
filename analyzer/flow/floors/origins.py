"""Values that reach zero by themselves: probabilities that underflow, and differences that leave only rounding."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from ...source.scopes import key_of, last_name
from ..autograd.saved import layer_name
from ..values.construction import Constructions
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand
from ..values.tensors import constant, operation

_KEEPING = frozenset(
    {
        *("view", "t", "transpose", "permute", "squeeze", "unsqueeze", "flatten", "reshape", "contiguous", "detach"),
        *("float", "to", "cpu", "cuda", "clone", "gather", "index_select", "type", "type_as", "expand", "diagonal"),
        *("min", "amin", "select", "narrow", "take_along_dim"),
    }
)
_CHOOSING = frozenset({"gather", "take_along_dim", "index_select", "take"})
_CHOICES = frozenset({"argmax", "multinomial", "sample"})
_DEEPEST = 6
_ROUNDED = frozenset({"eigvalsh", "eigvals", "svdvals", "eigh", "symeig"})
_PRODUCTS = frozenset({"mm", "matmul", "bmm", "einsum"})
_LAYERS = {"Softmax": "softmax", "Softmax2d": "softmax", "Sigmoid": "sigmoid"}


class Source(Enum):
    """Where a value that may be zero comes from."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    REST = "1 - sigmoid"
    ROUNDED = "rounded"
    OTHER = "other"


class Reaching(NamedTuple):
    """A source, the call that is it, and whether the value is that call's whole result."""

    source: Source
    made: Operand | None = None
    is_whole: bool = True


OTHER = Reaching(Source.OTHER)


class Origins(Evaluator[Reaching]):
    """Whether a value is a probability that may underflow, or what a cancellation leaves."""

    def expression(self, op: Operand) -> Sequence[Known[Reaching]] | None:
        """Softmax, sigmoid and eigenvalues are known; views and parts are looked through; all else is another value."""
        node = op.node
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Compare):
            return [Known(OTHER)]  # what is small may be left out
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if any(self._is_chosen(op.sub(p)) for p in parts):
                return [Known(OTHER)]
            inner = self.evaluate(op.sub(node.value))
            return [Known(_part(k.what), k.trail) for k in inner] if inner else None
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT", "eigenvalues", "values"):
            return self.evaluate(op.sub(node.value))
        return (
            [Known(OTHER)] if isinstance(node, (ast.Constant, ast.UnaryOp, ast.Compare, ast.List, ast.Dict)) else None
        )

    def update(self, known: list[Known[Reaching]], binding: object, op: Operand) -> list[Known[Reaching]]:
        """A changed value is another one."""
        return [Known(OTHER)]

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Reaching]] | None:
        layer = layer_name(op, self.flow)
        if layer:
            return [self._known(Source(_LAYERS[layer]), op)] if layer in _LAYERS else [Known(OTHER)]
        called = operation(op, self.project)
        if called is None:
            return None
        if called.name in ("softmax", "sigmoid"):
            return [self._known(Source(called.name), op)]
        if called.name in _ROUNDED:
            return [self._known(Source.ROUNDED, op)]
        if called.name in _CHOOSING and any(self._is_chosen(op.sub(a)) for a in (*node.args, *_values(node))):
            return [Known(OTHER)]
        if called.name in _KEEPING:
            return [Known(_part(k.what), k.trail) for k in self.evaluate(called.tensor)]
        if called.is_method and (self.flow.calls.callees(op) or Constructions(self.flow).evaluate(op.sub(node.func))):
            return None
        return [Known(OTHER)]

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> Sequence[Known[Reaching]]:
        if isinstance(node.op, ast.Sub) and constant(node.left) in (1, 1.0):
            inner = self.evaluate(op.sub(node.right))
            is_rest = inner and all(k.what.source is Source.SIGMOID for k in inner)
            if is_rest:
                return [Known(Reaching(Source.REST, k.what.made, k.what.is_whole), k.trail) for k in inner]
        if isinstance(node.op, ast.Sub) and self._is_twice_a_product(op.sub(node.right)):
            return [self._known(Source.ROUNDED, op)]
        return [Known(OTHER)]

    def _is_chosen(self, op: Operand, depth: int = 0) -> bool:
        """Whether places are those of the largest probability, or drawn by probability: neither has one of 0."""
        node = op.node
        if depth > _DEEPEST:
            return False
        if isinstance(node, ast.Call):
            name = last_name(node.func)
            if name in _CHOICES:
                return True
            if name in _CHOOSING and any(self._is_chosen(op.sub(a), depth + 1) for a in (*node.args, *_values(node))):
                return True  # `order.gather(-1, drawn)`: what was drawn, by its place before sorting
            given = self.flow.calls.returns(op)
            if given:
                return all(self._is_chosen(result, depth + 1) for result in given)
            is_kept = name in _KEEPING and isinstance(node.func, ast.Attribute)
            return is_kept and self._is_chosen(op.sub(node.func.value), depth + 1)  # pyright: ignore[reportAttributeAccessIssue]
        found = self.flow.sources(op) if key_of(node) is not None else []
        return bool(found) and all(s.operand is not None and self._is_chosen(s.operand, depth + 1) for s in found)

    def _is_twice_a_product(self, op: Operand) -> bool:
        """``2 * a @ b.T``, the middle of a squared distance written out."""
        node = op.node
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Mult, ast.MatMult)):
            return False
        parts = list(ast.walk(node))
        twice = any(constant(p) in (2, 2.0) for p in parts if isinstance(p, ast.expr))
        called = [operation(op.sub(p), self.project) for p in parts if isinstance(p, ast.Call)]
        is_product = any(isinstance(p, ast.MatMult) for p in parts) or any(
            c is not None and c.name in _PRODUCTS for c in called
        )
        return twice and is_product

    def _known(self, source: Source, op: Operand) -> Known[Reaching]:
        return Known(Reaching(source, op), (op.module.evidence(op.node, _NOTES[source].format(op.text())),))


_NOTES = {
    Source.SOFTMAX: "`{}` underflows to 0 where one logit is some 100 above another",
    Source.SIGMOID: "`{}` is 0 for logits below about -100",
    Source.REST: "`{}`",
    Source.ROUNDED: "`{}` is exact to its type's rounding only, and may come out a little below 0",
}


def _values(call: ast.Call) -> list[ast.expr]:
    return [k.value for k in call.keywords]


def _part(what: Reaching) -> Reaching:
    return Reaching(what.source, what.made, False)
