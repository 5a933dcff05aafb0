"""Set a class prior to the share that was counted."""

from __future__ import annotations

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project

_COMMENTS = (".py", ".yaml", ".yml", ".toml")


def fix(finding: Finding, project: Project) -> Fix:
    """The labels' share in place of the prior, with its count as a comment where the file may have one there.

    Raises:
        NoFix: the prior is not where it was found.
    """
    assert finding.repair is not None
    path, line, column, old = finding.repair["place"]
    value = finding.repair["value"]
    text = _line(project, path, line)
    if not text.startswith(old, column - 1):
        raise NoFix("the file changed since it was scanned: scan again")
    after = text[column - 1 + len(old) :]
    edits = [Edit(path, (line, column), (line, column + len(old)), value)]
    end = (line, len(text.rstrip()) + 1)
    comment = finding.repair["comment"]
    if not path.endswith(_COMMENTS) or any(mark in after for mark in "\"'\\|>"):
        pass  # JSON has no comments, and in a text or before a continued line it would be none
    elif "#" in after:
        edits.append(Edit(path, end, end, f" ({comment})"))
    else:
        edits.append(Edit(path, end, end, f"  # {comment}"))
    return Fix(Applicability.UNSAFE, f"Set the prior to the labels' share, {value}", tuple(edits))


def _line(project: Project, path: str, line: int) -> str:
    text = project.module(path).text if path.endswith(".py") else project.read_other(path).decode("utf-8-sig")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[line - 1] if line <= len(lines) else ""
