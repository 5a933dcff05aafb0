"""Gives a floor that follows the value's type, or takes the function that needs none."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..names import nn_name, torch_name
from ..surgery import replace_span

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def fix(finding: Finding, project: Project) -> Fix:
    """A floor that is a number of the value's type.

    Raises:
        NoFix: the code is no longer where the rule saw it.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    kind = repair["kind"]
    if kind in ("log_softmax", "logsigmoid"):
        edits = _fused(module, repair)
        return Fix(Applicability.UNSAFE, f"take {kind}, which does not underflow", tuple(edits))
    torch, imports = torch_name(module)
    if kind == "floor":
        start, end = repair["low"]
        limit = f"{torch}.finfo({repair['like']}.dtype).tiny"
        text = limit if repair["zero"] else f"max({module.text[start:end]}, {limit})"
        edits = [replace_span(module, start, end, text)]
    elif kind == "rounding":
        edits = [_above_rounding(module, repair, torch)]
    elif kind == "bounds":
        edits = _bounds(module, repair, f"{torch}.finfo({repair['like']}.dtype).eps")
    else:
        edits = [_clamped(module, repair, torch)]
    return Fix(Applicability.UNSAFE, "let the floor follow the type of the value", (*imports, *edits))


def _above_rounding(module: Module, repair: Mapping[str, Any], torch: str) -> Edit:
    """``gap + 1e-12`` as ``gap.clamp_min(max(1e-12, torch.finfo(gap.dtype).eps))``."""
    (start, end), (low, high), (first, last) = repair["base"], repair["low"], repair["sum"]
    base = module.text[start:end]
    node = next((n for n in module.nodes if isinstance(n, ast.expr) and module.span(n) == (start, end)), None)
    value = base if isinstance(node, _ATOMS) else f"({base})"
    floor = f"max({module.text[low:high]}, {torch}.finfo({repair['like']}.dtype).eps)"
    return replace_span(module, first, last, f"{value}.clamp_min({floor})")


def _bounds(module: Module, repair: Mapping[str, Any], eps: str) -> list[Edit]:
    start, end = repair["high"]
    edits = [replace_span(module, start, end, f"min({module.text[start:end]}, 1 - {eps})")]
    if repair["low"] is not None:
        start, end = repair["low"]
        edits.append(replace_span(module, start, end, f"max({module.text[start:end]}, {eps} - 1)"))
    return edits


def _clamped(module: Module, repair: Mapping[str, Any], torch: str) -> Edit:
    """``probs`` as ``probs.clamp_min(torch.finfo(probs.dtype).tiny)``."""
    start, end = repair["given"]
    text = module.text[start:end]
    like = repair.get("like", text)
    node = next((n for n in module.nodes if isinstance(n, ast.expr) and module.span(n) == (start, end)), None)
    if node is None:
        raise NoFix("the file changed since it was scanned: scan again")
    value = text if isinstance(node, _ATOMS) else f"({text})"
    clamped = f"{value}.clamp_min({torch}.finfo({like}.dtype).tiny)"
    around = module.text[start - 1 : start] == "(" and module.text[end : end + 2] == ")."
    return (
        replace_span(module, start - 1, end + 1, clamped)
        if around and value != text
        else replace_span(module, start, end, clamped)
    )


def _fused(module: Module, repair: Mapping[str, Any]) -> list[Edit]:
    """``torch.log(F.softmax(x, dim=1))`` as ``F.log_softmax(x, dim=1)``."""
    log = next((c for c in module.calls() if module.span(c) == tuple(repair["call"])), None)
    if log is None or not isinstance(log.func, ast.Attribute):
        raise NoFix("the file changed since it was scanned: scan again")
    inner = log.args[0] if log.args and isinstance(log.args[0], ast.Call) else log.func.value
    if not isinstance(inner, ast.Call) or not isinstance(inner.func, ast.Attribute):
        raise NoFix("the file changed since it was scanned: scan again")
    start, end = module.span(log)
    if repair["kind"] == "log_softmax":
        name_end = module.span(inner.func)[1]
        head = module.text[module.span(inner)[0] : name_end - len("softmax")]
        return [replace_span(module, start, end, f"{head}log_softmax{module.text[name_end : module.span(inner)[1]]}")]
    given = inner.args[0] if inner.args else inner.func.value
    nn, imports = nn_name(module)
    return [*imports, replace_span(module, start, end, f"{nn}.functional.logsigmoid({module.segment(given)})")]
