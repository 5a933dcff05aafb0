"""Shift a centred crop by a few voxels at random, in training alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..imports import ensure_import
from ..names import fresh_name
from ..surgery import append_arguments, expression_at, insert_before, replace_span

_VOXELS = 8
_TITLE = f"Shift the crop by up to {_VOXELS} voxels in training"


def fix(finding: Finding, project: Project) -> Fix:
    """Add a draw of torch's generator to the start, bounded by a quarter of the crop.

    Args:
        finding: of the rule ``no-crop-jitter``; ``repair`` holds the starts, and the calls that ask for jitter.
        project: the project it was found in.

    Raises:
        NoFix: the starts are not where they were found.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    starts = [expression_at(module, span) for span in repair["starts"]]
    torch, edits = ensure_import(module, starts[0], "torch")
    bound = str(_VOXELS)
    if repair["function"]:
        bound = fresh_name(module, starts[0], "jitter")
        edits += _ask_for_it(module, project, repair, bound)
    if repair["size"]:
        limit = f"min({bound}, {_grouped(repair['size'])} // 4)"
        bound = bound if repair["function"] else fresh_name(module, starts[0], "jitter")
        edits.append(insert_before(module, _first(module, starts), f"{bound} = {limit}"))
    least, most = (f"-{bound}", f"{bound} + 1") if not bound.isdigit() else (f"-{bound}", str(int(bound) + 1))
    for start, is_vector in zip(starts, repair["is_vector"], strict=True):
        draw = f"int({torch}.randint({least}, {most}, ()))"
        if is_vector:
            assert isinstance(start, ast.BinOp)
            array = f"{torch}.randint({least}, {most}, {module.segment(start.left)}.shape)"
            draw = f"{array}.numpy()" if repair["library"] == "numpy" else array
        _, end = module.span(start)
        edits.append(replace_span(module, end, end, f" + {draw}"))
    return Fix(Applicability.UNSAFE, _TITLE, tuple(edits))


def _grouped(size: str) -> str:
    return size if all(c.isalnum() or c in "_.[]()'\"" for c in size) else f"({size})"


def _first(module: Module, starts: list[ast.expr]) -> ast.stmt:
    return module.statement(min(starts, key=lambda s: (s.lineno, s.col_offset)))


def _ask_for_it(module: Module, project: Project, repair: Mapping[str, Any], name: str) -> list[Edit]:
    """A parameter that is 0 by default, and the calls in training that set it."""
    function = next(
        (
            n
            for n in ast.walk(module.tree)
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and module.qualname(n) == repair["function"]
        ),
        None,
    )
    if function is None:
        raise NoFix("the file changed since it was scanned: scan again")
    arguments = function.args
    last = max(
        [*arguments.args, *arguments.defaults, *(a.annotation for a in arguments.args if a.annotation is not None)],
        key=lambda n: module.span(n)[1],
    )
    default = f"{name}: int = 0" if any(a.annotation for a in arguments.args) else f"{name}=0"
    end = module.span(last)[1]
    edits = [replace_span(module, end, end, f", {default}")]
    for path, span in repair["calls"]:
        other = project.module(path)
        call = expression_at(other, span)
        assert isinstance(call, ast.Call)
        edits.append(append_arguments(other, call, f"{name}={_VOXELS}"))
    return edits
