"""SARIF 2.1.0, with fixes (OASIS standard, sections 3.27 result and 3.55 fix)."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from ...analyzer.engine import Report, Request
from ...analyzer.findings import Applicability, Evidence, Finding, Fix, Level
from ...analyzer.rule import Rule
from ...analyzer.version import __version__
from ..explain_command import summary

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Level.BREAKS: "error", Level.DEGRADES: "warning", Level.WASTES: "note"}


def render(report: Report, request: Request) -> str:
    """The report as one SARIF log with one run."""
    findings = sorted([*report.findings, *report.suppressed], key=lambda f: f.sort_key)
    run = {
        "tool": {"driver": {"name": "mlfix", "version": __version__, "rules": [_rule(r) for r in request.rules]}},
        "originalUriBaseIds": {"ROOT": {"uri": request.root.as_uri() + "/"}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": p.message}, "locations": [_place(p.path, p.line or 1)]}
                    for p in report.problems
                ],
            }
        ],
        "results": [_result(f) for f in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": summary(rule)},
        "fullDescription": {"text": rule.symptom or summary(rule)},
        "help": {"text": rule.documentation()},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    place = finding.location
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.level],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(place.path), "region": region}}],
        "relatedLocations": [_evidence(e) for e in finding.evidence],
        "partialFingerprints": {"mlfix/v1": finding.fingerprint},
        "properties": {"confidence": finding.confidence.value, "symptom": finding.symptom},
    }
    if finding.suppressed:
        result["suppressions"] = [{"kind": "inSource"}]
    # SARIF has no word for advice: it is no edit that a tool may make.
    if finding.fix is not None and finding.fix.applicability is not Applicability.ADVICE:
        result["fixes"] = [_fix(finding.fix)]
    return result


def _fix(fix: Fix) -> dict[str, Any]:
    changes = []
    for path in dict.fromkeys(e.path for e in fix.edits):
        replacements = [
            {
                "deletedRegion": {
                    "startLine": e.start[0],
                    "startColumn": e.start[1],
                    "endLine": e.end[0],
                    "endColumn": e.end[1],
                },
                "insertedContent": {"text": e.text},
            }
            for e in fix.edits
            if e.path == path
        ]
        changes.append({"artifactLocation": _artifact(path), "replacements": replacements})
    return {
        "description": {"text": fix.title},
        "artifactChanges": changes,
        "properties": {"applicability": fix.applicability.value},
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {**_place(evidence.path, evidence.line), "message": {"text": evidence.note}}


def _place(path: str, line: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(path), "region": {"startLine": line}}}


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(os.fsencode(path)), "uriBaseId": "ROOT"}
