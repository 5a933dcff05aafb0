"""Computes a loss over all rows at once."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Finding, Fix
from ...analyzer.graph.project import Project
from ..surgery import indent_of, line_span, newline_of, replace_span


def fix(finding: Finding, project: Project) -> Fix:
    """The loop's statements, lifted by one dimension, in its place.

    Raises:
        NoFix: the loop is no longer where the rule saw it.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    line, column = repair["statement"]
    loop = next(
        (n for n in module.nodes if isinstance(n, ast.For) and (n.lineno, n.col_offset) == (line, column)),
        None,
    )
    if loop is None:
        raise NoFix("the file changed since it was scanned: scan again")
    lead, ending = indent_of(module, loop), newline_of(module)
    code = ending.join(lead + text for text in repair["lines"])
    start, end = line_span(module, loop)
    tail = ending if module.text[start:end].endswith(("\n", "\r")) else ""
    edit = replace_span(module, start, end, code + tail)
    return Fix(Applicability.UNSAFE, "compute the loss of all rows at once", (edit,))
