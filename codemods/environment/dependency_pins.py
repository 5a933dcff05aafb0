"""Raises pins to the releases that the rule found to work together; only the version's own characters change."""

from __future__ import annotations

import re

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project


def fix(finding: Finding, project: Project) -> Fix:
    """The edits of one or more requirement lines.

    Raises:
        NoFix: a line no longer says what the rule read.
    """
    repair = finding.repair or {}
    edits: list[Edit] = []
    raised: list[str] = []
    for path, line, column, old, new, name in repair["edits"]:
        lines = re.split(r"\r\n|\r|\n", project.read_other(path).decode("utf-8-sig", errors="replace"))
        if line > len(lines) or lines[line - 1][column - 1 : column - 1 + len(old)] != old:
            raise NoFix(f"{path}:{line} changed since it was scanned: scan again")
        edits.append(Edit(path, (line, column), (line, column + len(old)), new))
        raised.append(f"`{name}{new.strip()}`")
    how = Applicability.ADVICE if repair["advice"] else Applicability.UNSAFE
    return Fix(how, f"ask for {' and '.join(dict.fromkeys(raised))}", tuple(edits))
