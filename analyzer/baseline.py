"""A baseline: the findings that a project accepts for the time being, by fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .findings import Finding
from .writing import write_whole

VERSION = 1


class BadBaseline(Exception):
    """A baseline file that cannot be used; the message names it and the remedy."""


def write_baseline(path: Path, findings: Iterable[Finding]) -> int:
    """Write the fingerprints of the findings; each with rule and file, so that a person can review the file.

    Returns:
        How many were written.
    """
    rows = {f.fingerprint: {"rule": f.rule, "path": f.location.path} for f in findings if not f.suppressed}
    write_whole(path, (json.dumps({"version": VERSION, "findings": rows}, indent=1, sort_keys=True) + "\n").encode())
    return len(rows)


def read_baseline(path: Path) -> frozenset[str]:
    """The accepted fingerprints.

    Raises:
        BadBaseline: the file is missing or not a baseline.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise BadBaseline(
                f"{path}: is a baseline of version {data['version']}: write it anew with --write-baseline"
            )
        return frozenset(data["findings"])
    except OSError as error:
        remedy = "write one with --write-baseline"
        raise BadBaseline(f"{path}: baseline cannot be read ({error.strerror}): {remedy}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadBaseline(f"{path}: is no baseline: write it anew with --write-baseline") from None
