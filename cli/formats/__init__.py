"""How a report is printed: one module a format, each with ``render(report, request) -> str``."""

from __future__ import annotations

import importlib

from ...analyzer.engine import Report, Request

FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab")


def render(name: str, report: Report, request: Request) -> str:
    """A report in one of :data:`FORMATS`, or as ``statistics``."""
    return importlib.import_module(f"{__name__}.{name}").render(report, request)
