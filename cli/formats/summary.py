"""A report in one line."""

from __future__ import annotations

from ...analyzer.engine import Report
from ...analyzer.findings import Applicability


def summary(report: Report) -> str:
    """How much was read and found."""
    fixable = [f.fix.applicability for f in report.findings if f.fix is not None]
    safe, unsafe = fixable.count(Applicability.SAFE), fixable.count(Applicability.UNSAFE)
    parts = [_counted(len(report.findings), "finding")]
    if safe or unsafe:
        parts.append(f"{safe} with a safe fix (`mlfix apply`), {unsafe} with an unsafe one (`--unsafe`)")
    read = f"{_counted(report.files, 'file')}, {_counted(report.lines, 'line')}"
    parts.append(f"{read} in {report.seconds:.2f} s")
    for count, what in (
        (len(report.problems), "not read or not checked in full"),
        (report.known, "in the baseline"),
        (len(report.suppressed), "suppressed"),
        (report.hidden, "hidden as unsure or cheap (--confidence low, --level wastes)"),
        (report.notebooks, "notebooks left out" if report.notebooks > 1 else "notebook left out"),
    ):
        if count:
            parts.append(f"{count} {what}")
    return "; ".join(parts)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
