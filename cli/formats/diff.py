"""Unified diffs of whole files and of one finding's fix."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from ...analyzer.findings import Finding
from ...analyzer.source.reader import Sources, Unreadable, decode

_CONTEXT = 3
_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"}


def unified(texts: Mapping[str, tuple[str, str]], color: bool = False, context: int = _CONTEXT) -> str:
    """A unified diff that ``git apply`` and ``patch -p1`` take."""
    return "".join(line for path, (old, new) in texts.items() for line in _file(path, old, new, color, context))


def finding_diff(
    finding: Finding, root: Path, changed: Mapping[str, bytes] | None = None, color: bool = False, context: int = 1
) -> str:
    """The diff of one finding's fix.

    Args:
        finding: one with a fix.
        root: the project's folder.
        changed: files that differ from those on disk already.
        color: whether to colour it.
        context: lines shown around each change.
    """
    from ...codemods.edits import apply_edits

    assert finding.fix is not None
    texts: dict[str, tuple[str, str]] = {}
    for path in dict.fromkeys(e.path for e in finding.fix.edits):
        try:
            old = decode(path, Sources(root, changed or {}).read(path)).text
            texts[path] = (old, apply_edits(old, [e for e in finding.fix.edits if e.path == path]))
        except (Unreadable, ValueError):
            continue  # changed on disk since it was scanned
    return unified(texts, color, context)


def _file(path: str, old: str, new: str, color: bool, context: int) -> Iterable[str]:
    lines = difflib.unified_diff(_lines(old), _lines(new), _named(f"a/{path}"), _named(f"b/{path}"), n=context)
    for line in lines:
        whole = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        yield click.style(whole, fg=_color(line)) if color else whole


def _named(path: str) -> str:
    """A name as git writes it, and patch reads it: one that would break the line stands in quotes as C has them."""
    if not path.isprintable():
        return '"' + "".join(_ESCAPES.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in _bytes(path)) + '"'
    # The tab ends a name that holds spaces.
    return f"{path}\t" if " " in path else path


def _bytes(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _lines(text: str) -> list[str]:
    """Lines as diff and patch know them: ended by a line feed, and by nothing else."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _color(line: str) -> str | None:
    if line.startswith(("+++", "---")):
        return None
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
