"""The table of all reports, printed when their tests have run."""

from __future__ import annotations

from typing import Any

import pytest

COLUMNS = ("report", "bug", "found", "mended", "proved")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a row for each bug of each report: found, mended, proved."""
    rows = []
    for outcome in ("passed", "failed"):
        for done in terminalreporter.stats.get(outcome, ()):
            told = dict(getattr(done, "user_properties", ()))
            if "bug" in told:
                rows.append([str(told.get(name, "NOT " + name.upper())) for name in COLUMNS])
    if not rows:
        return
    rows.sort(key=lambda row: row[0])
    widths = [max(len(row[i]) for row in (*rows, list(COLUMNS))) for i in range(len(COLUMNS))]
    terminalreporter.section("the five reports: finding -> found -> mended -> proved")
    for row in (list(COLUMNS), *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line(line.rstrip())


@pytest.fixture
def record(record_property: Any) -> Any:
    """Keeps a cell of the table."""
    return record_property
