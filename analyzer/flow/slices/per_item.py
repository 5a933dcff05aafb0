"""What a function does to a batch: whether each item of it is worked on alone, and by which operations."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Kind, Scope
from ..values.construction import Constructions
from ..values.frames import Frame, Operand
from ..values.functions import own_calls, returned
from .fixed import is_fixed, varying_in

PER_ITEM = frozenset(
    {
        *("conv2d", "avg_pool2d", "max_pool2d", "lp_pool2d", "interpolate", "upsample", "relu", "gelu", "silu", "tanh"),
        *("sigmoid", "leaky_relu", "elu", "softplus", "hardswish", "adaptive_avg_pool2d", "adaptive_max_pool2d"),
        *("conv_transpose2d", "pixel_shuffle", "pixel_unshuffle", "gaussian_blur", "resize"),
    }
)
"""Functions of torch and torchvision whose result at one item of the batch is of that item alone."""
_HEAVY = frozenset(
    {
        *(
            "conv2d",
            "avg_pool2d",
            "max_pool2d",
            "interpolate",
            "upsample",
            "adaptive_avg_pool2d",
            "adaptive_max_pool2d",
        ),
        *("conv_transpose2d", "grid_sample", "conv1d", "unfold", "fold", "linear", "layer_norm", "batch_norm"),
        *("group_norm", "instance_norm", "scaled_dot_product_attention"),
    }
)
_PICTURES = frozenset({"gaussian_blur", "resize", "rotate", "affine", "perspective"})
"""Functions of torchvision that take ``[..., H, W]`` at once, as long as their other arguments are the same for all."""
_TORCHVISION = "torchvision.transforms."
_LAYERS = (
    *("Conv1d", "Conv2d", "ConvTranspose2d", "Linear", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "Upsample"),
    *("BatchNorm2d", "LayerNorm", "GroupNorm", "InstanceNorm2d", "MultiheadAttention", "TransformerEncoderLayer"),
)
_DEEPEST = 3


def operations(op: Operand, project: Project, varying: frozenset[str]) -> Iterator[str]:
    """The names of torch's operations on images and layers that evaluating an expression calls, through functions.

    Args:
        op: the expression, evaluated in each turn of a loop.
        project: the project.
        varying: the names that stand for something else in each turn.
    """
    for node in walk(op.node):
        if isinstance(node, ast.Call):
            yield from _called(op.module, node, project, varying, 0)


def _called(module: Module, call: ast.Call, project: Project, varying: frozenset[str], depth: int) -> Iterator[str]:
    name = project.external(module, call.func)
    if name is not None:
        last = name.rpartition(".")[2]
        if last in _PICTURES and name.startswith(_TORCHVISION):
            if _is_same_for_all(call, varying):
                yield last
        elif last in _HEAVY and name.startswith(("torch.", "torchvision.", "kornia.")):
            yield last
        return
    operand = project.flow.operand(module, call)
    for known in Constructions(project.flow).evaluate(project.flow.operand(module, call.func)):
        if isinstance(known.what.of, str) and known.what.of.startswith("torch.nn."):
            inner = [n for n in _LAYERS if n in ast.dump(known.what.call.node)]
            if known.what.name in _LAYERS or (known.what.name == "Sequential" and inner):
                yield known.what.name
    if depth < _DEEPEST:
        for inside, scope in project.flow.calls.callees(operand):
            differ = varying_in(call, module, scope, varying, project)
            for below in own_calls(scope):
                yield from _called(inside, below, project, differ, depth + 1)


def _is_same_for_all(call: ast.Call, varying: frozenset[str]) -> bool:
    """Whether only the picture differs from turn to turn: a blur with its own width for each slice stays a loop."""
    if not call.args or any(isinstance(a, ast.Starred) for a in call.args):
        return False
    rest = [*call.args[1:], *(k.value for k in call.keywords)]
    return not is_fixed(call.args[0], varying) and all(is_fixed(r, varying) for r in rest)


def is_known_per_item(name: str | None) -> bool:
    """Whether a function of a package works on each item of a batch alone."""
    return name is not None and name.startswith(("torch.", _TORCHVISION)) and name.rpartition(".")[2] in PER_ITEM


def is_per_item(op: Operand, project: Project, parameter: str | None, depth: int = 0) -> bool:
    """Whether an expression works on each item of a batch alone.

    Args:
        op: the expression.
        project: the project.
        parameter: the name that holds the batch.
        depth: how many functions were entered.
    """
    node = op.node
    if isinstance(node, ast.Name):
        if node.id == parameter:
            bindings = project.flow.reaching(op.frame.scope).at(node) or ()
            if all(b.kind is Kind.PARAMETER for b in bindings):
                return True
        bindings = project.flow.reaching(op.frame.scope).at(node) or frozenset()
        values = [b.value for b in bindings if b.kind is Kind.ASSIGN and not b.index and b.value is not None]
        return len(values) == len(bindings) == 1 and is_per_item(op.sub(values[0]), project, parameter, depth)
    if not isinstance(node, ast.Call) or not node.args:
        return False
    rest = [*node.args[1:], *(k.value for k in node.keywords)]
    if any(isinstance(n, ast.Name) and n.id == parameter for part in rest for n in walk(part)):
        return False
    name = project.external(op.module, node.func)
    if name is not None:
        own = frozenset(k for k, v in op.frame.scope.bindings.items() if any(b.kind is not Kind.PARAMETER for b in v))
        if name.startswith(_TORCHVISION) and not all(is_fixed(part, own) for part in rest):
            return False
        return is_known_per_item(name) and is_per_item(op.sub(node.args[0]), project, parameter, depth)
    return is_per_item(op.sub(node.args[0]), project, parameter, depth) and all_per_item(op, project, depth)


def all_per_item(call: Operand, project: Project, depth: int = 0) -> bool:
    """Whether every function that a call enters works on each item of its first argument alone."""
    node = call.node
    callees = project.flow.calls.callees(call) if isinstance(node, ast.Call) and depth < _DEEPEST else []
    return bool(callees) and all(_works_per_item(call, node, *c, project, depth) for c in callees)  # pyright: ignore[reportArgumentType]


def _works_per_item(call: Operand, node: ast.Call, module: Module, scope: Scope, project: Project, depth: int) -> bool:
    bound = project.flow.calls.bind(node, call.frame, scope)
    names = [name for name, given in bound.items() if given.node is node.args[0]]
    values = returned(scope)
    if len(names) != 1 or len(values) != 1:
        return False
    return is_per_item(Operand(values[0], Frame(module, scope)), project, names[0], depth + 1)
