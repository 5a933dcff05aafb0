"""What a position in an image or volume is made of: measured on an object there, or drawn at random."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...source.scopes import Binding, Kind, key_of
from ..empty.arrays import array_call
from ..empty.selections import is_followed
from ..items.seeds import DRAWS
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand

_CENTRES = frozenset({"center_of_mass", "regionprops_centroid"})
_PLACES = frozenset({"argwhere", "nonzero", "flatnonzero", "where"})
_SUMMARIES = frozenset({"mean", "average", "median", "min", "max", "amin", "amax", "sum"})
_CARRYING = frozenset(
    {
        *("round", "rint", "floor", "ceil", "astype", "int", "long", "float", "to", "tolist", "array", "asarray"),
        *("tensor", "as_tensor", "stack", "clip", "clamp", "minimum", "maximum", "item", "numpy", "copy", "tuple"),
        *("squeeze", "flatten", "view", "reshape", "trunc", "abs", "cpu", "int_", "int32", "int64", "intp", "around"),
    }
)
_BUILTINS = frozenset({"int", "round", "float", "max", "min", "list", "tuple", "map", "abs"})
_DEEPEST = 8


@dataclass(frozen=True)
class Position:
    """``measured`` on the object (else drawn at random); ``is_vector`` where it still has all of its axes.

    ``is_other``: drawn for other items of the list in which the measured ones are: background beside objects.
    """

    measured: bool
    is_vector: bool = False
    is_other: bool = False


class Positions(Evaluator[Position]):
    """What the numbers of a position come from; nothing for constants, sizes and what is not known."""

    def expression(self, op: Operand) -> Sequence[Known[Position]] | None:
        """Arithmetic, rounding and clamping keep what a position is made of."""
        node = op.node
        if isinstance(node, ast.BinOp):
            left, right = self.evaluate(op.sub(node.left)), self.evaluate(op.sub(node.right))
            is_joined = isinstance(node.op, ast.Add) and self._is_list(op.sub(node.left))
            if is_joined and self._is_list(op.sub(node.right)):
                return _beside(left, right)
            return [*left, *right]
        if isinstance(node, ast.UnaryOp):
            return self.evaluate(op.sub(node.operand))
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            inside = self.evaluate(op.sub(node.elt))
            return [Known(replace(k.what, is_vector=True), k.trail) for k in inside]
        if isinstance(node, (ast.List, ast.Tuple)):
            return [k for e in node.elts for k in self.evaluate(op.sub(e))]
        if isinstance(node, ast.Attribute) and node.attr in ("centroid", "weighted_centroid"):
            return [self._measured(op, True)]
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if isinstance(node, (ast.Compare, ast.Constant, ast.Lambda)):
            return []
        return None

    def element(self, known: list[Known[Position]], op: Operand, index: tuple[int, ...]) -> list[Known[Position]]:
        """One axis of a centre is a number."""
        return [Known(replace(k.what, is_vector=False), k.trail) for k in known]

    def update(self, known: list[Known[Position]], binding: Binding, op: Operand) -> list[Known[Position]]:
        """``centre += shift`` and ``centres.append(centre)`` add what is put in."""
        node = op.node
        if isinstance(node, ast.Call) and binding.value is node and isinstance(node.func, ast.Attribute):
            if node.func.attr == "extend" and node.args and self._is_list(op.sub(node.args[0])):
                return _beside(known, self.evaluate(op.sub(node.args[0])))
            if node.func.attr in ("append", "extend") and node.args:
                return [*known, *self.evaluate(op.sub(node.args[0]))]
            drawn = [self._drawn(op)] if node.func.attr in DRAWS else []
            return [*known, *drawn]
        return [*known, *self.evaluate(op)]

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Position]] | None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in DRAWS:
            return [self._drawn(op)]
        call = array_call(op, self.project)
        if call is None:
            if isinstance(node.func, ast.Name) and name in _BUILTINS:
                return [k for a in node.args for k in self.evaluate(op.sub(a))]
            return None if is_followed(self.flow, op) else []
        if name in _CENTRES:
            return [self._measured(op, True)]
        if name in _SUMMARIES:
            axes = [*call.rest, *(v for k, v in call.keywords.items() if k in ("axis", "dim"))]
            if self._is_places(call.array):
                return [self._measured(op, bool(axes))]
            return [] if name in ("sum", "mean") else self.evaluate(call.array)
        if name in _CARRYING:
            return [*self.evaluate(call.array), *(k for a in call.others for k in self.evaluate(op.sub(a)))]
        return []

    def _is_list(self, op: Operand, depth: int = 0) -> bool:
        """Whether a value is a list for certain, so that ``+`` puts another one beside it."""
        node = op.node
        if depth > _DEEPEST or isinstance(node, (ast.List, ast.ListComp)):
            return depth <= _DEEPEST
        if isinstance(node, ast.BinOp):
            return all(self._is_list(op.sub(n), depth + 1) for n in (node.left, node.right))
        if isinstance(node, ast.Call):
            found = list(self.flow.calls.returns(op))
        elif key_of(node) is not None:
            found = [s.operand for s in self.flow.sources(op) if s.binding is None or s.binding.kind is not Kind.UPDATE]
        else:
            return False
        return bool(found) and all(o is not None and self._is_list(o, depth + 1) for o in found)

    def _is_places(self, op: Operand, depth: int = 0) -> bool:
        """Whether a value is the coordinates of the entries where something holds."""
        node = op.node
        if depth > _DEEPEST:
            return False
        if isinstance(node, ast.Subscript):
            return self._is_places(op.sub(node.value), depth + 1)
        if isinstance(node, ast.Call):
            call = array_call(op, self.project)
            if call is None:
                return False
            if call.name in _PLACES:
                return call.name != "where" or not call.rest
            return call.name in _CARRYING and self._is_places(call.array, depth + 1)
        if key_of(node) is not None:
            found = [s.operand for s in self.flow.sources(op) if s.operand is not None and not s.is_element]
            return bool(found) and all(self._is_places(inner, depth + 1) for inner in found)
        return False

    def _measured(self, op: Operand, is_vector: bool) -> Known[Position]:
        return Known(Position(True, is_vector), (op.module.evidence(op.node, f"`{op.text()}` is the object's centre"),))

    def _drawn(self, op: Operand) -> Known[Position]:
        return Known(Position(False), (op.module.evidence(op.node, f"`{op.text()}` is drawn at random"),))


def _beside(left: list[Known[Position]], right: list[Known[Position]]) -> list[Known[Position]]:
    """What two lists hold together; where one is measured throughout, what the other draws is for items of its own."""
    is_apart = any(known and all(k.what.measured or k.what.is_other for k in known) for known in (left, right))
    return [
        Known(replace(k.what, is_other=True), k.trail) if is_apart and not k.what.measured else k
        for k in (*left, *right)
    ]
