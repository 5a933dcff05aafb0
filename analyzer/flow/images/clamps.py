"""Coordinates that are kept inside of an image by the length of its other side."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...source.scopes import last_name
from ..values.frames import Known
from ..values.functions import own_calls
from ..values.tensors import constant
from .columns import column_axis
from .extents import Axis, Extent, Extents, H, W

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_ALONG = re.compile(r"^(?:x|w|cx|bw|width|left|right)\d?$|^x_?(?:min|max)$|^(?:box|bbox)_?w(?:idth)?$", re.IGNORECASE)
_ACROSS = re.compile(
    r"^(?:y|h|cy|bh|height|top|bottom)\d?$|^y_?(?:min|max)$|^(?:box|bbox)_?h(?:eight)?$", re.IGNORECASE
)
_BOUNDING = frozenset({"min", "minimum", "clip", "clamp"})


@dataclass(frozen=True)
class Clamp:
    """``min(x, size[0])``: what is bounded lies along ``axis``, and the bound counts the other one."""

    call: ast.Call
    bound: ast.Subscript
    axis: Axis
    known: Known[Extent]


def exchanged_bounds(module: Module, project: Project, extents: Extents) -> Iterator[tuple[Clamp, ...]]:
    """For each function, its clamps, where those of both axes have the other side's length, and none has its own.

    What is bounded is known by its column, or by what it is called; one such clamp alone would show nothing.
    """
    lines = [call.lineno for call in module.calls() if last_name(call.func) in _BOUNDING]
    for scope in module.scopes() if len(lines) > 1 else ():
        node = scope.node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if not any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in lines):
            continue
        clamps = [c for call in own_calls(scope) if (c := _clamp(call, module, project, extents)) is not None]
        if {(c.axis, c.known.what.axes[0]) for c in clamps} == {(W, H), (H, W)}:
            yield tuple(clamps)


def _clamp(call: ast.Call, module: Module, project: Project, extents: Extents) -> Clamp | None:
    if last_name(call.func) not in _BOUNDING:
        return None
    bounds = [n for a in call.args for n in ast.walk(a) if _is_place(n)]
    if len(bounds) != 1 or not isinstance(bounds[0], ast.Subscript):
        return None
    bound = bounds[0]
    inside = {id(n) for n in ast.walk(bound)}
    bounded = [call.func.value, *call.args] if isinstance(call.func, ast.Attribute) else call.args
    rest = [n for a in bounded for n in ast.walk(a) if id(n) not in inside]
    named = {a for n in rest if (a := _axis(n)) is not Axis.UNKNOWN}
    if len(named) != 1:
        return None
    known = extents.certain(project.flow.operand(module, bound))
    if known is None or known.what.is_size or known.what.axes[0] not in (W, H):
        return None
    return Clamp(call, bound, named.pop(), known)


def _is_place(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and constant(node.slice) in (0, 1)


def _axis(node: ast.AST) -> Axis:
    if isinstance(node, ast.Subscript):
        return column_axis(node)
    name = node.id if isinstance(node, ast.Name) else ""
    along, across = bool(_ALONG.match(name)), bool(_ACROSS.match(name))
    return W if along and not across else H if across and not along else Axis.UNKNOWN
