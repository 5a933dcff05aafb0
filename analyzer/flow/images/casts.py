"""Casts to uint8 that leave nothing of an image, and differences of uint8 that wrap around."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...source.scopes import Scope
from ..values.frames import Known
from ..values.uses import uses
from .levels import CASTING, MASK, Level, Levels, Type, cast_type

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_AS_IMAGE = frozenset(
    {
        *("PIL.Image.fromarray", "cv2.imwrite", "cv2.imencode", "imageio.imwrite", "skimage.io.imsave", "cv2.cvtColor"),
        *("cv2.applyColorMap", "torchvision.transforms.functional.to_pil_image", "torchvision.io.write_png"),
        *("torchvision.io.write_jpeg", "imageio.mimsave", "cv2.imshow"),
    }
)

_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class Emptied(NamedTuple):
    """``x.astype(np.uint8)`` of values between 0 and 1. ``reader`` takes the result for an image of 0 to 255."""

    call: ast.Call
    value: ast.expr
    known: Known[Level]
    reader: ast.AST | None


class Wrapped(NamedTuple):
    """A difference or negation of unsigned values."""

    node: ast.BinOp | ast.UnaryOp
    value: ast.expr
    notes: tuple[tuple[ast.AST, str], ...]
    is_shown: bool


def emptied(module: Module, project: Project) -> Iterator[Emptied]:
    """Casts of fractions that are not masks."""
    levels = Levels(project.flow)
    for call in module.calls():
        if not module.may_be(call.func, CASTING):
            continue
        op = project.flow.operand(module, call)
        cast = cast_type(op, levels)
        if cast is None or cast[1] is not Type.UINT8 or _is_mask(cast[0]):
            continue
        found = levels.evaluate(op.sub(cast[0]))
        if not found or not all(k.what.is_fraction for k in found):
            continue
        parts = [k for k in found if not k.what.whole]
        if parts and not any(MASK.search(e.note) for k in parts for e in k.trail):
            yield Emptied(call, cast[0], parts[0], _reader(call, module, project))


def _is_mask(node: ast.expr) -> bool:
    names = [getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(node)]
    return any(MASK.search(n) for n in names if isinstance(n, str))


def _reader(call: ast.Call, module: Module, project: Project) -> ast.AST | None:
    for parent, _ in uses(project.flow, module, call):
        if isinstance(parent, ast.Call) and project.external(module, parent.func) in _AS_IMAGE:
            return parent
        divides = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div)
        if divides and isinstance(parent, ast.BinOp) and getattr(parent.right, "value", None) in (255, 255.0):
            return parent
    return None


def wrapped(module: Module, project: Project) -> Iterator[Wrapped]:
    """Differences of two images of uint8, and negated ones."""
    levels = Levels(project.flow)
    for node in module.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            found = _difference(node, module, project, levels)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Name):
            found = _negated(node, node.operand, module, project, levels)
        else:
            continue
        if found is not None:
            yield found


def _difference(node: ast.BinOp, module: Module, project: Project, levels: Levels) -> Wrapped | None:
    left, right = node.left, node.right
    if isinstance(left, ast.Constant) or _is_mask(left) or _is_mask(right):
        return None
    is_number = isinstance(right, ast.Constant)
    if is_number and (not isinstance(right.value, int) or right.value == 0):
        return None
    notes: list[tuple[ast.AST, str]] = []
    for side in (left,) if is_number else (left, right):
        known = levels.evaluate(project.flow.operand(module, side))
        if not known or any(k.what.type is not Type.UINT8 or k.what.whole for k in known):
            return None
        notes.append((side, f"`{module.snippet(side)}` is uint8"))
    return None if _is_ordered(left, right, module) else Wrapped(node, node.left, tuple(notes), True)


def _is_ordered(left: ast.expr, right: ast.expr, module: Module) -> bool:
    """Whether the function compares the two, so that the smaller one may be taken from the larger one."""
    sides = {ast.dump(left), ast.dump(right)}
    return any(
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.ops[0], _ORDERS)
        and {ast.dump(node.left), ast.dump(node.comparators[0])} == sides
        for node in ast.walk(module.scope_of(left).node)
    )


def _negated(node: ast.UnaryOp, operand: ast.Name, module: Module, project: Project, levels: Levels) -> Wrapped | None:
    """``-low`` where ``low`` is the least value of an image of uint8."""
    scope = module.scope_of(node)
    for binding in project.flow.reaching(scope).at(operand) or ():
        value, index = binding.value, binding.index
        if isinstance(value, (ast.Tuple, ast.List)) and index and index[0] < len(value.elts):
            value = value.elts[index[0]]
        if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
            continue
        if value.func.attr not in ("min", "max") or value.args or value.keywords:
            continue
        image = value.func.value
        known = levels.evaluate(project.flow.operand(module, image))
        note = (value, f"`{module.snippet(value)}` is one value of `{module.snippet(image)}`")
        if known and all(k.what.type is Type.UINT8 for k in known):
            return Wrapped(node, operand, (note, (image, f"`{module.snippet(image)}` is uint8")), True)
        unsigned = _counted_and_looked_up(image, scope, module, project)
        if unsigned is not None:
            return Wrapped(node, operand, (note, *unsigned), False)
    return None


def _counted_and_looked_up(
    image: ast.expr, scope: Scope, module: Module, project: Project
) -> tuple[tuple[ast.AST, str], ...] | None:
    """Whether an array must be unsigned: OpenCV counts uint8, uint16 and float32, and only whole numbers look up."""
    text = ast.unparse(image)
    counted = looked_up = None
    for node in ast.walk(scope.node):
        if isinstance(node, ast.Call) and node.args and project.external(module, node.func) == "cv2.calcHist":
            images = [ast.unparse(e) for e in getattr(node.args[0], "elts", ())]
            counted = node if text in images else counted
        if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == text:
            looked_up = node
    if counted is None or looked_up is None:
        return None
    return (
        (counted, f"`cv2.calcHist` counts `{text}`: uint8, uint16 or float32"),
        (looked_up, f"`{module.snippet(looked_up)}` looks it up: whole numbers, so unsigned ones"),
    )
