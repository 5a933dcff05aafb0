"""Breaks one long statement at a bracket, as a person or a formatter would."""

from __future__ import annotations

import ast
import io
import itertools
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..analyzer.source.quiet import parse_quietly

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPERATORS = (
    {"or"},
    {"and"},
    {"in", "is", "not", "<", ">", "==", "!=", "<=", ">="},
    {"|"},
    {"^"},
    {"&"},
    {"<<", ">>"},
    {"+", "-"},
    {"*", "/", "//", "%", "@"},
)
"""Binary operators, those first that bind least."""
_NO_VALUES = frozenset({"return", "yield", "in", "is", "not", "and", "or", "if", "else", "for", "await", "lambda"})


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int
    depth: int
    """In how many brackets it stands; a bracket stands where its pair does."""
    ends_value: bool


def broken(statement: str, lead: str, unit: str, limit: int) -> list[str] | None:
    """The lines of a statement that is too long for one.

    Args:
        statement: a simple statement on one line, without its indent.
        lead: its indent.
        unit: what one more level is indented by.
        limit: the most columns of a line.

    Returns:
        The lines, with their indent; None where neither a bracket at its outermost level nor one that is put around its
        value can be broken so that all fits.
    """
    tokens = list(_tokens(statement))
    pairs = [
        (opening, closing)
        for n, opening in enumerate(tokens)
        if opening.depth == 0 and opening.text in _CLOSING and not _is_subscript(tokens, n)
        for closing in [next(t for t in tokens[n + 1 :] if t.depth == 0 and t.text == _CLOSING[opening.text])]
    ]
    for opening, closing in sorted(pairs, key=lambda pair: pair[0].end - pair[1].start):  # the longest first
        body = statement[opening.end : closing.start].strip()
        inside = _body(body, limit - len(lead + unit)) if body else None
        if inside is None:
            continue
        lines = [statement[: opening.end], *(unit + line for line in inside), statement[closing.start :]]
        if all(len(lead + line) <= limit for line in lines) and _same(statement, "\n".join(lines)):
            return [lead + line for line in lines]
    return _in_brackets(statement, lead, unit, limit)


def _in_brackets(statement: str, lead: str, unit: str, limit: int) -> list[str] | None:
    """The lines with the statement's value in brackets of its own, broken at its operators."""
    value = _value(statement)
    inside = _body(value, limit - len(lead + unit)) if value is not None and statement.endswith(value) else None
    if value is None or inside is None or len(inside) < 2 or inside[-1].endswith(","):
        return None
    lines = [f"{statement[: -len(value)]}(", *(unit + line for line in inside), ")"]
    is_right = all(len(lead + line) <= limit for line in lines) and _same(statement, "\n".join(lines))
    return [lead + line for line in lines] if is_right else None


def _value(statement: str) -> str | None:
    """What a statement assigns or returns."""
    try:
        node = parse_quietly(statement).body[0]
    except (SyntaxError, IndexError):
        return None
    is_valued = isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return))
    return ast.get_source_segment(statement, node.value) if is_valued and node.value is not None else None


def _body(body: str, room: int) -> list[str] | None:
    """What stands in a bracket, in as many lines as it takes; None where it does not fit."""
    if len(body) <= room:
        return [body]
    tokens = [t for t in _tokens(body) if t.depth == 0]
    commas = [t for t in tokens if t.text == ","]
    if commas:
        parts = _cut(body, [t.end for t in commas])
        lines = [*parts[:-1], parts[-1] if parts[-1].endswith(",") else f"{parts[-1]},"]
    elif any(t.text == "for" for t in tokens):
        first = next(t.start for t in tokens if t.text == "for")
        lines = _cut(body, [t.start for t in tokens if t.text in ("for", "if") and t.start >= first])
    else:
        lines = _cut(body, _operators(tokens))
    return lines if len(lines) > 1 and all(len(line) <= room for line in lines) else None


def _operators(tokens: Sequence[_Token]) -> list[int]:
    """Where the operators of an expression stand that bind least."""
    if any(t.text in ("if", "lambda", ":=", "=", ":") for t in tokens):
        return []
    for level in _OPERATORS:
        places = [t.start for before, t in itertools.pairwise(tokens) if t.text in level and before.ends_value]
        if places:
            return places
    return []


def _cut(text: str, places: Sequence[int]) -> list[str]:
    ends = [*places, len(text)]
    parts = [text[start:end].strip() for start, end in zip([0, *places], ends, strict=True)]
    return [part for part in parts if part]


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens of one line of code, an f-string as one of them whatever the version of Python."""
    depth, strings, start = 0, 0, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_START"):
            start = token.start[1] if strings == 0 else start
            strings += 1
        elif name.endswith("STRING_END"):
            strings -= 1
            if strings == 0:
                yield _Token(text[start : token.end[1]], start, token.end[1], depth, ends_value=True)
        elif strings == 0 and token.string.strip():
            depth -= token.string in _CLOSING.values()
            is_value = token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)
            ends_value = (is_value and token.string not in _NO_VALUES) or token.string in _CLOSING.values()
            yield _Token(token.string, token.start[1], token.end[1], depth, ends_value)
            depth += token.string in _CLOSING


def _is_subscript(tokens: Sequence[_Token], number: int) -> bool:
    return tokens[number].text == "[" and number > 0 and tokens[number - 1].ends_value


def _same(one: str, other: str) -> bool:
    try:
        return ast.dump(parse_quietly(one)) == ast.dump(parse_quietly(other))
    except SyntaxError:
        return False
