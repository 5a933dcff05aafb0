"""Tensors in 0 to 255 that torchvision turns into pictures, which scales floats by 255 itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...source.scopes import last_name
from ..values.tensors import constant

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_FUNCTIONS = frozenset(
    {"torchvision.transforms.functional.to_pil_image", "torchvision.transforms.v2.functional.to_pil_image"}
)
_CLASSES = frozenset({"torchvision.transforms.ToPILImage", "torchvision.transforms.v2.ToPILImage"})
_OF_TENSORS = frozenset({"detach", "cpu", "cuda", "to", "sigmoid", "clamp", "clamp_", "unsqueeze", "permute", "data"})
_LEAVING = frozenset({"numpy", "byte", "uint8", "tolist"})
_OF_FLOATS = frozenset({"sigmoid", "softmax", "tanh", "float", "half", "double", "rand", "randn", "exp", "sqrt"})
_VIEWS = frozenset({"detach", "cpu", "cuda", "squeeze", "unsqueeze", "permute", "clone", "clamp", "clamp_", "mean"})
_LEAST = 100


class Scaled(NamedTuple):
    """A call that makes a picture, its argument, and what shows that this is a tensor."""

    call: ast.Call
    value: ast.BinOp
    shown: ast.AST


def scaled_twice(module: Module, project: Project) -> Iterator[Scaled]:
    """``to_pil_image(tensor * 255.0)``: floats are taken for 0 to 1, multiplied once more, and wrap around."""
    for call in module.calls():
        value = call.args[0] if call.args else None
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult):
            continue
        sides = [(value.left, value.right), (value.right, value.left)]
        factors = [(other, n) for one, other in sides if isinstance(n := constant(one), (int, float)) and n >= _LEAST]
        if len(factors) != 1 or not _makes_picture(call.func, module, project):
            continue
        # A mask of whole numbers stays whole under a whole factor, and torchvision takes it as it is.
        if not isinstance(factors[0][1], float) and not _gives_floats(factors[0][0], module, project):
            continue
        shown = _as_tensor(factors[0][0], module, project)
        if shown is not None:
            yield Scaled(call, value, shown)


def _makes_picture(func: ast.expr, module: Module, project: Project) -> bool:
    if isinstance(func, ast.Call):
        return project.external(module, func.func) in _CLASSES
    if project.external(module, func) in _FUNCTIONS:
        return True
    if not isinstance(func, ast.Name):
        return False
    made = [s.operand for s in project.flow.sources(project.flow.operand(module, func))]
    return bool(made) and all(
        o is not None and isinstance(o.node, ast.Call) and project.external(o.module, o.node.func) in _CLASSES
        for o in made
    )


def _gives_floats(value: ast.expr, module: Module, project: Project, depth: int = 0) -> bool:
    """Whether what is computed is surely a tensor of floats: by its last operation, through names and views."""
    if isinstance(value, ast.BinOp):
        if isinstance(value.op, ast.Div):
            return True
        return any(
            isinstance(constant(side), float) or _gives_floats(side, module, project, depth)
            for side in (value.left, value.right)
        )
    if isinstance(value, ast.Call):
        name = last_name(value.func)
        if name in _OF_FLOATS:
            return True
        inner = value.func.value if isinstance(value.func, ast.Attribute) and name in _VIEWS else None
        return inner is not None and _gives_floats(inner, module, project, depth)
    if not isinstance(value, ast.Name) or depth > 2:
        return False
    bindings = project.flow.reaching(module.scope_of(value)).at(value) or ()
    given = [b.value for b in bindings if b.value is not None and not b.index]
    return (
        bool(given) and len(given) == len(bindings) and all(_gives_floats(g, module, project, depth + 1) for g in given)
    )


def _as_tensor(value: ast.expr, module: Module, project: Project, depth: int = 0) -> ast.AST | None:
    """What shows that a value is a tensor of floats: a method that only tensors have, and no way out after it."""
    names: list[ast.Name] = []
    shown: ast.AST | None = None
    for node in ast.walk(value):
        if isinstance(node, ast.Attribute):
            if node.attr in _LEAVING:
                return None
            shown = node if shown is None and node.attr in _OF_TENSORS else shown
        elif isinstance(node, ast.Name):
            names.append(node)
    if shown is not None or depth > 2:
        return shown
    for name in names:
        for binding in project.flow.reaching(module.scope_of(name)).at(name) or ():
            if binding.value is not None and not binding.index:
                found = _as_tensor(binding.value, module, project, depth + 1)
                if found is not None:
                    return found
    return None
