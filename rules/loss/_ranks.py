"""How many dimensions a tensor has, where the code that makes or uses it shows that."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...analyzer.flow.values.evaluate import Evaluator
from ...analyzer.flow.values.frames import Known, Operand
from ...analyzer.flow.values.tensors import Operation, constant, operation
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of

_SAME = frozenset(
    {
        *("exp", "log", "div", "mul", "add", "sub", "clone", "detach", "float", "half", "double", "to", "cuda", "cpu"),
        *("softmax", "log_softmax", "sigmoid", "tanh", "relu", "contiguous", "masked_fill", "clamp", "normalize"),
        *("long", "flip", "roll", "fill_diagonal_", "type", "bool", "clamp_min", "int", "pow", "abs", "sqrt"),
    }
)
_LINES = frozenset({"arange", "randperm", "linspace", "mv"})
_SIZED = frozenset({"zeros", "ones", "rand", "randn", "full", "empty"})
_DROPPING = frozenset({"sum", "mean", "logsumexp", "argmax", "argmin", "amax", "amin", "norm"})

_ASKING = {"mv": (2, 1), "mm": (2, 2), "dot": (1, 1)}
"""The dimensions that products ask of both sides."""


def rank_of(node: ast.expr, module: Module, project: Project) -> int | None:
    """The dimensions of a tensor; None where nothing shows them, or several ways disagree.

    ``torch.mv(z, row)`` and ``torch.mm(a, b)`` show those of what they are given, since they take nothing else.
    """
    used = rank_by_use(node, module, project)
    if used is not None:
        return used
    found = {k.what for k in Ranks(project.flow).evaluate(project.flow.operand(module, node))}
    return found.pop() if len(found) == 1 else None


def rank_by_use(node: ast.expr, module: Module, project: Project) -> int | None:
    """The dimensions that a function's own calls ask of a name: two of a matrix, one of a vector."""
    key = key_of(node)
    if key is None:
        return None
    flow = project.flow
    for call in ast.walk(module.scope_of(node).node):
        called = operation(flow.operand(module, call), project) if isinstance(call, ast.Call) else None
        if called is None or called.name not in _ASKING or not called.rest:
            continue
        first, second = _ASKING[called.name]
        if key_of(called.tensor.node) == key:
            return first
        if key_of(called.rest[0]) == key:
            return second
    return None


class Ranks(Evaluator[int]):
    """The number of a tensor's dimensions; [] where it is not known."""

    def element(self, known: list[Known[int]], op: Operand, index: tuple[int, ...]) -> list[Known[int]]:
        """A part of a tensor has another number; a part of a tuple was taken before."""
        return []

    def expression(self, op: Operand) -> Sequence[Known[int]] | None:
        """Products, sizes and reductions tell it; arithmetic takes the larger one."""
        node = op.node
        if isinstance(node, ast.Constant):
            return [Known(0)] if isinstance(node.value, (int, float)) else []
        if isinstance(node, ast.UnaryOp):
            return self.evaluate(op.sub(node.operand))
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.MatMult):
                return self._product(op, node.left, node.right)
            return self._larger(op, [node.left, node.right])
        if isinstance(node, ast.Compare):
            return self._larger(op, [node.left, *node.comparators])
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Call):
            called = operation(op, self.project)
            return self._call(op, called) if called is not None else None
        return [] if isinstance(node, ast.Subscript) else None

    def _call(self, op: Operand, called: Operation) -> Sequence[Known[int]]:
        name = called.name
        if name in ("mm", "eye", "cdist"):
            return [Known(2)]
        if name in _LINES:
            return [Known(1)]
        if name in _SIZED and isinstance(op.node, ast.Call):
            given = op.node.args
            sizes = given[0].elts if len(given) == 1 and isinstance(given[0], (ast.Tuple, ast.List)) else given
            return [Known(len(sizes))] if not any(isinstance(s, ast.Starred) for s in sizes) and name != "full" else []
        if name == "matmul" and called.rest:
            return self._product(op, called.tensor.node, called.rest[0])
        if name in ("view", "reshape") and called.is_method and isinstance(op.node, ast.Call):
            return [Known(len(op.node.args))] if not isinstance(op.node.args[0], (ast.Tuple, ast.Starred)) else []
        if name == "t":
            return [Known(2)]
        if name in _SAME:
            return self.evaluate(called.tensor)
        inner = [k.what for k in self.evaluate(called.tensor)]
        if name in ("unsqueeze", "stack"):
            return [Known(rank + 1) for rank in inner]
        if name == "cosine_similarity" and called.rest:
            both = inner + [k.what for k in self.evaluate(op.sub(called.rest[0]))]
            return [Known(max(both) - 1)] if len(both) == 2 else []
        if name in _DROPPING and "keepdim" not in called.keywords:
            dim = called.argument(0, "dim", "axis")
            return [Known(0)] if dim is None else [Known(r - 1) for r in inner if isinstance(constant(dim), int)]
        return []

    def _product(self, op: Operand, left: ast.expr, right: ast.expr) -> Sequence[Known[int]]:
        """``z @ z.t()`` is a matrix; of two tensors the larger number counts where both have two or more."""
        is_transposed = (isinstance(right, ast.Attribute) and right.attr == "T") or (
            isinstance(right, ast.Call)
            and isinstance(right.func, ast.Attribute)
            and right.func.attr in ("t", "transpose")
        )
        if is_transposed:
            under = right.value if isinstance(right, ast.Attribute) else right.func.value  # pyright: ignore[reportAttributeAccessIssue]
            if key_of(under) is not None and key_of(under) == key_of(left):
                inner = [k.what for k in self.evaluate(op.sub(left))]
                return [Known(max([2, *inner]))]
        both = [k.what for side in (left, right) for k in self.evaluate(op.sub(side))]
        return [Known(max(both))] if len(both) == 2 and min(both) >= 2 else []

    def _larger(self, op: Operand, sides: Sequence[ast.expr]) -> Sequence[Known[int]]:
        """The larger of both; a side of which nothing is known counts as a number beside a tensor of two."""
        known = [[k.what for k in self.evaluate(op.sub(side))] for side in sides]
        told = [max(ranks) for ranks in known if ranks]
        if not told or (len(told) < len(sides) and max(told) < 2):
            return []
        return [Known(max(told))]
