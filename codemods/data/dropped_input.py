"""Show how the inputs that are left out would be stacked with the others."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Finding, Fix
from ...analyzer.graph.project import Project
from ..surgery import replace_span

_TITLE = "Stack them too, and let the first layer take as many channels more; or do not load them"


def fix(finding: Finding, project: Project) -> Fix:
    """Put the names behind the last one that is stacked.

    Args:
        finding: of the rule ``dropped-input``; ``repair`` holds where the stack stands, and the names.
        project: the project it was found in.

    Returns:
        Advice: whether they are wanted, and what the network takes, is for a person to say.

    Raises:
        NoFix: the stack is not where it was found.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    call = next((c for c in module.calls() if list(module.span(c)) == list(repair["stack"])), None)
    if call is None or not call.args or not isinstance(call.args[0], (ast.List, ast.Tuple)) or not call.args[0].elts:
        raise NoFix("the file changed since it was scanned: scan again")
    _, end = module.span(call.args[0].elts[-1])
    added = "".join(f", {name}" for name in repair["names"])
    return Fix(Applicability.ADVICE, _TITLE, (replace_span(module, end, end, added),))
