"""Writes a separable Gaussian in the place of the average pooling that stands in for one."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..imports import is_free
from ..names import torch_name
from ..surgery import newline_of, remove_statement, replace_span

NAME = "separable_gaussian"
GAUSSIAN = '''\
def {name}(x, sigma, dims):
    """Gaussian blur along the last `dims` axes; it ends at 4 sigma, edges are repeated."""
    sigma = max(float(sigma), 1e-3)
    radius = int(4 * sigma + 0.5)
    offsets = {torch}.arange(-radius, radius + 1, dtype={torch}.float32, device=x.device)
    weights = {torch}.softmax(-0.5 * (offsets / sigma) ** 2, dim=0).to(x.dtype)
    for axis in range(-dims, 0):
        rows = x.transpose(axis, -1)
        flat = rows.reshape(-1, 1, rows.size(-1))
        padded = {torch}.nn.functional.pad(flat, (radius, radius), mode="replicate")
        blurred = {torch}.nn.functional.conv1d(padded, weights[None, None])
        x = blurred.reshape(rows.shape).transpose(axis, -1)
    return x


'''


def fix(finding: Finding, project: Project) -> Fix:
    """The Gaussian as a function of the file, its call, and sigma handed to where it is called.

    Raises:
        NoFix: the file has a function of that name with another meaning.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    torch, imports = torch_name(module)
    text = GAUSSIAN.format(name=NAME, torch=torch)
    edits = [*imports]
    if is_free(module, NAME):
        edits.append(_definition(module, text))
    elif text.strip() not in module.text.replace("\r\n", "\n"):
        raise NoFix(f"the file has a `{NAME}` of its own: write the Gaussian by hand")
    start, end = repair["call"]
    edits.append(
        replace_span(module, start, end, f"{NAME}({repair['image']}, {repair['sigma']}, dims={repair['dims']})")
    )
    for change in (repair["parameter"], repair["argument"], repair["docstring"]):
        if change is not None:
            begin, stop, code = change
            edits.append(replace_span(module, begin, stop, code))
    if repair["unused"] is not None:
        statement = next(
            (n for n in module.nodes if isinstance(n, ast.Assign) and list(module.span(n)) == list(repair["unused"])),
            None,
        )
        if statement is None:
            raise NoFix("the file changed since it was scanned: scan again")
        edits.append(remove_statement(module, statement))
    return Fix(Applicability.UNSAFE, "blur with a separable Gaussian of that sigma", tuple(edits))


def _definition(module: Module, text: str) -> Edit:
    """The function before the file's first function or class."""
    first = next(s for s in module.tree.body if isinstance(s, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)))
    line = min([first.lineno, *(d.lineno for d in first.decorator_list)])
    start = module.line_starts[line - 1]
    return replace_span(module, start, start, text.replace("\n", newline_of(module)))
