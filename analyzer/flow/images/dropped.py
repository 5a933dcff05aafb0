"""Transforms whose result is thrown away."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...source.syntax import in_order
from ..values.functions import own_calls
from .motions import Motion, motion
from .pictures import Pictures

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_TARGETS = {"cv2.flip": 2, "cv2.rotate": 2, "cv2.warpAffine": 3, "cv2.warpPerspective": 3}
"""Where OpenCV takes the array to write into (``dst``), as documented."""
_TIMED = re.compile(r"perf_counter|timeit|time\.time|synchronize")


def dropped(module: Module, project: Project) -> Iterator[tuple[ast.Expr, Motion]]:
    """Statements that are nothing but a motion of a named image. Loops that measure time may drop what they make."""
    pictures = Pictures(project.flow)
    for node in in_order(module.syntax.bare):
        if type(node.value) is not ast.Call:
            continue
        found = motion(node.value, module, project, pictures)
        if found is None or not isinstance(found.image, (ast.Name, ast.Attribute)) or _has_target(node.value, found):
            continue
        scope = module.scope_of(node)
        if scope.is_function and not any(_TIMED.search(ast.unparse(c.func)) for c in own_calls(scope)):
            yield node, found


def _has_target(call: ast.Call, found: Motion) -> bool:
    """``cv2.flip(image, 1, image)``: the result is written where the call says."""
    place = _TARGETS.get(found.name)
    given = call.args[place : place + 1] if place is not None else []
    given += [k.value for k in call.keywords if k.arg in ("dst", "out")]
    return any(not (isinstance(value, ast.Constant) and value.value is None) for value in given)
