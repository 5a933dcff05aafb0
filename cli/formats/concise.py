"""One line a finding: ``path:line:column: CODE rule message``."""

from __future__ import annotations

from ...analyzer.engine import Report, Request
from ..terminal import one_line


def render(report: Report, request: Request) -> str:
    """The report, and its problems as ``error`` lines."""
    lines = [f"{p.path}:{p.line or 1}: error: {p.message}" for p in report.problems]
    for f in report.findings:
        place = f.location
        lines.append(f"{place.path}:{place.line}:{place.column}: {f.label} [{f.level}] {f.message}")
    return "".join(f"{one_line(line)}\n" for line in lines)
