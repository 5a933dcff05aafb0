"""The JSON contract, version 1; `docs/report.schema.json` states it. ASCII only, so that any encoding carries it."""

from __future__ import annotations

import json
from typing import Any

from ...analyzer.engine import Report, Request
from ...analyzer.findings import Finding, Fix, Problem
from ...analyzer.version import __version__

SCHEMA = 1


def render(report: Report, request: Request) -> str:
    """The report as one JSON object; suppressed findings are in it, marked."""
    findings = sorted([*report.findings, *report.suppressed], key=lambda f: f.sort_key)
    data = {
        "schema": SCHEMA,
        "tool": {"name": "mlfix", "version": __version__},
        "root": request.root.as_posix(),
        "findings": [finding_row(f) for f in findings],
        "errors": [{"path": p.path, "message": _message(p)} for p in report.problems],
        "statistics": {"files": report.files, "lines": report.lines, "seconds": round(report.seconds, 3)},
    }
    return json.dumps(data, indent=1) + "\n"


def _message(problem: Problem) -> str:
    return f"line {problem.line}: {problem.message}" if problem.line else problem.message


def finding_row(finding: Finding) -> dict[str, Any]:
    """One finding of the contract."""
    place = finding.location
    return {
        "rule": finding.rule,
        "code": finding.code,
        "level": finding.level.value,
        "confidence": finding.confidence.value,
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "message": finding.message,
        "symptom": finding.symptom,
        "evidence": [{"path": e.path, "line": e.line, "note": e.note} for e in finding.evidence],
        "fix": None if finding.fix is None else fix_row(finding.fix),
        "fingerprint": finding.fingerprint,
        "suppressed": finding.suppressed,
    }


def fix_row(fix: Fix) -> dict[str, Any]:
    """A fix of the contract: positions are [line, column], from 1, the end exclusive."""
    edits = [{"path": e.path, "start": list(e.start), "end": list(e.end), "text": e.text} for e in fix.edits]
    return {"applicability": fix.applicability.value, "edits": edits}
