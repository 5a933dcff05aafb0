"""What an earlier run found out, by content: facts of files, and what the rules said of them.

JSON, never pickle: a cache folder may lie inside a repository that somebody else wrote. Whatever is wrong with a cache,
the run goes on without it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .checking import Checked
from .findings import Applicability, Confidence, Edit, Evidence, Finding, Fix, Level, Location, Problem
from .source.facts import Call, ClassFacts, FileFacts, FunctionFacts, Import

FORMAT = 4
_NESTED = {"imports": Import, "functions": FunctionFacts, "classes": ClassFacts, "calls": Call}
_SETS = {"names", "words", "attributes", "called", "gives_several", "wanted_by"}


@dataclass
class Memory:
    """A cache's content. ``shape`` digests what all files show each other; ``digests`` name each file's content.

    ``inputs`` are digests of the other files that findings depend on: dependency files, what they include, configs.
    """

    digests: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    shape: str = ""
    checked: dict[str, Checked] = field(default_factory=dict)
    consulted: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each checked file, the other files that its rules looked into, with their digests then."""
    marked: list[str] = field(default_factory=list)
    """Files with suppression comments."""


class Cache:
    """One folder for a project and a set of rules.

    ``results.json`` serves an unchanged tree, ``facts.json`` a changed one.

    Args:
        folder: where to keep it; None keeps nothing.
        key: whatever else the results depend on: versions, rules, settings.
    """

    def __init__(self, folder: Path | None, key: Iterable[str]) -> None:
        digest = hashlib.sha256("\0".join([str(FORMAT), *key]).encode(errors="surrogatepass")).hexdigest()[:16]
        self.folder = folder / digest if folder is not None else None

    def results(self) -> Memory:
        """What the last run found; empty where there is none."""
        data = self._load("results.json")
        try:
            return Memory(
                digests=dict(data["digests"]),
                inputs=dict(data["inputs"]),
                lines={p: _number(count) for p, count in data["lines"].items()},
                problems={p: _problem(row) for p, row in data["problems"].items()},
                shape=data["shape"],
                checked={p: _checked(row) for p, row in data["checked"].items()},
                consulted={p: dict(row) for p, row in data["consulted"].items()},
                marked=list(data["marked"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return Memory()

    def facts(self) -> dict[str, FileFacts]:
        """The facts of the last run's files, by path; the file's digest inside says of which content."""
        found: dict[str, FileFacts] = {}
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            for row in self._load("facts.json").get("files", ()):
                facts = _facts(row)
                found[facts.path] = facts
        return found

    def store_results(self, memory: Memory) -> None:
        """Keep a run's results."""
        self._store(
            "results.json",
            {
                "digests": memory.digests,
                "inputs": memory.inputs,
                "lines": memory.lines,
                "problems": {p: [q.path, q.message, q.line] for p, q in memory.problems.items()},
                "shape": memory.shape,
                "checked": {p: _checked_row(c) for p, c in memory.checked.items()},
                "consulted": memory.consulted,
                "marked": memory.marked,
            },
        )

    def store_facts(self, facts: Iterable[FileFacts]) -> None:
        """Keep the facts of all files."""
        self._store("facts.json", {"files": [_facts_row(f) for f in facts]})

    def _load(self, name: str) -> dict[str, Any]:
        if self.folder is None:
            return {}
        try:
            path = self.folder / name
            data = json.loads(path.read_bytes()) if path.is_file() else {}
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def _store(self, name: str, data: Mapping[str, Any]) -> None:
        if self.folder is None:
            return
        with suppress(OSError):  # a cache that cannot be written only costs time
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=name)
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(json.dumps(data, separators=(",", ":")))
                Path(temporary).replace(self.folder / name)
            except OSError:
                Path(temporary).unlink(missing_ok=True)


def shape_of(files: Mapping[str, FileFacts], *others: str) -> str:
    """A digest of all that one file's findings may take from another's facts: everything but line numbers.

    ``others`` are digests of further inputs: dependency files, settings.
    """
    digest = hashlib.sha256("\0".join(others).encode(errors="surrogatepass"))
    for path, f in files.items():
        shown = (
            path,
            [(i.local, i.target, i.scope) for i in f.imports],
            f.aliases,
            [(x.qualname, x.parameters, x.decorators) for x in f.functions],
            [(k.qualname, k.bases, k.decorators, k.methods) for k in f.classes],
            [(c.callee, c.scope) for c in f.calls],
            sorted(f.names),
            f.uses,
            f.constants,
            sorted(f.words),
            sorted(f.attributes),
            f.exports,
            (f.has_main_guard, f.runs_at_import, f.is_dynamic),
        )
        digest.update(repr(shown).encode(errors="surrogatepass"))
    return digest.hexdigest()


_FACT_FIELDS = tuple(f.name for f in fields(FileFacts))


def _facts_row(facts: FileFacts) -> list[Any]:
    row: list[Any] = []
    for name in _FACT_FIELDS:
        value = getattr(facts, name)
        if name == "tokens":
            value = sorted(t.decode("latin-1") for t in value)
        elif name in _SETS:
            value = sorted(value)
        row.append(value)
    return row


def _facts(row: list[Any]) -> FileFacts:
    values = dict(zip(_FACT_FIELDS, row, strict=True))
    for name, kind in _NESTED.items():
        values[name] = tuple(kind(*(tuple(v) if type(v) is list else v for v in item)) for item in values[name])
    for name in _SETS:
        values[name] = frozenset(values[name])
    values["tokens"] = frozenset(t.encode("latin-1") for t in values["tokens"])
    values["aliases"] = tuple((a, b) for a, b in values["aliases"])
    values["uses"] = tuple((owner, tuple(names)) for owner, names in values["uses"])
    values["constants"] = tuple(values["constants"])
    values["exports"] = tuple(values["exports"])
    values["unread"] = tuple(values["unread"])
    return FileFacts(**values)


def _checked_row(checked: Checked) -> dict[str, Any]:
    return {
        "findings": [_finding_row(f) for f in checked.findings],
        "problems": [[p.path, p.message, p.line] for p in checked.problems],
        "path": checked.path,
    }


def _checked(row: Mapping[str, Any]) -> Checked:
    findings = tuple(_finding(f) for f in row["findings"])
    return Checked(row["path"], findings, tuple(_problem(p) for p in row["problems"]))


def _problem(row: list[Any]) -> Problem:
    path, message, line = row
    return Problem(_text(path), _text(message), _number(line))


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("no number, so not what was stored")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text, so not what was stored")
    return value


def _finding_row(f: Finding) -> dict[str, Any]:
    place = f.location
    return {
        "rule": f.rule,
        "code": f.code,
        "level": f.level.value,
        "confidence": f.confidence.value,
        "location": [place.path, place.line, place.column, place.end_line, place.end_column],
        "message": f.message,
        "symptom": f.symptom,
        "evidence": [[e.path, e.line, e.note] for e in f.evidence],
        "scope": f.scope,
        "subject": f.subject,
        "no_fix": f.no_fix,
        "repair": _plain(f.repair),
        "fix": None
        if f.fix is None
        else [
            f.fix.applicability.value,
            f.fix.title,
            [[e.path, e.start, e.end, e.text, e.clears] for e in f.fix.edits],
        ],
    }


def _plain(repair: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A repair as it is; one of a user's own rule that JSON cannot hold costs a run its proof, never the scan."""
    try:
        json.dumps(repair)
    except (TypeError, ValueError):
        return None
    return repair


def _finding(row: Mapping[str, Any]) -> Finding:
    fix = row["fix"]
    return Finding(
        rule=row["rule"],
        code=row["code"],
        level=Level(row["level"]),
        confidence=Confidence(row["confidence"]),
        location=Location(_text(row["location"][0]), *map(_number, row["location"][1:])),
        message=_text(row["message"]),
        symptom=_text(row["symptom"]),
        evidence=tuple(Evidence(_text(path), _number(line), _text(note)) for path, line, note in row["evidence"]),
        scope=_text(row["scope"]),
        subject=_text(row["subject"]),
        no_fix=row["no_fix"],
        repair=row["repair"],
        fix=None
        if fix is None
        else Fix(Applicability(fix[0]), fix[1], tuple(Edit(p, _pair(s), _pair(e), t, c) for p, s, e, t, c in fix[2])),
    )


def _pair(row: list[int]) -> tuple[int, int]:
    return _number(row[0]), _number(row[1])
