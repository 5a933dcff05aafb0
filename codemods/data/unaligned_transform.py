"""Keep a transform's result, move the points with their image, or take the way back."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.flow.images.dropped import dropped
from ...analyzer.flow.images.motions import MIRROR
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..surgery import insert_after, replace_node

_VIEWS = ("numpy.",)
_LENGTHS = {"PIL": ("width", "height"), "array": ("shape[1]", "shape[0]")}


def fix(finding: Finding, project: Project) -> Fix:
    """The edit for one of the forms of the bug.

    Args:
        finding: of the rule ``unaligned-transform``; ``repair`` holds its ``kind`` and what that needs.
        project: the project it was found in.

    Returns:
        The fix, unsafe.

    Raises:
        NoFix: the place is not where it was found.
    """
    assert finding.repair is not None
    module = project.module(finding.location.path)
    kind = finding.repair["kind"]
    if kind == "dropped":
        return Fix(Applicability.UNSAFE, "Keep what the transform gives", (_kept(module, project, finding),))
    if kind == "points":
        edit = insert_after(module, _statement(module, finding), *_moved(finding))
        return Fix(Applicability.UNSAFE, f"Move `{finding.repair['name']}` with the image", (edit,))
    edit = _other_key(module, finding, finding.repair["key"])
    return Fix(Applicability.UNSAFE, "Map the predictions back by the inverse", (edit,))


def _kept(module: Module, project: Project, finding: Finding) -> Edit:
    for statement, found in dropped(module, project):
        if module.location(statement) == finding.location:
            # NumPy's are views with negative strides, which torch.from_numpy refuses.
            copy = ".copy()" if found.name.startswith(_VIEWS) else ""
            return replace_node(module, statement, f"{module.segment(found.image)} = {module.segment(statement)}{copy}")
    raise NoFix("the statement is not where it was found any more")


def _statement(module: Module, finding: Finding) -> ast.stmt:
    for node in module.nodes:
        if isinstance(node, ast.Assign) and module.location(node) == finding.location:
            return node
    raise NoFix("the statement is not where it was found any more")


def _moved(finding: Finding) -> tuple[str, str]:
    """A copy, since the points may belong to the caller, and its mirrored column; the type stays."""
    assert finding.repair is not None
    name, image = finding.repair["name"], finding.repair["image"]
    place = 0 if finding.repair["motion"] == MIRROR else 1
    length = _LENGTHS[finding.repair["held"]][place]
    return f"{name} = {name}.copy()", f"{name}[..., {place}] = {image}.{length} - {name}[..., {place}]"


def _other_key(module: Module, finding: Finding, key: str) -> Edit:
    for node in module.nodes:
        if isinstance(node, ast.Subscript) and module.location(node) == finding.location:
            quote = module.segment(node.slice)[-1]
            return replace_node(module, node.slice, f"{quote}{key}{quote}")
    raise NoFix("the matrix is not where it was found any more")
