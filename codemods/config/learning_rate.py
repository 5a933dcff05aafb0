"""Set a learning rate to its optimizer's usual one."""

from __future__ import annotations

from ...analyzer.findings import Applicability, Finding, Fix
from ...analyzer.graph.project import Project
from ._values import value_edits


def fix(finding: Finding, project: Project) -> Fix:
    """The usual rate in place of the one that is set.

    Raises:
        NoFix: the rate is not where it was found.
    """
    assert finding.repair is not None
    value = finding.repair["value"]
    edits = value_edits(project, finding.repair["place"], value)
    return Fix(Applicability.UNSAFE, f"Set the learning rate to {value}", edits)
