"""For people: the code, why mlfix is sure, and the diff."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ...analyzer.engine import Report, Request
from ...analyzer.findings import Applicability, Confidence, Finding, Level
from ...analyzer.source.reader import LINE_END
from ..terminal import one_line, steady
from .diff import finding_diff
from .summary import summary

_LEVEL_STYLES = {Level.BREAKS: "bold red", Level.DEGRADES: "bold yellow", Level.WASTES: "bold cyan"}
_FRAME = 1  # lines of code shown before and after
_NARROWEST = 60


def render(report: Report, request: Request, color: bool = False) -> str:
    """The report; coloured for a terminal, and wrapped to its width."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=color,
        color_system="auto" if color else None,
        no_color=not color,
        width=max(_NARROWEST, Console().width) if color else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not color,
    )
    for finding in report.findings:
        _finding(console, finding, request.root)
    for problem in report.problems:
        line = f":{problem.line}" if problem.line else ""
        console.print(
            Text.assemble(("error ", "bold red"), f"{_shown(request.root, problem.path)}{line}: {problem.message}")
        )
    console.print(Text(summary(report), style="bold"))
    return stream.getvalue()


def _finding(console: Console, finding: Finding, root: Path) -> None:
    place = finding.location
    where = f"{_shown(root, place.path)}:{place.line}:{place.column}"
    style = _LEVEL_STYLES[finding.level]
    console.print(
        Text.assemble(
            (where, "bold"),
            "  ",
            (finding.label, style),
            f"  {finding.level}, {finding.confidence} confidence",
        )
    )
    console.print(
        Text(f"  {finding.message}") if console.soft_wrap else Padding(finding.message, (0, 0, 0, 2), expand=False)
    )
    console.print()
    _frame(console, finding, root)
    if finding.symptom:
        console.print(Text.assemble(("  you see: ", "bold"), finding.symptom))
    if finding.evidence:
        is_sure = finding.confidence is Confidence.HIGH
        console.print(Text(f"  why mlfix {'is sure' if is_sure else 'thinks so'}:", style="bold"))
        for evidence in finding.evidence:
            console.print(
                Text.assemble("    ", (f"{_shown(root, evidence.path)}:{evidence.line}", "cyan"), f"  {evidence.note}")
            )
    _fix(console, finding, root)
    console.print()


def _frame(console: Console, finding: Finding, root: Path) -> None:
    place = finding.location
    lines = _lines(root / place.path)
    if not 0 < place.line <= len(lines):
        return
    first, last = max(1, place.line - _FRAME), min(len(lines), place.line + _FRAME)
    gutter = len(str(last))
    for number in range(first, last + 1):
        mark = ">" if number == place.line else " "
        console.print(Text.assemble((f"  {mark} {number:{gutter}} | ", "dim"), steady(lines[number - 1].expandtabs(4))))
        if number == place.line:
            before = lines[number - 1][: place.column - 1].expandtabs(4)
            end = place.end_column if place.end_line == place.line else len(lines[number - 1]) + 1
            length = len(lines[number - 1][: end - 1].expandtabs(4)) - len(before)
            carets = " " * len(before) + "^" * max(1, length)
            console.print(Text.assemble((f"    {' ' * gutter} | ", "dim"), (carets, _LEVEL_STYLES[finding.level])))


def _fix(console: Console, finding: Finding, root: Path) -> None:
    if finding.fix is None:
        if finding.no_fix:
            console.print(Text.assemble(("  no fix: ", "bold"), finding.no_fix))
        return
    kind = "advice" if finding.fix.applicability is Applicability.ADVICE else f"{finding.fix.applicability} fix"
    console.print(Text.assemble((f"  {kind}: ", "bold"), finding.fix.title))
    for line in finding_diff(finding, root).splitlines():
        style = (
            {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "") if not line.startswith(("+++", "---")) else "dim"
        )
        console.print(Text(f"    {steady(line)}".rstrip(), style=style))


@cache
def _lines(path: Path) -> list[str]:
    try:
        return LINE_END.split(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


def _shown(root: Path, path: str) -> str:
    """A path as the user can open it: from the current folder where it lies below, else from the root."""
    try:
        return one_line((root / path).relative_to(Path.cwd()).as_posix())
    except (ValueError, OSError):  # elsewhere, or in a folder that is gone
        return one_line(path)
