"""Leaves self pairs out of a contrastive denominator, out of place, right where it is taken."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..names import fresh_name, torch_name
from ..surgery import insert_before, replace_span

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_MASK, _MATRIX = "self_pairs", "similarity"


def fix(finding: Finding, project: Project) -> Fix:
    """A mask of the self pairs before the statement, and ``masked_fill`` with it around the matrix.

    Raises:
        NoFix: the expression is no longer where the rule saw it.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    start, end = repair["matrix"]
    node = _expression_at(module, start, end)
    statement = module.statement(node)
    torch, imports = torch_name(module)
    mask, matrix = fresh_name(module, node, _MASK), repair["like"]
    size, lines = repair["size"], []
    if not matrix:
        matrix = fresh_name(module, node, _MATRIX)
        size = f"{matrix}.size(-1)"
        lines.append(f"{matrix} = {module.segment(node)}")
    if repair["row"]:
        lines.append(f"{mask} = {torch}.arange({size}, device={matrix}.device) == {repair['row']}")
    else:
        shape = size if repair["is_square"] else f"{matrix}.size(-2), {size}"
        lines.append(f"{mask} = {torch}.eye({shape}, dtype={torch}.bool, device={matrix}.device)")
    fills = {"zero": "0", "infinite": 'float("-inf")', "lowest": f"{torch}.finfo({matrix}.dtype).min"}
    masking = f".masked_fill({mask}, {fills[repair['fill']]})"
    edits = [
        *imports,
        insert_before(module, statement, *lines),
        _masked(module, node, masking) if repair["like"] else replace_span(module, start, end, matrix + masking),
    ]
    how = Applicability.SAFE if repair["safe"] else Applicability.UNSAFE
    return Fix(how, "leave each sample's similarity with itself out of the denominator", tuple(edits))


def _expression_at(module: Module, start: int, end: int) -> ast.expr:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.expr) and module.span(node) == (start, end):
            return node
    raise NoFix("the file changed since it was scanned: scan again")


def _masked(module: Module, node: ast.expr, suffix: str) -> Edit:
    """The expression with a method call after it, in brackets where it needs them and has none."""
    start, end = module.span(node)
    if isinstance(node, _ATOMS):
        return replace_span(module, end, end, suffix)
    before, after = module.text[:start].rstrip(), module.text[end:]
    if isinstance(module.parent(node), ast.Attribute) and before.endswith("(") and after.lstrip().startswith(")"):
        close = end + len(after) - len(after.lstrip()) + 1
        return replace_span(module, close, close, suffix)
    return replace_span(module, start, end, f"({module.text[start:end]}){suffix}")
