"""Which lines must run for a fix to matter: the statements that its edits change, in both trees."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from ..findings import Edit
from ..source.quiet import without_warnings

Statement = tuple[int, ...]
"""The executable lines of one statement; one of them that runs is enough."""


@dataclass(frozen=True)
class EditedFile:
    """What a fix changes in one Python file, as statements of the file before and after. Empty: nothing to ask."""

    path: str
    before: tuple[Statement, ...]
    after: tuple[Statement, ...]


def edited_statements(path: str, before: str, after: str, edits: Iterable[Edit]) -> EditedFile:
    """The statements that some edits change.

    Imports and definitions run whenever a file is imported: they count only where nothing else was edited.

    Args:
        path: the file.
        before: its text as is.
        after: its text with the fix, and perhaps with other fixes of the same run.
        edits: the edits of one finding, at places of the text as is.
    """
    old, new = before.splitlines(), after.splitlines()
    hunks = [h for h in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if h[0] != "equal"]
    spans = [(e.start[0], e.end[0] - (e.end[1] == 1 and e.end[0] > e.start[0])) for e in edits if e.path == path]
    mine = [h for h in hunks if any(_touches(h[1], h[2], first, last) for first, last in spans)] or hunks
    return EditedFile(
        path,
        _statements(before, {n for _, i, j, _, _ in mine for n in range(i + 1, j + 1)}),
        _statements(after, {n for _, _, _, i, j in mine for n in range(i + 1, j + 1)}),
    )


def _touches(start: int, end: int, first: int, last: int) -> bool:
    """Whether old lines ``start + 1`` to ``end`` (or the gap after line ``start``) meet a span of lines."""
    return start < last and first <= end if start < end else first - 1 <= start <= last


@dataclass(frozen=True)
class _Found:
    lines: Statement
    in_function: bool
    is_import: bool


def _statements(text: str, lines: set[int]) -> tuple[Statement, ...]:
    try:
        with without_warnings():
            tree = ast.parse(text)
            code = compile(text, "<edited>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    runs = set(_code_lines(code))
    found = [f for f in _covering(tree, lines, runs, in_function=False) if f.lines]
    inner = [f for f in found if f.in_function] or [f for f in found if not f.is_import] or found
    return tuple(dict.fromkeys(f.lines for f in inner))


def _code_lines(code: CodeType) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_lines(constant)


def _covering(node: ast.AST, lines: set[int], runs: set[int], in_function: bool) -> Iterator[_Found]:
    """Statements whose own lines - a block's header, without its body - are among the given ones."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            continue
        if isinstance(child, ast.stmt):
            own = _own_lines(child)
            if not lines.isdisjoint(own):
                is_import = isinstance(child, (ast.Import, ast.ImportFrom))
                yield _Found(tuple(n for n in own if n in runs), in_function, is_import)
        is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        yield from _covering(child, lines, runs, in_function or is_function)


def _own_lines(statement: ast.stmt) -> range:
    decorators = [d.lineno for d in getattr(statement, "decorator_list", ())]
    first = min([statement.lineno, *decorators])
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    last = statement.end_lineno or statement.lineno
    if isinstance(body, list) and body:
        start = body[0].pattern.lineno if isinstance(body[0], ast.match_case) else body[0].lineno
        last = max(statement.lineno, start - 1)
    return range(first, last + 1)
