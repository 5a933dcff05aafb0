"""Mended configurations written beside the originals, with the reason of each change as a comment."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..analyzer.findings import Finding
from ..analyzer.project.configs import BadConfig, read
from ..analyzer.project.configs.names import may_be_config
from ..analyzer.source.reader import Sources, Text, Unreadable, decode
from .session import Change

_MARK = "_fixed"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class Copies:
    """Changes with copies in the place of configurations.

    ``copied`` maps each configuration to its copy; ``silent`` are the copies that hold no reasons, since their format
    has no comments.
    """

    changes: Mapping[str, Change]
    copied: Mapping[str, str]
    silent: tuple[str, ...]


def copy_of(path: str) -> str:
    """The name of a configuration's copy: ``configs/train_fixed.yaml`` of ``configs/train.yaml``."""
    stem, ending = posixpath.splitext(path)
    return f"{stem}{_MARK}{ending}"


def as_copies(sources: Sources, changes: Mapping[str, Change], applied: Iterable[Finding]) -> Copies:
    """Leave configurations as they are, and write their mended text beside them. Other files are changed in place.

    Args:
        sources: the files as they are on disk.
        changes: what applying changed.
        applied: the findings whose fixes made the changes.
    """
    every = list(applied)
    result: dict[str, Change] = {}
    copied: dict[str, str] = {}
    silent: list[str] = []
    for path, change in changes.items():
        if not may_be_config(path):
            result[path] = change
            continue
        target = copy_of(path)
        text = decode(path, change.after)
        told = _with_reasons(path, text, [f for f in every if f.fix is not None and _touches(f, path)])
        if told is None:
            silent.append(target)
        after = change.after if told is None else text.encode(told)
        copied[path] = target
        before = _existing(sources, target)
        if before != after:
            result[target] = Change(before or b"", after, is_new=before is None, like=path)
    return Copies(result, copied, tuple(silent))


def _touches(finding: Finding, path: str) -> bool:
    return finding.fix is not None and any(edit.path == path for edit in finding.fix.edits)


def _existing(sources: Sources, path: str) -> bytes | None:
    """What stands at a path already; None where nothing does."""
    if not (sources.root / path).exists():
        return None
    try:
        return sources.read(path)
    except Unreadable:
        return b""


def _with_reasons(path: str, text: Text, findings: list[Finding]) -> str | None:
    """A text with a comment above each changed line; above all of it where that would change what it says.

    None where the format has no comments, or the text cannot be told about at all.
    """
    if path.endswith(".json") or not findings:
        return None
    reasons: dict[int, list[str]] = {}
    for finding in findings:
        assert finding.fix is not None
        line = min(edit.start[0] for edit in finding.fix.edits if edit.path == path)
        reasons.setdefault(line, []).append(_reason(finding))
    beside = _commented(text.text, reasons)
    if _says(path, beside) == _says(path, text.text):
        return beside
    above = _commented(text.text, {1: [f"line {n}: {r}" for n, of in sorted(reasons.items()) for r in of]})
    return above if _says(path, above) == _says(path, text.text) else None


def _reason(finding: Finding) -> str:
    words = " ".join(finding.message.split())
    return f"mlfix {finding.label}: {words}"


def _commented(text: str, reasons: Mapping[int, Iterable[str]]) -> str:
    parts: list[str] = []
    for number, match in enumerate(_LINE.finditer(text), 1):
        line = match[0]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        end = line[len(line.rstrip("\r\n")) :] or "\n"
        parts += [f"{indent}# {reason}{end}" for reason in reasons.get(number, ())]
        parts.append(line)
    return "".join(parts)


def _says(path: str, text: str) -> list[tuple[object, ...]] | None:
    """Every key with its value; None where the text cannot be read."""
    try:
        return [(entry.key, entry.kind, entry.value, entry.text) for entry in read(path, text).entries()]
    except BadConfig:
        return None
