"""Masks of confident predictions: a confidence compared with a threshold, and the loss that the mask is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...findings import Evidence
from ...source.scopes import key_of, last_name
from ...source.syntax import in_order
from ..values.evaluate import Evaluator, distinct
from ..values.frames import Known, Operand
from ..values.tensors import UNCHANGED, operation
from .confidence import Prediction, Predictions

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module
    from ...source.syntax import Syntax

_ABOVE = {"ge", "gt", "greater", "greater_equal"}
LOSSES = {
    *("cross_entropy", "nll_loss", "kl_div", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits", "log_softmax", "logsigmoid", "softplus"),
}
"""Functions of torch that a loss is made of."""
_LOSS_LAYERS = ("Loss",)
_CARRYING = UNCHANGED | {"int", "long", "bool", "view", "reshape", "unsqueeze", "squeeze", "expand_as", "mul", "mul_"}
_REDUCING = UNCHANGED | {"mean", "sum", "view", "reshape", "squeeze", "unsqueeze", "flatten", "neg"}


@dataclass(frozen=True, eq=False)
class Mask:
    """Where a confidence is compared with a threshold for a loss.

    Attributes:
        module: the file.
        node: the comparison.
        threshold: what the confidence must exceed.
        trail: how the confidence comes out of the softmax.
        use: where the mask meets the loss.
    """

    module: Module
    node: ast.expr
    threshold: ast.expr
    trail: tuple[Evidence, ...]
    use: ast.AST


def may_have_mask(syntax: Syntax) -> bool:
    """Whether a file compares something with more than a plain number."""
    found = (_compared(node) for node in (*syntax.comparisons, *syntax.calls))
    return any(sides is not None and _may_be_limited(*sides) for sides in found)


def masks(project: Project, module: Module) -> Iterator[Mask]:
    """The masks of a file that keep unsure predictions out of a loss."""
    for node in in_order(module.syntax.comparisons, module.syntax.calls):
        sides = _compared(node)
        if sides is None or not _may_be_mask(module, node, sides):
            continue
        known = Predictions(project.flow).evaluate(project.flow.operand(module, sides[0]))
        sure = [k for k in known if k.what in (Prediction.CONFIDENCE, Prediction.SIGMOID)]
        use = _use_in_loss(project, module, node) if sure else None
        if use is not None:
            yield Mask(module, node, sides[1], sure[0].trail, use)


def _may_be_mask(module: Module, node: ast.expr, sides: tuple[ast.expr, ast.expr]) -> bool:
    """Whether a comparison may be a mask by its place: in a function, with more than a plain number, and no test."""
    if not _may_be_limited(*sides):
        return False
    above = module.parent(node)
    if isinstance(above, (ast.If, ast.While, ast.Assert, ast.BoolOp)):
        return False
    return not (isinstance(above, ast.IfExp) and above.test is node) and module.scope_of(node).is_function


def _may_be_limited(value: ast.expr, limit: ast.expr) -> bool:
    return not isinstance(value, ast.Constant) and (
        not isinstance(limit, ast.Constant) or isinstance(limit.value, float)
    )


def _compared(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """The value and the limit of ``a > t``, ``t < a``, ``a.ge(t)``, ``torch.gt(a, t)``."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        if isinstance(node.ops[0], (ast.Gt, ast.GtE)):
            return node.left, node.comparators[0]
        if isinstance(node.ops[0], (ast.Lt, ast.LtE)):
            return node.comparators[0], node.left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ABOVE:
        if len(node.args) == 1:
            return node.func.value, node.args[0]
        if len(node.args) == 2:
            return node.args[0], node.args[1]
    return None


def _use_in_loss(project: Project, module: Module, node: ast.expr) -> ast.AST | None:
    """Where a mask is multiplied with a loss, picks what goes into one, or is given to a function that does it."""
    waiting, seen = [node], {id(node)}
    scope = module.scope_of(node)
    while waiting:
        current = waiting.pop()
        above = module.parent(current)
        outer = module.parent(above) if above is not None else None
        following: list[ast.expr] = []
        if isinstance(above, ast.Attribute) and isinstance(outer, ast.Call) and outer.func is above:
            if above.attr in _CARRYING:
                following.append(outer)
        elif isinstance(above, ast.BinOp) and isinstance(above.op, (ast.BitAnd, ast.BitOr)):
            following.append(above)
        elif isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mult):
            other = above.right if above.left is current else above.left
            if _is_loss(project, module, other):
                return above
            following.append(above)
        elif isinstance(above, ast.Subscript) and above.slice is current:
            loss = _loss_around(project, module, above)
            if loss is not None:
                return loss
        elif isinstance(above, (ast.Call, ast.keyword)):
            call = above if isinstance(above, ast.Call) else outer
            if isinstance(call, ast.Call) and last_name(call.func) in ("mul", "where", "mean", "sum"):
                following.append(call)
            elif isinstance(call, ast.Call) and _is_loss(project, module, call):
                return call
        elif isinstance(above, ast.Assign) and len(above.targets) == 1:
            key = key_of(above.targets[0])
            loads = [n for n in module.loads.get(key or "", ()) if module.scope_of(n) is scope]
            following += [n for n in loads if n.lineno >= current.lineno]
        for found in following:
            if id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
    return None


def _loss_around(project: Project, module: Module, node: ast.expr) -> ast.AST | None:
    """The loss that takes in a value, or the name that the value is given to."""
    current: ast.AST = node
    for above in module.ancestors(node):
        if isinstance(above, ast.Call) and _is_loss(project, module, above):
            return above
        if isinstance(above, ast.stmt):
            current = above
            break
    if isinstance(current, ast.Assign) and isinstance(current.targets[0], ast.Name):
        for load in module.loads.get(current.targets[0].id, ()):
            call = module.parent(load)
            if load.lineno > current.lineno and isinstance(call, ast.Call) and _is_loss(project, module, call):
                return call
    return None


def _is_loss(project: Project, module: Module, node: ast.expr) -> bool:
    return bool(_Losses(project.flow).evaluate(project.flow.operand(module, node)))


class _Losses(Evaluator[bool]):
    """Whether a value comes out of a loss."""

    def expression(self, op: Operand) -> Sequence[Known[bool]] | None:
        node = op.node
        if isinstance(node, ast.BinOp):
            return distinct([k for side in (node.left, node.right) for k in self.evaluate(op.sub(side))])
        if isinstance(node, ast.UnaryOp):
            return self.evaluate(op.sub(node.operand))
        if isinstance(node, ast.Call):
            called = self.project.external(op.module, node.func)
            if called is not None and called.rpartition(".")[2] in LOSSES:
                return [Known(True)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in LOSSES:
                return [Known(True)]
            if isinstance(node.func, (ast.Name, ast.Attribute)) and self._is_layer(op.sub(node.func)):
                return [Known(True)]
            inner = operation(op, self.project)
            if inner is not None and inner.name in _REDUCING:
                return self.evaluate(inner.tensor)
        return None

    def _is_layer(self, op: Operand) -> bool:
        """``self.criterion(x, y)`` of a loss that was made."""
        for source in self.flow.sources(op):
            made = source.operand.node if source.operand is not None else None
            if source.operand is not None and isinstance(made, ast.Call):
                name = self.project.external(source.operand.module, made.func) or ""
                if name.startswith("torch.nn") and name.endswith(_LOSS_LAYERS):
                    return True
        return False
