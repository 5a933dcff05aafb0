"""Switch a network's own gradient checkpointing on."""

from __future__ import annotations

import libcst as cst

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Finding, Fix
from ...analyzer.graph.project import Project
from ..surgery import rewrite_expression, with_arguments


def fix(finding: Finding, project: Project) -> Fix:
    """Give ``use_checkpoint=True`` to the call that makes the network.

    Raises:
        NoFix: the call is not where it was found.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    call = next((c for c in module.calls() if module.span(c) == tuple(repair["call"])), None)
    if call is None:
        raise NoFix("the file changed since it was scanned: scan again")
    edit = rewrite_expression(module, call, _switched)
    return Fix(Applicability.UNSAFE, "Compute the transformer's blocks again instead of keeping them", (edit,))


def _switched(tree: cst.BaseExpression) -> cst.BaseExpression:
    return with_arguments(cst.ensure_type(tree, cst.Call), keywords={"use_checkpoint": "True"})
