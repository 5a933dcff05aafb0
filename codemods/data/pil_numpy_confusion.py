"""Turn a size round, or the channels of an image."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..imports import ensure_import
from ..surgery import replace_node

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def fix(finding: Finding, project: Project) -> Fix:
    """Exchange two names where a size is taken apart, the two lengths of an argument, or two channels.

    Args:
        finding: of the rule ``pil-numpy-confusion``; ``repair`` holds its ``kind``.
        project: the project it was found in.

    Returns:
        The fix, unsafe.

    Raises:
        NoFix: the place is not where it was found, or is written in another way.
    """
    assert finding.repair is not None
    module = project.module(finding.location.path)
    node = next((n for n in module.nodes if _is_place(n) and module.location(n) == finding.location), None)
    if finding.repair["kind"] == "unpack" and isinstance(node, ast.Assign):
        return Fix(Applicability.UNSAFE, "Take the size apart in its own order", _names(module, node, finding))
    if finding.repair["kind"] == "indices" and isinstance(node, ast.Assign):
        return Fix(Applicability.UNSAFE, "Take the size apart in its own order", _indices(module, node, finding))
    if finding.repair["kind"] == "bounds":
        return Fix(Applicability.UNSAFE, "Bound each axis by its own length", _bounds(module, finding))
    if finding.repair["kind"] == "given" and isinstance(node, ast.expr):
        return Fix(Applicability.UNSAFE, "Give the size in the order that is wanted", _size(module, node))
    if finding.repair["kind"] == "colours" and isinstance(node, ast.Call):
        return Fix(Applicability.UNSAFE, "Turn the channels to red, green, blue first", _colours(module, node))
    raise NoFix("the size is not where it was found any more")


def _is_place(node: ast.AST) -> bool:
    return isinstance(node, (ast.Assign, ast.expr)) and hasattr(node, "end_lineno")


def _names(module: Module, statement: ast.Assign, finding: Finding) -> tuple[Edit, ...]:
    assert finding.repair is not None
    target = statement.targets[0]
    if not isinstance(target, (ast.Tuple, ast.List)):
        raise NoFix("the size is not taken apart by names")
    first, second = (target.elts[place] for place in finding.repair["places"])
    return (
        replace_node(module, first, module.segment(second)),
        replace_node(module, second, module.segment(first)),
    )


def _indices(module: Module, statement: ast.Assign, finding: Finding) -> tuple[Edit, ...]:
    """Exchange the places of ``h = size[0]`` and ``w = size[1]``."""
    assert finding.repair is not None
    span = tuple(finding.repair["partner"])
    partner = next((n for n in module.nodes if isinstance(n, ast.Assign) and module.span(n) == span), None)
    first = statement.value
    second = partner.value if partner is not None else None
    if not isinstance(first, ast.Subscript) or not isinstance(second, ast.Subscript):
        raise NoFix("the size is not where it was found any more")
    return (
        replace_node(module, first.slice, module.segment(second.slice)),
        replace_node(module, second.slice, module.segment(first.slice)),
    )


def _bounds(module: Module, finding: Finding) -> tuple[Edit, ...]:
    """``size[0]`` for ``size[1]``, and the other way round."""
    assert finding.repair is not None
    spans = {tuple(span) for span in finding.repair["places"]}
    found = [n for n in module.nodes if isinstance(n, ast.Subscript) and module.span(n) in spans]
    if len(found) != len(spans):
        raise NoFix("the bounds are not where they were found any more")
    return tuple(replace_node(module, n.slice, "1" if module.segment(n.slice) == "0" else "0") for n in found)


def _size(module: Module, node: ast.expr) -> tuple[Edit, ...]:
    if isinstance(node, (ast.Tuple, ast.List)):
        if len(node.elts) != 2:
            raise NoFix("the argument holds more than a size")
        first, second = node.elts
        return (
            replace_node(module, first, module.segment(second)),
            replace_node(module, second, module.segment(first)),
        )
    if _is_start_of_shape(node):
        assert isinstance(node, ast.Subscript)
        return (replace_node(module, node.slice, "1::-1"),)
    if isinstance(node, _ATOMS):
        return (replace_node(module, node, f"{module.segment(node)}[::-1]"),)
    raise NoFix("the argument is computed in place")


def _is_start_of_shape(node: ast.expr) -> bool:
    """``x.shape[:2]``"""
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Slice):
        return False
    upper = node.slice.upper
    return node.slice.step is None and isinstance(upper, ast.Constant) and upper.value == 2


def _colours(module: Module, call: ast.Call) -> tuple[Edit, ...]:
    image = call.args[0]
    cv2, imports = ensure_import(module, image, "cv2")
    return (*imports, replace_node(module, image, f"{cv2}.cvtColor({module.segment(image)}, {cv2}.COLOR_BGR2RGB)"))
