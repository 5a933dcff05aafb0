"""Which column of its row a classification target names: the row's own one, or another."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import Enum

from ...source.scopes import Binding
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand
from ..values.tensors import UNCHANGED, constant, operation

_KEPT = UNCHANGED | {"long", "int", "view", "reshape", "squeeze", "flatten", "unsqueeze"}


class Target(Enum):
    """What a target tensor says. ``SELF``: row i is class i. ``OTHER``: integers that say something else."""

    SELF = "self"
    OTHER = "other"
    SOFT = "soft"
    """Shares of all classes, not one class a row."""


class Targets(Evaluator[Target]):
    """Follows targets to the call that makes them."""

    def expression(self, op: Operand) -> Sequence[Known[Target]] | None:
        """``arange(n)`` is the diagonal, and so is an identity matrix; arithmetic on it leaves the diagonal."""
        node = op.node
        if isinstance(node, ast.Compare):
            return [Known(Target.SOFT)]
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            parts = [node.left, node.right] if isinstance(node, ast.BinOp) else []
            known = [k.what for p in parts for k in self.evaluate(op.sub(p))]
            return [Known(Target.OTHER)] if known and Target.SOFT not in known else [Known(Target.SOFT)] * bool(known)
        if not isinstance(node, ast.Call):
            return None
        called = operation(op, self.project)
        if called is None:
            return None
        name = called.name
        if name in _KEPT:
            return self.evaluate(called.tensor)
        if name == "arange":
            start = constant(called.tensor.node)
            counted = len(called.rest) == 0 or (start == 0 and len(called.rest) == 1)
            return [Known(Target.SELF if counted else Target.OTHER)]
        if name in ("eye", "diag") and not called.is_method:
            return [Known(Target.SELF)]
        if name in ("softmax", "one_hot", "eq", "fill_diagonal_"):
            return [Known(Target.SOFT)]
        if name in ("cat", "concat", "stack", "argmax", "randint", "zeros", "tensor", "as_tensor", "full"):
            return [Known(Target.OTHER)]
        return [Known(Target.OTHER)] if self.evaluate(called.tensor) else None

    def update(self, known: list[Known[Target]], binding: Binding, op: Operand) -> list[Known[Target]]:
        """Changed in place, a count of rows is something else."""
        return [Known(Target.OTHER) for _ in known]
