"""Lower a pseudo-label threshold."""

from __future__ import annotations

from ...analyzer.findings import Applicability, Finding, Fix
from ...analyzer.graph.project import Project
from ._values import value_edits


def fix(finding: Finding, project: Project) -> Fix:
    """A threshold that a model with few labels can pass; nothing but the value changes.

    Raises:
        NoFix: the value is not where it was found.
    """
    assert finding.repair is not None
    value = finding.repair["value"]
    return Fix(
        Applicability.UNSAFE, f"Lower the threshold to {value}", value_edits(project, finding.repair["place"], value)
    )
