"""How many findings of each rule, and how many have a fix."""

from __future__ import annotations

from collections import Counter

from ...analyzer.engine import Report, Request


def render(report: Report, request: Request) -> str:
    """A table, the most frequent rule first."""
    counts = Counter((f.code, f.rule) for f in report.findings)
    fixable = Counter((f.code, f.rule) for f in report.findings if f.fix is not None)
    rows = [f"{n:6}  {c}  {r}  ({fixable[c, r]} with a fix)" for (c, r), n in counts.most_common()]
    total = f"{len(report.findings):6}  in all, in {report.files} files of {report.lines} lines"
    return "".join(f"{row}\n" for row in [*rows, total])
