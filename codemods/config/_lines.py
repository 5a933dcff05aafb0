"""A configured value in its line, whatever kind of file it stands in."""

from __future__ import annotations

import re

from ...analyzer.checking import NoFix
from ...analyzer.findings import Edit
from ...analyzer.graph.project import Project

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")


def replaced(project: Project, place: tuple[str, int, int, str], value: str) -> tuple[Edit, str, str]:
    """The edit that puts another value where one is set.

    Args:
        project: the repository.
        place: path, line, column and text of the value, as ``Setting.place`` has them; YAML's anchor and tag, which
            may stand before it, are kept.
        value: what to write.

    Returns:
        The edit, the line, and what follows the value in it.

    Raises:
        NoFix: the value is not there any more.
    """
    path, line, column, old = place
    text = _line(project, path, line)
    if not text.startswith(old, column - 1):
        raise NoFix("the file changed since it was scanned: scan again")
    kept = _PROPERTIES.match(old) if path.endswith((".yaml", ".yml")) else None
    start = column + (kept.end() if kept is not None else 0)
    end = column + len(old)
    return Edit(path, (line, start), (line, end), value), text, text[end - 1 :]


def _line(project: Project, path: str, line: int) -> str:
    text = project.module(path).text if path.endswith(".py") else project.read_other(path).decode("utf-8-sig")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[line - 1] if line <= len(lines) else ""
