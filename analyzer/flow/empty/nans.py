"""Where a value may get NaN from: means of empty selections and nothing over nothing, carried on by arithmetic."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from ...findings import Confidence
from ...source.scopes import Binding
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand
from ..values.tensors import is_called_widely, is_open_parameter
from .arrays import ArrayCall, array_call
from .selections import Selections, conditions, emptiness, is_followed

_MEANS = frozenset({"mean", "average", "median", "std", "var"})
_CENTRES = frozenset({"center_of_mass"})
_COUNTS = frozenset({"sum", "count_nonzero"})
_CARRYING = frozenset(
    {
        *(
            "norm",
            "vector_norm",
            "abs",
            "absolute",
            "sqrt",
            "square",
            "pow",
            "power",
            "sum",
            "stack",
            "array",
            "asarray",
        ),
        *("tensor", "as_tensor", "cat", "concatenate", "concat", "vstack", "hstack", "cdist", "pairwise_distances"),
        *("euclidean_distances", "pairwise_distance", "exp", "log", "float", "double", "to", "cpu", "cuda", "numpy"),
        *("reshape", "view", "squeeze", "unsqueeze", "flatten", "ravel", "transpose", "permute", "expand", "detach"),
        *("astype", "subtract", "sub", "add", "mul", "multiply", "div", "divide", "clip", "clamp", "clone", "copy"),
        *("from_numpy", "einsum", "matmul", "dot", "mm", "expand_dims", "repeat", "expand_as", "t", "hypot", "cosine"),
        *("euclidean", "normalize", "softmax", "cosine_similarity", "round", "contiguous", "cosine_similarity", "tile"),
    }
)


class Nan(NamedTuple):
    """A place where NaN comes up.

    Attributes:
        place: the expression that gives NaN.
        condition: the mask that may be empty.
        confidence: how sure it is that it may be.
        why: in words.
    """

    place: Operand
    condition: Operand
    confidence: Confidence
    why: str


class Nans(Evaluator[Nan]):
    """The NaN that a value may hold."""

    def expression(self, op: Operand) -> Sequence[Known[Nan]] | None:
        """Arithmetic carries NaN on; whatever is not known ends the search."""
        node = op.node
        if isinstance(node, ast.BinOp):
            quotient = self._quotient(op, node) if isinstance(node.op, ast.Div) else []
            return [*quotient, *self._all(op, [node.left, node.right])]
        if isinstance(node, ast.UnaryOp):
            return self.evaluate(op.sub(node.operand))
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self.evaluate(op.sub(node.elt))
        if isinstance(node, (ast.List, ast.Tuple)):
            return self._all(op, node.elts)
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if isinstance(node, (ast.Compare, ast.Constant, ast.Lambda, ast.JoinedStr)):
            return []
        is_given = isinstance(node, ast.Name) and is_open_parameter(op, self.project)
        return [] if is_given and is_called_widely(op, self.project) else None

    def update(self, known: list[Known[Nan]], binding: Binding, op: Operand) -> list[Known[Nan]]:
        """``centres[k] = x`` and ``distances.append(x)`` put x in beside what is there."""
        node = op.node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and binding.value is node:
            if node.func.attr in ("append", "extend", "insert") and node.args:
                return [*known, *self.evaluate(op.sub(node.args[-1]))]
            if node.func.attr.endswith("_"):
                return known
        return [*known, *self.evaluate(op)]

    def _all(self, op: Operand, nodes: Sequence[ast.expr]) -> list[Known[Nan]]:
        return [k for n in nodes for k in self.evaluate(op.sub(n))]

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Nan]] | None:
        call = array_call(op, self.project)
        if call is None:
            if isinstance(node.func, ast.Name) and node.func.id in ("sum", "abs", "float", "list") and node.args:
                return self.evaluate(op.sub(node.args[0]))
            return None if is_followed(self.flow, op) else []
        if call.name in _MEANS:
            found = self._mean(op, call)
            return found or self.evaluate(call.array)
        if call.name in _CENTRES:
            masks = conditions(self.flow, call.array) if len(call.others) == 0 else []
            return [k for mask in masks for k in self._empty(op, mask)]
        if call.name in _CARRYING:
            carried = self._all(op, call.others)
            return [*(self.evaluate(call.array) if call.name != "einsum" else []), *carried]
        return []

    def _mean(self, op: Operand, call: ArrayCall) -> list[Known[Nan]]:
        selected = Selections(self.flow).evaluate(call.array)
        return [k for s in selected for k in self._empty(op, s.what.condition)]

    def _quotient(self, op: Operand, node: ast.BinOp) -> list[Known[Nan]]:
        """``(x * mask).sum() / mask.sum()`` where the mask is a comparison, and so is what is summed above."""
        below, above = array_call(op.sub(node.right), self.project), array_call(op.sub(node.left), self.project)
        if below is None or above is None or below.name not in _COUNTS or above.name != "sum":
            return []
        return [k for mask in conditions(self.flow, below.array) for k in self._empty(op, mask)]

    def _empty(self, op: Operand, mask: Operand) -> list[Known[Nan]]:
        told = emptiness(self.flow, mask)
        if told is None:
            return []
        confidence, why = told
        steps = (
            mask.module.evidence(mask.node, why),
            op.module.evidence(op.node, f"`{op.text()}` is NaN where nothing is selected"),
        )
        return [Known(Nan(op, mask, confidence, why), steps)]
