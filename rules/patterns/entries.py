"""The entries of a file of patterns, checked: each is one rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...analyzer.findings import Applicability, Confidence, Level
from ...analyzer.patterns.syntax import BadPattern, Pattern, filled, parse_pattern, parse_template
from .conditions import Condition, read_conditions
from .tables import At, BadPatternFile, read_table

KEYS = (
    *("name", "code", "level", "confidence", "message", "symptom", "pattern", "where"),
    *("fix", "title", "applicability", "valid", "invalid"),
)
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CODE = re.compile(r"(?!MLF\d)[A-Z]+[0-9]+")


@dataclass(frozen=True)
class Case:
    """Code that the rule must find (or leave alone), and what its fix makes of it."""

    line: int
    source: str
    fixed: str | None = None


@dataclass(frozen=True)
class Entry:
    """One rule as it stands in the file; the fields are the file's keys."""

    file: str
    line: int
    name: str
    code: str
    level: Level
    confidence: Confidence
    message: str
    symptom: str
    pattern: Pattern
    where: tuple[Condition, ...]
    fix: Pattern | None
    title: str
    applicability: Applicability
    valid: tuple[Case, ...]
    invalid: tuple[Case, ...]


def read_entries(path: Path, shown: str) -> list[Entry]:
    """Every rule of a file.

    Args:
        path: the file.
        shown: its name for messages.

    Raises:
        BadPatternFile: at the first thing that is wrong.
    """
    root = read_table(path, shown)
    if root is None:
        raise BadPatternFile(f"{shown}:1: holds no rule: write a list of entries with name, message and pattern")
    entries = [_entry(item) for item in root.items("the file")]
    if not entries:
        raise root.wrong("holds no rule: write a list of entries with name, message and pattern")
    seen: dict[str, int] = {}
    for entry in entries:
        for key in {entry.name, entry.code}:
            if key in seen:
                raise BadPatternFile(f"{shown}:{entry.line}: {key!r} is taken on line {seen[key]}: choose another")
            seen[key] = entry.line
    return entries


def _entry(item: At) -> Entry:
    keys = item.table("a rule", KEYS)
    for required in ("name", "message", "pattern"):
        if required not in keys:
            raise item.wrong(f"the rule has no {required!r}: every rule needs name, message and pattern")
    name = _formed(keys["name"], "name", _NAME, "no-bare-load")
    code = _formed(keys["code"], "code", _CODE, "TEAM101 (MLF is mlfix's own)") if "code" in keys else name
    pattern = _pattern(keys["pattern"])
    where = read_conditions(keys["where"], pattern) if "where" in keys else ()
    fix = _template(keys["fix"], pattern) if "fix" in keys else None
    for key in ("title", "applicability"):
        if key in keys and fix is None:
            raise keys[key].wrong(f"{key!r} says something of a fix, and the rule has none: add `fix`, or remove it")
    choice = Applicability(_one_of(keys, "applicability", [m.value for m in Applicability], "unsafe"))
    return Entry(
        file=item.file,
        line=item.line,
        name=name,
        code=code,
        level=Level(_one_of(keys, "level", [m.value for m in Level], "degrades")),
        confidence=Confidence(_one_of(keys, "confidence", [m.value for m in Confidence], "high")),
        message=_said(keys, "message", pattern),
        symptom=_line(keys["symptom"], "symptom") if "symptom" in keys else "",
        pattern=pattern,
        where=where,
        fix=fix,
        title=_said(keys, "title", pattern) if "title" in keys else "",
        applicability=choice,
        valid=tuple(_case(at, is_valid=True) for at in keys["valid"].items("valid")) if "valid" in keys else (),
        invalid=tuple(_case(at, fix) for at in keys["invalid"].items("invalid")) if "invalid" in keys else (),
    )


def _formed(at: At, key: str, form: re.Pattern[str], example: str) -> str:
    value = at.text(key)
    if not form.fullmatch(value):
        raise at.wrong(f"{key}: {value!r} must look like {example}")
    return value


def _one_of(keys: dict[str, At], key: str, values: list[str], default: str) -> str:
    return keys[key].choice(key, values) if key in keys else default


def _pattern(at: At) -> Pattern:
    try:
        return parse_pattern(at.text("pattern"))
    except BadPattern as error:
        raise at.wrong(f"the pattern {error}") from None


def _template(at: At, pattern: Pattern) -> Pattern:
    try:
        return parse_template(at.text("fix"), pattern)
    except BadPattern as error:
        raise at.wrong(f"the fix {error}") from None


def _line(at: At, key: str) -> str:
    return " ".join(at.text(key).split())


def _said(keys: dict[str, At], key: str, pattern: Pattern) -> str:
    """A text for people, on one line; its holes are the pattern's."""
    text = _line(keys[key], key)
    known = dict.fromkeys(pattern.holes | pattern.rests, "")
    unknown = re.search(r"\$(?:\.\.\.)?[A-Z_][A-Z0-9_]*", filled(text, known))
    if unknown is not None:
        raise keys[key].wrong(f"{key} names `{unknown[0]}`, which the pattern does not have")
    return text


def _case(at: At, fix: Pattern | None = None, is_valid: bool = False) -> Case:
    if is_valid or not at.is_table:
        return Case(at.line, at.text("a case"))
    keys = at.table("a case", ("source", "fixed"))
    if "source" not in keys:
        raise at.wrong("the case has no 'source': the code in which the rule must find something")
    if "fixed" in keys and fix is None:
        raise keys["fixed"].wrong("the rule has no fix that could make this: add `fix`, or remove 'fixed'")
    fixed = keys["fixed"].text("fixed") if "fixed" in keys else None
    return Case(at.line, keys["source"].text("source"), fixed)
