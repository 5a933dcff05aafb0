"""Where no gradient is kept: under ``no_grad``, in evaluation, and after operations that have none."""

from __future__ import annotations

import ast
from weakref import WeakKeyDictionary

from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Scope, last_name

_OFF = frozenset({"no_grad", "inference_mode"})
_EVALUATION = frozenset({"validation_step", "test_step", "predict_step", "validation_epoch_end", "test_epoch_end"})
WITHOUT_GRADIENT = frozenset(
    {
        *(
            "detach",
            "detach_",
            "item",
            "tolist",
            "numpy",
            "argmax",
            "argmin",
            "argsort",
            "shape",
            "size",
            "dim",
            "ndim",
        ),
        *("device", "dtype", "numel", "data", "grad", "requires_grad", "is_cuda", "eq", "ne", "gt", "lt", "ge", "le"),
        *("equal", "allclose", "isnan", "isfinite", "isinf", "any", "all", "nelement", "element_size", "stride"),
        *(
            "is_contiguous",
            "bincount",
            "searchsorted",
            "bucketize",
            "histc",
            "grad_fn",
            "is_tensor",
            "is_floating_point",
        ),
    }
)
"""Attributes, methods and functions of tensors whose result carries no gradient."""
_EVAL_SCOPES: WeakKeyDictionary[Scope, bool] = WeakKeyDictionary()


def is_off(project: Project, module: Module, node: ast.AST) -> bool:
    """Whether code runs without gradients: under ``no_grad``, in a function so decorated, or in an evaluation.

    A function counts as an evaluation where it puts a model into ``eval()``, never back into ``train()``, and calls no
    ``backward``, or where a trainer calls it for validation by its name.
    """
    for above in module.ancestors(node):
        if isinstance(above, (ast.With, ast.AsyncWith)) and any(_switches(i.context_expr) for i in above.items):
            return True
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if above.name in _EVALUATION or any(_switches(d) for d in above.decorator_list):
                return True
            if _evaluates(module.scope_at(above)):
                return True
    return False


def _switches(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return last_name(node) in _OFF
    name = last_name(node.func)
    if name == "set_grad_enabled":
        return bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value is False
    return name in _OFF


def _evaluates(scope: Scope) -> bool:
    known = _EVAL_SCOPES.get(scope)
    if known is None:
        methods = {
            n.func.attr: n for n in walk(scope.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
        }
        evaluates = "eval" in methods and not methods["eval"].args
        known = _EVAL_SCOPES[scope] = evaluates and "backward" not in methods and "train" not in methods
    return known
