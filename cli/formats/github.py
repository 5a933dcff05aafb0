"""GitHub workflow commands: annotations on the pull request."""

from __future__ import annotations

from ...analyzer.engine import Report, Request
from ...analyzer.findings import Level

_COMMANDS = {Level.BREAKS: "error", Level.DEGRADES: "warning", Level.WASTES: "notice"}


def render(report: Report, request: Request) -> str:
    """One command a finding or problem."""
    lines = [_line("error", p.path, p.line or 1, None, None, "mlfix", p.message) for p in report.problems]
    for f in report.findings:
        place = f.location
        title = f.label
        message = "\n".join([f.message, *(f"{e.path}:{e.line}: {e.note}" for e in f.evidence)])
        lines.append(_line(_COMMANDS[f.level], place.path, place.line, place.column, place.end_line, title, message))
    return "".join(f"{line}\n" for line in lines)


def _line(kind: str, path: str, line: int, column: int | None, end: int | None, title: str, message: str) -> str:
    fields = {"file": path, "line": line, "col": column, "endLine": end, "title": title}
    given = ",".join(f"{k}={_property(str(v))}" for k, v in fields.items() if v is not None)
    return f"::{kind} {given}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
