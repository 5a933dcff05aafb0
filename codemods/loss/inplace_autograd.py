"""Changes a tensor out of place, or a copy of it; a weight under ``no_grad``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..names import torch_name
from ..surgery import indent_of, insert_before, line_span, newline_of, replace_span

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant)
_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}


def fix(finding: Finding, project: Project) -> Fix:
    """The same change without a write into what autograd has saved.

    Raises:
        NoFix: the code is no longer where the rule saw it.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    kind = repair["kind"]
    if kind == "weight":
        edits = _without_gradient(module, _statement(module, repair))
        return Fix(Applicability.SAFE, "change the weight where autograd does not record", tuple(edits))
    if kind == "view":
        start, end = repair["name"]
        edit = replace_span(module, start, end, f"{module.text[start:end]}.detach()")
        return Fix(Applicability.SAFE, "change the weight where autograd does not record", (edit,))
    if kind == "copy":
        statement = _statement(module, repair)
        edit = insert_before(module, statement, f"{repair['name']} = {repair['name']}.clone()")
        return Fix(Applicability.SAFE, "change a copy, not the value that autograd has saved", (edit,))
    if kind == "augmented":
        edit = _assigned(module, _statement(module, repair))
    elif kind == "method":
        edit = _called(module, _statement(module, repair), repair)
    else:
        edit = _of_temporary(module, repair)
    return Fix(Applicability.SAFE, "change the tensor out of place", (edit,))


def _statement(module: Module, repair: Mapping[str, Any]) -> ast.stmt:
    line, column = repair["statement"]
    for node in module.nodes:
        if isinstance(node, ast.stmt) and (node.lineno, node.col_offset) == (line, column):
            return node
    raise NoFix("the file changed since it was scanned: scan again")


def _assigned(module: Module, statement: ast.stmt) -> Edit:
    """``x += y`` as ``x = x + y``."""
    assert isinstance(statement, ast.AugAssign)
    target, value = module.segment(statement.target), module.segment(statement.value)
    _, start = module.span(statement.target)
    value_start, value_end = module.span(statement.value)
    between = module.text[start:value_start]
    tail = module.text[value_end : module.span(statement)[1]]
    sign = _SIGNS[type(statement.op)]
    gap = between.partition(f"{sign}=")[2]
    if "(" in gap:  # the brackets are the value's own
        return replace_span(module, start, value_start, f" = {target} {sign} {gap.lstrip()}")
    bracketed = value if isinstance(statement.value, _ATOMS) and "\n" not in value else f"({value})"
    return replace_span(module, start, value_end + len(tail), f" = {target} {sign} {bracketed}{tail}")


def _called(module: Module, statement: ast.stmt, repair: Mapping[str, Any]) -> Edit:
    """``x.masked_fill_(m, 0)`` as ``x = x.masked_fill(m, 0)``."""
    start, end = repair["target"]
    name = module.text[start:end]
    head, tail = module.span(statement)
    code = module.text[end:tail].replace(f"{repair['twin']}_", repair["twin"], 1)
    return replace_span(module, head, tail, f"{name} = {name}{code}")


def _of_temporary(module: Module, repair: Mapping[str, Any]) -> Edit:
    """``torch.exp(s).mul_(m)`` as ``torch.exp(s).mul(m)``; with a copy where torch has no such operation."""
    _, end = repair["target"]
    if repair["kind"] == "clone":
        return replace_span(module, end, end, ".clone()")
    call = next((n for n in module.calls() if module.span(n) == tuple(repair["call"])), None)
    if call is None or not isinstance(call.func, ast.Attribute):
        raise NoFix("the file changed since it was scanned: scan again")
    stop = module.span(call.func)[1]
    return replace_span(module, stop - 1, stop, "")


def _without_gradient(module: Module, statement: ast.stmt) -> list[Edit]:
    """The statement inside ``with torch.no_grad():``."""
    torch, imports = torch_name(module)
    start, end = line_span(module, statement)
    lead, ending = indent_of(module, statement), newline_of(module)
    lines = module.text[start:end].splitlines(keepends=True)
    if any(isinstance(n, ast.Constant) and isinstance(n.value, str) and "\n" in n.value for n in ast.walk(statement)):
        raise NoFix("the statement holds a text of several lines: put it under torch.no_grad() by hand")
    step = "\t" if lead.endswith("\t") else "    "
    body = "".join(line if not line.strip() else lead + step + line[len(lead) :] for line in lines)
    return [*imports, replace_span(module, start, end, f"{lead}with {torch}.no_grad():{ending}{body}")]
