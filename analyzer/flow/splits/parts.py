"""Which part of a split a value is: what is trained on, or the rest."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from ...source.scopes import Binding, last_name
from ...source.written import written
from ..empty.arrays import array_call
from ..empty.selections import is_followed
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand

_SPLITS = frozenset({"train_test_split", "random_split"})
_KEEPING = frozenset(
    {
        *("array", "asarray", "tensor", "as_tensor", "from_numpy", "reshape", "astype", "float", "to_numpy", "copy"),
        *(
            "reset_index",
            "drop",
            "fillna",
            "view",
            "squeeze",
            "unsqueeze",
            "to",
            "values",
            "numpy",
            "DataFrame",
            "dropna",
        ),
        *("select_dtypes", "ravel", "flatten", "clone", "transpose", "cpu", "iloc", "loc"),
    }
)


class Part(NamedTuple):
    """A part of a split. ``whole`` names what was split: the call, or the array that is cut, with its position."""

    is_train: bool
    whole: tuple[int, int] | str


class Whole(NamedTuple):
    """A split before it is unpacked."""

    call: int


class Parts(Evaluator["Part | Whole"]):
    """The parts of splits that a value may be."""

    def expression(self, op: Operand) -> Sequence[Known[Part | Whole]] | None:
        """``train_test_split(...)``, ``x[:n]`` and ``x[n:]``; conversions are looked through."""
        node = op.node
        if isinstance(node, ast.Call):
            name = last_name(node.func)
            if name in _SPLITS:
                return [Known(Whole(id(node)), (op.module.evidence(node, f"`{op.text()}` splits the data"),))]
            call = array_call(op, self.project)
            if name in _KEEPING:
                inner = call.array if call is not None else op.sub(node.args[0]) if node.args else None
                return self.evaluate(inner) if inner is not None else []
            return None if call is None and is_followed(self.flow, op) else []
        if isinstance(node, ast.Subscript):
            return self._cut(op, node)
        if isinstance(node, ast.Attribute) and node.attr in ("values", "T", "iloc", "loc", "data"):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, (ast.Name, ast.Attribute)):
            return None
        return []

    def _cut(self, op: Operand, node: ast.Subscript) -> Sequence[Known[Part | Whole]] | None:
        first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        if isinstance(first, ast.Slice) and (first.lower is None) != (first.upper is None):
            is_train = first.lower is None
            step = op.module.evidence(node, f"`{op.text()}` is {'the first part' if is_train else 'what comes after'}")
            return [Known(Part(is_train, written(node.value)), (step,))]
        inside = self.evaluate(op.sub(node.value))
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
            return self.element(inside, op, (node.slice.value,))
        return inside

    def element(
        self, known: list[Known[Part | Whole]], op: Operand, index: tuple[int, ...]
    ) -> list[Known[Part | Whole]]:
        """The even results of ``train_test_split`` are trained on, the first of ``random_split``."""
        found: list[Known[Part | Whole]] = []
        for k in known:
            if isinstance(k.what, Whole) and index:
                found.append(Known(Part(index[0] % 2 == 0, (k.what.call, index[0] // 2)), k.trail))
            elif isinstance(k.what, Part):
                found.append(k)
        return found

    def update(self, known: list[Known[Part | Whole]], binding: Binding, op: Operand) -> list[Known[Part | Whole]]:
        """``x_train[cols] = scaler.transform(x_train[cols])`` stays the part that it was."""
        return known
