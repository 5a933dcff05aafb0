"""GitLab's Code Quality report."""

from __future__ import annotations

import json

from ...analyzer.engine import Report, Request
from ...analyzer.findings import Level

_SEVERITIES = {Level.BREAKS: "critical", Level.DEGRADES: "major", Level.WASTES: "minor"}


def render(report: Report, request: Request) -> str:
    """One entry a finding."""
    rows = [
        {
            "description": f.message,
            "check_name": f.rule,
            "fingerprint": f.fingerprint,
            "severity": _SEVERITIES[f.level],
            "location": {
                "path": f.location.path,
                "positions": {
                    "begin": {"line": f.location.line, "column": f.location.column},
                    "end": {"line": f.location.end_line, "column": f.location.end_column},
                },
            },
        }
        for f in report.findings
    ]
    return json.dumps(rows, indent=1) + "\n"
