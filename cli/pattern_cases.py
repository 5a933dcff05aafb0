"""The cases inside a file of patterns, run: what must be found, what must be left alone, what the fix must make."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..analyzer.engine import Request
from ..analyzer.findings import Applicability, Confidence
from ..analyzer.project.settings import Settings
from ..codemods.session import Mended, mend
from ..rules.patterns.entries import Case
from ..rules.patterns.pattern_rule import PatternRule
from .options import available_codemods

_FILE = "train.py"


def failed_cases(rules: Sequence[PatternRule]) -> Iterator[str]:
    """One line for each case that does not come out as it says: the file, the line, the rule, and what happened."""
    for rule in rules:
        for case in rule.entry.valid:
            said = _of_valid(_run(rule, case))
            if said:
                yield f"{rule.entry.file}:{case.line}: {rule.name}: {said}"
        for case in rule.entry.invalid:
            said = _of_invalid(_run(rule, case), case)
            if said:
                yield f"{rule.entry.file}:{case.line}: {rule.name}: {said}"


def _run(rule: PatternRule, case: Case) -> Mended:
    with tempfile.TemporaryDirectory(prefix="mlfix-case-") as folder:
        (Path(folder) / _FILE).write_text(case.source, encoding="utf-8")
        settings = Settings(confidence=Confidence.LOW)
        request = Request(Path(folder), [rule], available_codemods([rule]), settings, jobs=1)
        wants_fix = case.fixed is not None
        return mend(request, lambda f, _: wants_fix and f.fix is not None and f.fix.applicability in _WRITTEN)


_WRITTEN = (Applicability.SAFE, Applicability.UNSAFE)


def _of_valid(mended: Mended) -> str:
    report = mended.report
    if report.problems:
        return f"the case cannot be read: {report.problems[0].message}"
    if report.findings:
        return f"line {report.findings[0].location.line} of the case is found, and must be left alone"
    return ""


def _of_invalid(mended: Mended, case: Case) -> str:
    report = mended.report
    if report.problems:
        return f"the case cannot be read: {report.problems[0].message}"
    if not report.findings and not mended.applied:
        return "nothing is found in the case"
    if case.fixed is None:
        return ""
    if mended.refused:
        return f"the fix is taken back: {mended.refused[0][1]}"
    unmended = next((f.no_fix for f in report.findings if f.no_fix), "")
    if unmended:
        return f"there is no fix: {unmended}"
    made = mended.changes[_FILE].after.decode() if _FILE in mended.changes else case.source
    return "" if made.strip() == case.fixed.strip() else f"the fix makes {made.strip()!r}"
