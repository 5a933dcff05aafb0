"""Values of configurations set in place: the literal alone changes, and a comment says why where one may stand."""

from __future__ import annotations

import re

from ...analyzer.checking import NoFix
from ...analyzer.findings import Edit
from ...analyzer.graph.project import Project

_COMMENTS = (".py", ".yaml", ".yml", ".toml")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
"""YAML's anchor and tag, which stand before a value and are a part of its place."""
Place = tuple[str, int, int, str]
"""A setting's ``place``: path, line, column, and the text that stands there."""


def value_edits(project: Project, place: Place, value: str, comment: str = "") -> tuple[Edit, ...]:
    """The edits that put a value in a literal's place.

    Args:
        project: the repository.
        place: where the literal stands.
        value: what comes in its place, as it is to be written.
        comment: the reason, put at the line's end; JSON has no comments, and in a text it would be none.

    Raises:
        NoFix: the literal is not where it was found.
    """
    path, line, column, old = place
    text = _line(project, path, line)
    if not text.startswith(old, column - 1):
        raise NoFix("the file changed since it was scanned: scan again")
    after = text[column - 1 + len(old) :]
    kept = _PROPERTIES.match(old) if path.endswith((".yaml", ".yml")) else None
    start = column + (kept.end() if kept is not None else 0)
    edits = [Edit(path, (line, start), (line, column + len(old)), value)]
    end = (line, len(text.rstrip()) + 1)
    if comment and path.endswith(_COMMENTS) and not any(mark in after for mark in "\"'\\|>"):
        edits.append(Edit(path, end, end, f" ({comment})" if "#" in after else f"  # {comment}"))
    return tuple(edits)


def _line(project: Project, path: str, line: int) -> str:
    text = project.module(path).text if path.endswith(".py") else project.read_other(path).decode("utf-8-sig")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[line - 1] if line <= len(lines) else ""
