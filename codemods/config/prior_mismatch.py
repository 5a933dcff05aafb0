"""Set a class prior to the share that was counted."""

from __future__ import annotations

from ...analyzer.findings import Applicability, Finding, Fix
from ...analyzer.graph.project import Project
from ._values import value_edits


def fix(finding: Finding, project: Project) -> Fix:
    """The labels' share in place of the prior, with its count as a comment where the file may have one there.

    Raises:
        NoFix: the prior is not where it was found.
    """
    assert finding.repair is not None
    value = finding.repair["value"]
    edits = value_edits(project, finding.repair["place"], value, finding.repair["comment"])
    return Fix(Applicability.UNSAFE, f"Set the prior to the labels' share, {value}", edits)
