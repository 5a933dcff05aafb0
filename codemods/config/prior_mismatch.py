"""Set a class prior to the share that was counted."""

from __future__ import annotations

from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ._lines import replaced
from ._values import value_edits

_COMMENTS = (".py", ".yaml", ".yml", ".toml")


def fix(finding: Finding, project: Project) -> Fix:
    """The labels' share in place of the prior, with its count as a comment where the file may have one there.

    Raises:
        NoFix: the prior is not where it was found.
    """
    assert finding.repair is not None
    value = finding.repair["value"]
    edits = value_edits(project, finding.repair["place"], value, finding.repair["comment"])
    return Fix(Applicability.UNSAFE, f"Set the prior to the labels' share, {value}", edits)
    value, comment = finding.repair["value"], finding.repair["comment"]
    edit, text, after = replaced(project, finding.repair["place"], value)
    edits = [edit]
    end = (edit.start[0], len(text.rstrip()) + 1)
    # JSON has no comments, and in a text or before a continued line it would be none.
    if edit.path.endswith(_COMMENTS) and not any(mark in after for mark in "\"'\\|>"):
        edits.append(Edit(edit.path, end, end, f" ({comment})" if "#" in after else f"  # {comment}"))
    return Fix(Applicability.UNSAFE, f"Set the prior to the labels' share, {value}", tuple(edits))
