"""The last verdicts of a project, by fingerprint: what `apply --commit` can say of a fix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..analyzer.findings import Finding
from ..analyzer.runtime.results import VerifyResult


def store_verdicts(path: Path, result: VerifyResult) -> None:
    """Keep the verdicts of a verify, in place of those before.

    Raises:
        OSError: the file cannot be written.
    """
    rows = {v.finding.fingerprint: {"label": v.label.value, "sentence": v.sentence} for v in result.verdicts}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"command": list(result.command), "verdicts": rows}, indent=1))
    temporary.replace(path)


def verdict_lines(path: Path, findings: Iterable[Finding]) -> list[str]:
    """A line for each finding that has a verdict; none where there was no verify, or its record is unreadable."""
    try:
        data = json.loads(path.read_text())
        rows = data["verdicts"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not isinstance(rows, Mapping):
        return []
    found = ((f, rows.get(f.fingerprint)) for f in findings)
    return [
        f"{f.location.path}:{f.location.line}: {row.get('label')}: {row.get('sentence')}"
        for f, row in found
        if isinstance(row, Mapping)
    ]
