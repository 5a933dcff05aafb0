"""Writes into a tensor's own memory: methods with an underscore, augmented assignments, assignments to a part."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from ...graph.project import Project
from ...source.module import Module
from ...source.scopes import key_of, last_name
from .saved import VIEWS

_WITH_TWIN = frozenset(
    {
        *("abs_", "add_", "addcdiv_", "addcmul_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "cumsum_", "div_"),
        *("exp_", "floor_", "fmod_", "index_add_", "index_copy_", "index_fill_", "index_put_", "lerp_", "log_"),
        *("masked_fill_", "masked_scatter_", "mul_", "multiply_", "nan_to_num_", "neg_", "pow_", "reciprocal_"),
        *("relu_", "remainder_", "round_", "rsqrt_", "scatter_", "scatter_add_", "sigmoid_", "sqrt_", "square_"),
        *("sub_", "subtract_", "tanh_", "tril_", "triu_", "true_divide_", "divide_", "log1p_", "ceil_", "expm1_"),
    }
)
_WITHOUT_TWIN = frozenset(
    {"fill_", "zero_", "copy_", "fill_diagonal_", "normal_", "uniform_", "bernoulli_", "random_", "exponential_"}
)
WRITING = _WITH_TWIN | _WITHOUT_TWIN
"""Methods of a tensor that write into it."""
_VIEW_HEADS = ("torch.diagonal", "torch.transpose", "torch.select", "torch.narrow")
_VIEW_NAMES = {name.rpartition(".")[2] for name in _VIEW_HEADS}


class How(Enum):
    """The form of a write."""

    METHOD = "method"
    AUGMENTED = "augmented"
    PART = "part"


class Write(NamedTuple):
    """One write. ``node`` is the call or statement, ``target`` the expression whose memory is written.

    ``twin`` is the operation's name without the underscore where torch has it out of place.
    """

    node: ast.Call | ast.stmt
    target: ast.expr
    how: How
    twin: str = ""


def writes(nodes: Iterable[ast.AST]) -> Iterator[Write]:
    """The writes among some nodes that may be into tensors, in the nodes' order."""
    for node in nodes:
        if isinstance(node, ast.Call):
            found = _by_method(node)
            if found is not None:
                yield found
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Subscript) and not _is_item(node.target):
                yield Write(node, node.target.value, How.PART)
            elif key_of(node.target) is not None and not isinstance(node.op, ast.MatMult):
                yield Write(node, node.target, How.AUGMENTED)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Subscript) and not _is_item(target):
                yield Write(node, target.value, How.PART)


def is_function(write: Write, module: Module, project: Project) -> bool:
    """Whether what looks like a tensor's method is a function of a module: ``nn.init.normal_(weight)``."""
    return isinstance(write.node, ast.Call) and project.resolve(module, write.node.func) is not None


def _by_method(call: ast.Call) -> Write | None:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in WRITING:
        return None
    twin = call.func.attr[:-1] if call.func.attr in _WITH_TWIN else ""
    return Write(call, call.func.value, How.METHOD, twin)


def _is_item(target: ast.Subscript) -> bool:
    """``losses["ce"] = ..`` sets an item of a dictionary."""
    return isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str)


def base_of(target: ast.expr, module: Module | None) -> ast.expr:
    """The name under a chain of views that a write goes through: ``x`` of ``torch.diagonal(x)[0]``, ``x.view(-1)``.

    Without the file, functions are known by their last names.
    """
    node = target
    while key_of(node) is None:
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and node.args and _is_view_head(node.func, module):
            node = node.args[0]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _shares(node.func.attr):
            node = node.func.value
        else:
            break
    return node


def _is_view_head(func: ast.expr, module: Module | None) -> bool:
    return last_name(func) in _VIEW_NAMES and (module is None or module.local_name(func) in _VIEW_HEADS)


def _shares(method: str) -> bool:
    return method in VIEWS or method in WRITING
