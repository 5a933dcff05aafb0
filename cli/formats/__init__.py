"""How a report is printed: one module a format, each with ``render``."""

from __future__ import annotations

import importlib

from ...analyzer.engine import Report, Request
from .summary import summary

FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab")


def render(name: str, report: Report, request: Request, color: bool = False) -> str:
    """A report in one of :data:`FORMATS`, or as ``statistics``; only text has colours."""
    if name == "text" and not (report.findings or report.problems or color):
        return f"{summary(report)}\n"  # most scans in a hook or in CI end so: without rich, which is slow to import
    module = importlib.import_module(f"{__name__}.{name}")
    return module.render(report, request, color) if name == "text" else module.render(report, request)
