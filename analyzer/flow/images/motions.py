"""Operations that move the pixels of an image: mirrors, turns, warps."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from ...source.facts import IMPORT_STAR
from ..values.tensors import constant
from .pictures import Holder, Pictures

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.facts import FileFacts
    from ...source.module import Module
    from ...source.syntax import Syntax

MIRROR, FLIP, OTHER = "mirror", "flip", "other"
"""Left against right, top against bottom, and everything else that moves pixels."""
_BY_NAME = {
    "numpy.fliplr": MIRROR,
    "numpy.flipud": FLIP,
    "numpy.rot90": OTHER,
    "cv2.rotate": OTHER,
    "cv2.warpAffine": OTHER,
    "cv2.warpPerspective": OTHER,
    "torch.rot90": OTHER,
    "torch.fliplr": MIRROR,
    "torch.flipud": FLIP,
    "PIL.ImageOps.mirror": MIRROR,
    "PIL.ImageOps.flip": FLIP,
    "scipy.ndimage.rotate": OTHER,
    "scipy.ndimage.affine_transform": OTHER,
    "skimage.transform.rotate": OTHER,
    "skimage.transform.warp": OTHER,
}
_FUNCTIONAL = {
    "hflip": MIRROR,
    "horizontal_flip": MIRROR,
    "vflip": FLIP,
    "vertical_flip": FLIP,
    "rotate": OTHER,
    "affine": OTHER,
    "perspective": OTHER,
    "elastic_transform": OTHER,
}
_AXIS_KINDS = {
    "numpy.flip": {1: MIRROR, 0: FLIP},
    "torch.flip": {-1: MIRROR, -2: FLIP},
    "cv2.flip": {1: MIRROR, 0: FLIP},
}
_TRANSPOSES = {"FLIP_LEFT_RIGHT": MIRROR, "FLIP_TOP_BOTTOM": FLIP}
_METHODS = frozenset({"transpose", "rotate", "transform"})
_NAMES = frozenset(_FUNCTIONAL).union(name.rpartition(".")[2] for name in (*_BY_NAME, *_AXIS_KINDS))
_CALLED = _NAMES | _METHODS
_IN_PLACE = frozenset({"out", "dst", "output"})


def may_move(facts: FileFacts) -> bool:
    """Whether a file may hold a motion, by the names that it uses."""
    if any(name.rpartition(".")[2] in _NAMES for name in facts.names):
        return True
    if facts.called.isdisjoint(_CALLED):
        return False
    called = {c.callee for c in facts.calls if c.callee.rpartition(".")[2] in _CALLED}
    if any(not c.endswith(".transpose") and c != "self.transform" for c in called):
        return True
    # A tensor's ``transpose`` is everywhere, a picture's is told by PIL's own constants.
    return bool(called) and any(
        i.local == IMPORT_STAR or "Image" in i.target or "PIL" in i.target for i in facts.imports
    )


def has_motion(syntax: Syntax, facts: FileFacts) -> bool:
    """Whether a statement of a file may be a motion alone, or give a name what one makes, by the names alone."""
    renamed = {i.local for i in facts.imports if i.target.rpartition(".")[2] in _CALLED}
    renamed |= {t.id for a in syntax.assignments if _last(a.value) in _CALLED for t in _names(a)}
    called = _CALLED | renamed
    for statement in (*syntax.bare, *syntax.assignments):
        call = statement.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "copy":
            call = call.func.value
        if isinstance(call, ast.Call) and _last(call.func) in called:
            return True
    return False


def _last(node: ast.expr | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _names(node: ast.Assign | ast.AnnAssign) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [t for t in targets if isinstance(t, ast.Name)]


class Motion(NamedTuple):
    """A call that gives an image with its pixels elsewhere. ``kind`` is one of this module's words."""

    call: ast.Call
    image: ast.expr
    kind: str
    name: str


def is_called_so(call: ast.Call, module: Module) -> bool:
    """Whether a call may be a motion, by its last name alone."""
    return module.may_be(call.func, _CALLED)


def motion(node: ast.AST, module: Module, project: Project, pictures: Pictures) -> Motion | None:
    """The motion that a call is; None for anything else, and for calls that write into an argument.

    A method is known by its receiver, which must be a PIL picture, or by an argument that only PIL knows
    (``Image.FLIP_LEFT_RIGHT``).
    """
    if not isinstance(node, ast.Call) or not is_called_so(node, module):
        return None
    if any(k.arg in _IN_PLACE for k in node.keywords):
        return None
    called = project.resolve(module, node.func)
    if isinstance(called, str):
        return _function(node, called)
    if called is None and isinstance(node.func, ast.Attribute):
        return _method(node, node.func, module, project, pictures)
    return None


def _function(node: ast.Call, called: str) -> Motion | None:
    if not node.args or isinstance(node.args[0], ast.Starred):
        return None
    kind = _BY_NAME.get(called)
    if called in _AXIS_KINDS:
        axis = _axis(node)
        kind = _AXIS_KINDS[called].get(axis, OTHER) if isinstance(axis, int) else OTHER
    if kind is None and called.startswith("torchvision.transforms") and ".functional." in called:
        kind = _FUNCTIONAL.get(called.rpartition(".")[2])
    return Motion(node, node.args[0], kind, called) if kind is not None else None


def _axis(node: ast.Call) -> object:
    given = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords), None)
    if isinstance(given, (ast.List, ast.Tuple)) and len(given.elts) == 1:
        given = given.elts[0]
    return constant(given)


def _method(node: ast.Call, func: ast.Attribute, module: Module, project: Project, pictures: Pictures) -> Motion | None:
    if func.attr == "transpose" and len(node.args) == 1:
        argument = node.args[0]
        last = argument.attr if isinstance(argument, ast.Attribute) else getattr(argument, "id", "")
        if (project.external(module, argument) or "").startswith("PIL."):
            return Motion(node, func.value, _TRANSPOSES.get(last, OTHER), f"Image.transpose({last})")
    elif func.attr in ("rotate", "transform") and node.args:
        holder = pictures.holder(project.flow.operand(module, func.value))
        if holder is Holder.PIL:
            return Motion(node, func.value, OTHER, f"Image.{func.attr}")
    return None
