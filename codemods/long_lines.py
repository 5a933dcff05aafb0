"""Statements that a fix makes too long are broken as a person would break them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..analyzer.findings import Edit, Fix
from ..analyzer.graph.project import Project
from ..analyzer.source.module import Module
from .breaking import broken
from .edits import apply_edits
from .imports import indent_unit, stands_alone
from .surgery import indent_of, newline_of
from .unused_imports import is_code, opened_after

_LEAST, _MOST = 100, 120
"""A file whose own lines are longer than the first is written in lines of that length, up to the second."""


def shortened(fix: Fix, project: Project) -> Fix:
    """A fix whose edits make no statement too long where a bracket can be broken instead."""
    edits: list[Edit] = []
    for path in dict.fromkeys(e.path for e in fix.edits):
        own = [e for e in fix.edits if e.path == path]
        edits += _shortened(project.module(path), own) if is_code(path, project) else own
    return replace(fix, edits=tuple(edits))


@dataclass(frozen=True)
class _Piece:
    """Edits that are made as one: the span that they replace in the text before, and what is there after them."""

    start: int
    end: int
    new_start: int
    new_end: int


def _shortened(module: Module, edits: list[Edit]) -> list[Edit]:
    limit = _limit(module)
    try:
        new = apply_edits(module.text, edits)
    except ValueError:
        return edits  # outside of the file: applying tells
    if all(len(line) <= limit for line in new.splitlines()):
        return edits
    after = opened_after(module, edits)
    known = set(module.text.splitlines())
    for start, end, text in _breaks(after, known, limit) if after is not None else ():
        edits = _with_break(module, edits, (start, end), text)
    return edits


def _limit(module: Module) -> int:
    return max(_LEAST, min(_MOST, max((len(line) for line in module.text.splitlines()), default=0)))


def _breaks(after: Module, known: set[str], limit: int) -> Iterator[tuple[int, int, str]]:
    """Spans of new statements that are too long, and what to write there, the last one first."""
    lines = after.text.splitlines()
    long = {n for n, line in enumerate(lines, 1) if len(line) > limit and line not in known}
    found: list[ast.stmt] = []
    for node in after.nodes:
        is_simple = isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Assert))
        if is_simple and node.lineno == node.end_lineno and node.lineno in long and stands_alone(after, node):
            found.append(node)
    for node in reversed(found):
        lead = indent_of(after, node)
        if len(lead + after.segment(node)) < len(after.line_text(node).rstrip()):
            continue  # a comment follows, whose place would be anyone's guess
        made = broken(after.segment(node), lead, indent_unit(after), limit)
        if made is not None:
            yield (*after.span(node), newline_of(after).join(made)[len(lead) :])


def _with_break(module: Module, edits: Sequence[Edit], span: tuple[int, int], text: str) -> list[Edit]:
    """The edits with those of one statement made one that writes it broken.

    Args:
        module: the file before.
        edits: all its edits.
        span: where the statement stands once they are made.
        text: what to write there.
    """
    after = apply_edits(module.text, edits)
    first, last = span
    kept: list[Edit] = []
    own: list[_Piece] = []
    shift = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        start, end = (module.line_starts[line - 1] + column - 1 for line, column in (edit.start, edit.end))
        piece = _Piece(start, end, start + shift, start + shift + len(edit.text))
        shift += len(edit.text) - (end - start)
        if piece.new_start <= last and first <= piece.new_end:
            own.append(piece)
        else:
            kept.append(edit)
    if not own:
        return list(edits)
    new_start, new_end = min(first, own[0].new_start), max(last, own[-1].new_end)
    start = own[0].start - (own[0].new_start - new_start)
    end = own[-1].end + (new_end - own[-1].new_end)
    whole = after[new_start:first] + text + after[last:new_end]
    return [*kept, Edit(module.path, module.position(start), module.position(end), whole)]
