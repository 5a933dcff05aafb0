"""Whether a value is a probability out of a softmax or sigmoid, or the largest one of a prediction."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import Enum

from ..values.construction import Constructions, Made
from ..values.evaluate import Evaluator, distinct
from ..values.frames import Known, Operand
from ..values.tensors import UNCHANGED, operation

_SAME = UNCHANGED | {
    *("squeeze", "unsqueeze", "view", "reshape", "flatten", "ravel", "chunk", "split", "permute", "transpose", "numpy"),
    *("clamp", "masked_select", "index_select", "expand", "expand_as", "repeat", "mean", "data"),
}
_LAYERS = {"torch.nn.Softmax": "softmax", "torch.nn.Sigmoid": "sigmoid"}


class Prediction(Enum):
    """What a value is of a prediction."""

    PROBABILITIES = "probabilities over classes"
    SIGMOID = "probabilities by a sigmoid"
    CONFIDENCE = "the largest probability"


class Predictions(Evaluator[Prediction]):
    """What a value may be of a model's prediction, from the softmax or sigmoid on."""

    def expression(self, op: Operand) -> Sequence[Known[Prediction]] | None:
        """Softmax and sigmoid, the largest of what they give, and operations that keep either."""
        node = op.node
        if isinstance(node, ast.Call):
            return self._operated(op, node) if self._is_operation(op) else None
        if isinstance(node, ast.Attribute) and node.attr in ("values", "data"):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.BinOp):
            return self._sharpened(op, node)
        if isinstance(node, ast.Compare):
            return []
        return None

    def element(self, known: list[Known[Prediction]], op: Operand, index: tuple[int, ...]) -> list[Known[Prediction]]:
        """``torch.max(p, dim)`` gives values and positions; parts of anything else are as the whole."""
        called = operation(op, self.project)
        if called is not None and called.name in ("max", "topk", "sort"):
            return known if index in ((0,), ()) else []
        return known

    def _is_operation(self, op: Operand) -> bool:
        return operation(op, self.project) is not None or self._layer(op) is not None

    def _layer(self, op: Operand) -> str | None:
        """``self.softmax(x)`` of a layer that was made."""
        assert isinstance(op.node, ast.Call)
        if not isinstance(op.node.func, (ast.Name, ast.Attribute)) or not op.node.args:
            return None
        made: list[Known[Made]] = Constructions(self.flow).evaluate(op.sub(op.node.func))
        return next((_LAYERS[k.what.of] for k in made if isinstance(k.what.of, str) and k.what.of in _LAYERS), None)

    def _operated(self, op: Operand, node: ast.Call) -> list[Known[Prediction]]:
        called = operation(op, self.project)
        name = called.name if called is not None else ""
        if name not in ("softmax", "sigmoid"):
            name = self._layer(op) or name
        note = op.module.evidence(node, f"probabilities: `{op.text()}`")
        if name == "softmax":
            return [Known(Prediction.PROBABILITIES, (note,))]
        if name == "sigmoid":
            return [Known(Prediction.SIGMOID, (note,))]
        if called is None:
            return []
        inside = self.evaluate(called.tensor)
        if name in ("max", "amax", "topk", "maximum"):
            step = op.module.evidence(node, f"the largest probability: `{op.text()}`")
            kinds = [k for k in inside if k.what is Prediction.PROBABILITIES or called.argument(0, "dim") is not None]
            return [Known(Prediction.CONFIDENCE, (*k.trail, step)) for k in kinds]
        return inside if name in _SAME else []

    def _sharpened(self, op: Operand, node: ast.BinOp) -> list[Known[Prediction]]:
        """``p ** (1 / T)``, ``p / p.sum()`` and averages of two views stay probabilities."""
        sides = [self.evaluate(op.sub(side)) for side in (node.left, node.right)]
        if isinstance(node.op, (ast.Pow, ast.Div)):
            return [k for k in sides[0] if k.what is not Prediction.CONFIDENCE]
        if isinstance(node.op, ast.Add):
            return distinct([k for k in [*sides[0], *sides[1]] if k.what is not Prediction.CONFIDENCE])
        return []
