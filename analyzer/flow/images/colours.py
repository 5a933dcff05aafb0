"""Arrays with their channels in OpenCV's order that PIL is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..values.frames import Known
from .pictures import Channels, Picture, Pictures

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_TO_PIL = frozenset({"fromarray"})
_BACK = frozenset({"numpy.array", "numpy.asarray", "cv2.imwrite", "cv2.imshow"})


def exchanged_colours(module: Module, project: Project) -> Iterator[tuple[ast.Call, Known[Picture]]]:
    """Calls of ``Image.fromarray`` whose array is blue, green, red on all paths, and stays so for PIL's eyes.

    Code that goes back to an array in the same function may exchange the channels once more, and is left alone.
    """
    if "fromarray" not in module.text:
        return
    pictures = Pictures(project.flow)
    for call in module.calls():
        if (
            not call.args
            or not module.may_be(call.func, _TO_PIL)
            or project.external(module, call.func) != "PIL.Image.fromarray"
        ):
            continue
        op = project.flow.operand(module, call.args[0])
        known = pictures.evaluate(op)
        if not known or any(k.what.channels is not Channels.BGR for k in known) or _goes_back(call, module, project):
            continue
        yield call, known[0]


def _goes_back(call: ast.Call, module: Module, project: Project) -> bool:
    scope = module.scope_of(call)
    inside = (n for n in ast.walk(scope.node) if isinstance(n, ast.Call) and n.lineno >= call.lineno)
    return any(project.external(module, n.func) in _BACK for n in inside)
