"""In what form a companion of an image holds its coordinates."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ...source.scopes import Kind
from ..values.frames import Operand
from .companions import LeftBehind
from .extents import Extents, H, W

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module


def columns_are_x_y(found: LeftBehind, module: Module, project: Project) -> bool:
    """Whether the companion is an array of points, x and y in its last dimension.

    It is declared an array, and where it is moved with the image a pair (along the width, along the height) is taken
    from it or multiplied with it, here or in the function that moves it.
    """
    scope = found.moved.scope
    declared = any(
        b.kind is Kind.PARAMETER and _is_array(getattr(b.node, "annotation", None), module, project)
        for b in scope.bindings.get(found.companion, ())
    )
    if not declared or not isinstance(found.update, ast.Assign):
        return False
    extents = Extents(project.flow)
    value = project.flow.operand(module, found.update.value)
    if _meets_pair(value, found.companion, extents):
        return True
    if not isinstance(value.node, ast.Call):
        return False
    for result in project.flow.calls.returns(value):
        inside = [n for n, given in (result.frame.arguments or {}).items() if _is_name(given.node, found.companion)]
        if any(_meets_pair(result, name, extents) for name in inside):
            return True
    return False


def _meets_pair(op: Operand, name: str, extents: Extents) -> bool:
    for node in ast.walk(op.node):
        if not isinstance(node, ast.BinOp):
            continue
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if _is_name(one, name):
                known = extents.certain(op.sub(other))
                if known is not None and known.what.is_size and known.what.axes == (W, H):
                    return True
    return False


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_array(annotation: ast.expr | None, module: Module, project: Project) -> bool:
    return isinstance(annotation, (ast.Name, ast.Attribute)) and (
        project.external(module, annotation) == "numpy.ndarray"
    )
