"""Folds the axis of a slice loop into the batch: one call instead of one a slice."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..imports import replace_lines
from ..surgery import line_span, replace_span


def fix(finding: Finding, project: Project) -> Fix:
    """The call on all slices, with the axis folded before it and unfolded after it, in the place of the join.

    Raises:
        NoFix: the file changed since it was scanned.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    tensor, axis = repair["tensor"], repair["axis"]
    folded = f"{tensor}.flatten(0, 1)" if axis == 1 else f"{tensor}.transpose(1, 2).flatten(0, 1)"
    begin, end = repair["call"]
    first, last = repair["slice"]
    if not begin <= first < last <= end <= len(module.text):
        raise NoFix("the file changed since it was scanned: scan again")
    call = module.text[begin:first] + folded + module.text[last:end]
    join_start, join_end = repair["join"]
    back = f".unflatten(0, ({tensor}.size(0), {tensor}.size({axis})))" + ("" if axis == 1 else ".transpose(1, 2)")
    if repair["start"] is None:
        edits: list[Edit] = [replace_span(module, join_start, join_end, call + back)]
    else:
        start, loop = (_statement(module, repair[part]) for part in ("start", "loop"))
        edits = [
            replace_span(module, *line_span(module, start), ""),
            replace_lines(module, loop, [f"{repair['name']} = {call}"]),
            replace_span(module, join_start, join_end, repair["name"] + back),
        ]
    return Fix(Applicability.UNSAFE, f"fold axis {axis} into the batch: one call for all slices", tuple(edits))


def _statement(module: Module, span: tuple[int, int]) -> ast.stmt:
    wanted = tuple(span)
    for node in module.nodes:
        if isinstance(node, ast.stmt) and module.span(node) == wanted:
            return node
    raise NoFix("the file changed since it was scanned: scan again")
