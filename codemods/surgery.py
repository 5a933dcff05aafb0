"""Edits on syntax nodes: LibCST rewrites the one expression or statement that changes; every other byte stays.

The node's own text is parsed with LibCST, not the file: it costs microseconds, keeps comments and formatting inside
the node, and nothing outside of it can change, since nothing outside of it is generated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..analyzer.checking import NoFix
from ..analyzer.findings import Edit
from ..analyzer.source.module import Module

if TYPE_CHECKING:
    import libcst as cst


def replace_span(module: Module, start: int, end: int, text: str) -> Edit:
    """Replace the characters from offset ``start`` to ``end``."""
    return Edit(module.path, module.position(start), module.position(end), text)


def replace_node(module: Module, node: ast.AST, text: str) -> Edit:
    """Replace a node's text."""
    return replace_span(module, *module.span(node), text)


def rewrite_expression(
    module: Module, node: ast.expr, change: Callable[[cst.BaseExpression], cst.BaseExpression]
) -> Edit:
    """Replace an expression by what ``change`` makes of its LibCST tree; comments inside it are kept."""
    import libcst as cst

    opening, closing = "(\n", "\n)"  # a bracket on lines of its own: the text may span lines or end in a comment
    tree = cst.parse_module(opening + module.segment(node) + closing)
    statement = tree.body[0]
    assert isinstance(statement, cst.SimpleStatementLine) and isinstance(statement.body[0], cst.Expr)
    old = statement.body[0].value
    code = tree.code_for_node(change(old.with_changes(lpar=old.lpar[1:], rpar=old.rpar[:-1])))
    return replace_node(module, node, code.replace("\n", newline_of(module)) if "\r" not in code else code)


def rewrite_statement(
    module: Module,
    node: ast.stmt,
    change: Callable[[cst.BaseStatement], cst.BaseStatement | None],
) -> Edit:
    """Replace a whole simple statement line by what ``change`` makes of it; None removes the line."""
    import libcst as cst

    start, end = line_span(module, node)
    lead = indent_of(module, node)
    text = module.text[start:end]
    tree = cst.parse_module(_dedent(text, lead))
    new = change(tree.body[0])  # pyright: ignore[reportArgumentType]
    if new is None:
        return replace_span(module, start, end, "")
    code = tree.code_for_node(new)
    return replace_span(module, start, end, "".join(lead + line for line in code.splitlines(keepends=True)))


def expression_at(module: Module, span: object) -> ast.expr:
    """The expression at a span that a rule wrote down.

    Args:
        module: the file.
        span: start and end, as :meth:`Module.span` gives them; a list where the finding came from the cache.

    Raises:
        NoFix: there is none any more.
    """
    assert isinstance(span, (list, tuple))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.expr) and module.span(node) == tuple(span):
            return node
    raise NoFix("the file changed since it was scanned: scan again")


def append_arguments(module: Module, call: ast.Call, text: str) -> Edit:
    """Put arguments behind the last one of a call."""
    given = [*call.args, *(k.value for k in call.keywords)]
    at = max(module.span(g)[1] for g in given) if given else module.span(call)[1] - 1
    return replace_span(module, at, at, f"{', ' if given else ''}{text}")


def line_span(module: Module, node: ast.stmt) -> tuple[int, int]:
    """Offsets of the whole lines that a statement occupies, the last line's ending included."""
    end_line = node.end_lineno or node.lineno
    starts = module.line_starts
    return starts[node.lineno - 1], starts[end_line] if end_line < len(starts) else len(module.text)


def indent_of(module: Module, node: ast.AST) -> str:
    """The white space before the statement that holds a node."""
    line = module.line_text(module.statement(node))
    return line[: len(line) - len(line.lstrip())]


def newline_of(module: Module) -> str:
    """The line ending that the file uses most at its start: that of its first line."""
    first = module.text[: module.line_starts[1]] if len(module.line_starts) > 1 else "\n"
    return "\r\n" if first.endswith("\r\n") else "\r" if first.endswith("\r") else "\n"


def insert_before(module: Module, node: ast.stmt, *lines: str) -> Edit:
    """Put lines, indented as the statement, before it (before its decorators)."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    start = module.line_starts[first - 1]
    return replace_span(module, start, start, _block(module, node, lines))


def insert_after(module: Module, node: ast.stmt, *lines: str) -> Edit:
    """Put lines, indented as the statement, after it."""
    _, end = line_span(module, node)
    text = _block(module, node, lines)
    if end == len(module.text) and not module.text.endswith(("\n", "\r")):
        text = newline_of(module) + text.removesuffix(newline_of(module))
    return replace_span(module, end, end, text)


def remove_statement(module: Module, node: ast.stmt) -> Edit:
    """Remove a statement's lines; a statement that is all of its block becomes ``pass``."""
    parent = module.parent(node)
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if block == [node] and not isinstance(parent, ast.Module):
            return replace_node(module, node, "pass")
    return replace_span(module, *line_span(module, node), "")


def with_arguments(
    call: cst.Call, *, positional: list[str] | None = None, keywords: Mapping[str, str] | None = None
) -> cst.Call:
    """A call with other arguments before and after its own ones; formatting of its own is kept.

    Args:
        call: the call.
        positional: code of arguments to put first.
        keywords: code of keyword arguments to put last, by name.
    """
    import libcst as cst

    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    old = list(call.args)
    new = [cst.Arg(cst.parse_expression(code)) for code in positional or []]
    tail = [
        cst.Arg(
            cst.parse_expression(code),
            keyword=cst.Name(name),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        for name, code in (keywords or {}).items()
    ]
    arguments = [*new, *old, *tail]
    joined: list[cst.Arg] = []
    for position, argument in enumerate(arguments):
        is_last = position == len(arguments) - 1
        needs_comma = not is_last and argument.comma is cst.MaybeSentinel.DEFAULT
        joined.append(argument.with_changes(comma=comma) if needs_comma else argument)
    return call.with_changes(args=joined)


def _block(module: Module, node: ast.stmt, lines: tuple[str, ...]) -> str:
    lead, ending = indent_of(module, node), newline_of(module)
    return "".join(f"{lead}{line}{ending}" if line else ending for line in lines)


def _dedent(text: str, lead: str) -> str:
    return "".join(line.removeprefix(lead) for line in text.splitlines(keepends=True))
