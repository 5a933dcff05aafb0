"""Code with holes: ``$X`` stands for any value, ``$...ARGS`` for any number of arguments, ``$_`` for one nobody names.

Python's own parser reads it: a hole becomes an identifier that no real code has.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..source.collect import dotted
from ..source.quiet import parse_quietly

_HOLE = "_mlfix_hole_"
_REST = "_mlfix_rest_"
ANYTHING = "_"
_LONGEST = 10_000
# Strings and comments come first: a dollar in them is text.
_TOKEN = re.compile(
    r"""("{3}(?:\\.|[^\\])*?"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*)"""
    r"""|\$(\.\.\.)?([A-Z_][A-Z0-9_]*)(?![A-Za-z0-9_])|(\$)""",
    re.DOTALL,
)
_BUILTINS = frozenset(dir(builtins))
_LITERAL = frozenset({"self", "cls"})
SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Delete, ast.Raise, ast.Assert)
"""Statements that a fix may replace: they have no block, and bind no import."""


class BadPattern(Exception):
    """A pattern that means nothing; the message says why and what to write instead."""


@dataclass(frozen=True)
class Pattern:
    """Parsed code with holes.

    Attributes:
        text: as written.
        marked: the same with identifiers for holes.
        body: the statements; an expression alone is one ``ast.Expr``.
        holes: names of the holes for one thing.
        rests: names of the holes for any number of things.
        words: the holes among ``holes`` that stand where only an identifier can (``$X.$NAME``).
    """

    text: str
    marked: str
    body: tuple[ast.stmt, ...]
    holes: frozenset[str]
    rests: frozenset[str]
    words: frozenset[str]

    @property
    def tree(self) -> ast.expr | ast.stmt:
        """The expression, else the first statement."""
        first = self.body[0]
        return first.value if isinstance(first, ast.Expr) else first

    @property
    def is_expression(self) -> bool:
        """Whether it is one expression."""
        return len(self.body) == 1 and isinstance(self.body[0], ast.Expr)


def parse_pattern(text: str) -> Pattern:
    """A pattern to look for: one expression or one statement.

    Raises:
        BadPattern: it is no such thing, would fit everything, or holds a name that means nothing outside of a file.
    """
    pattern = _parse(text)
    if len(pattern.body) != 1:
        raise BadPattern(f"holds {len(pattern.body)} statements: write one expression or one statement")
    if rest_name(pattern.tree) is not None or hole_name(pattern.tree) is not None:
        raise BadPattern("is a hole alone and fits everything: write the code around it")
    return pattern


def parse_template(text: str, pattern: Pattern) -> Pattern:
    """What to put in a pattern's place, with the same holes.

    Raises:
        BadPattern: it is no code of the same kind, or has holes that the pattern does not fill.
    """
    template = _parse(text)
    missing = sorted((template.holes - pattern.holes) | (template.rests - pattern.rests))
    if missing:
        raise BadPattern(f"uses `${missing[0]}`, which the pattern does not have: the holes of a fix come from it")
    if ANYTHING in template.holes | template.rests:
        raise BadPattern("uses `$_`, which has no name to be filled by: name the hole in the pattern")
    if template.words - pattern.words:
        raise BadPattern(f"puts the value `${min(template.words - pattern.words)}` where only a name can stand")
    if pattern.is_expression and not template.is_expression:
        raise BadPattern("must be an expression, since the pattern is one")
    if not pattern.is_expression and not isinstance(pattern.tree, SIMPLE):
        raise BadPattern("cannot replace a statement with a block or an import: leave it out, and say what to do")
    if not all(isinstance(s, (*SIMPLE, ast.Expr)) for s in template.body):
        raise BadPattern("must be expressions, assignments or other statements without a block")
    return template


def hole_name(node: ast.AST | str | None) -> str | None:
    """The name of the hole that a node or an identifier is, None for all else."""
    if isinstance(node, ast.Name):
        node = node.id
    return node[len(_HOLE) :] if isinstance(node, str) and node.startswith(_HOLE) else None


def rest_name(node: object) -> str | None:
    """The name of the hole for any number of things that a list's element is, None for all else."""
    if isinstance(node, ast.Expr):
        node = node.value
    if isinstance(node, ast.Starred):
        node = node.value
        return node.id[len(_REST) :] if isinstance(node, ast.Name) and node.id.startswith(_REST) else None
    # A parameter list has no starred expression, but a starred name.
    named = isinstance(node, ast.arg) and node.arg.startswith(_REST)
    return node.arg[len(_REST) :] if named and isinstance(node, ast.arg) else None


def chains(tree: ast.AST) -> Iterator[ast.Name | ast.Attribute]:
    """The longest dotted names of code with holes (``torch.cuda.amp.autocast``), those with a hole left out."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Name, ast.Attribute)) and is_chain(node):
            yield node
        elif not isinstance(node, ast.Name):
            stack += reversed(list(ast.iter_child_nodes(node)))


def is_chain(node: ast.AST) -> bool:
    """Whether a node is a dotted name without a hole."""
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    name = dotted(node)
    return name is not None and _HOLE not in name and _REST not in name


def is_literal(name: str) -> bool:
    """Whether a dotted name is compared as it is written: what is reached from ``self`` or ``cls``."""
    return name.partition(".")[0] in _LITERAL


def filled(text: str, values: dict[str, str]) -> str:
    """A text for people with its holes replaced by code."""
    return re.sub(r"\$(?:\.\.\.)?([A-Z_][A-Z0-9_]*)", lambda m: values.get(m[1], m[0]), text)


def _parse(text: str) -> Pattern:
    if len(text) > _LONGEST:
        raise BadPattern(f"is longer than {_LONGEST} characters: match less")
    if _HOLE in text or _REST in text:
        raise BadPattern(f"holds a name with {_HOLE} or {_REST}, which stand for holes: rename it")
    marked = _TOKEN.sub(_mark, text.strip())
    try:
        body = tuple(parse_quietly(marked).body)
    except SyntaxError as error:
        raise BadPattern(f"is no Python code with holes ({error.msg})") from None
    except (ValueError, RecursionError, MemoryError):
        raise BadPattern("is no Python code with holes") from None
    if not body:
        raise BadPattern("is empty: write an expression or a statement")
    holes: set[str] = set()
    rests: set[str] = set()
    words: set[str] = set()
    for node in (n for statement in body for n in ast.walk(statement)):
        _note(node, holes, rests, words)
    if (holes & rests) - {ANYTHING}:
        raise BadPattern(f"uses `{min(holes & rests)}` both with and without dots: give one of them another name")
    tree = ast.Module(list(body), [])
    # What an attribute is taken of is a module by any name (`torch.$NAME`).
    owners = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for chain in chains(tree):
        if id(chain) not in owners:
            _check_chain(dotted(chain) or "")
    return Pattern(text, marked, body, frozenset(holes), frozenset(rests), frozenset(words))


def _mark(found: re.Match[str]) -> str:
    literal, dots, name, stray = found.groups()
    if stray:
        raise BadPattern("holds a `$` that begins no hole: a hole is `$NAME` or `$...NAME`, in capitals")
    return literal or (f"*{_REST}{name}" if dots else f"{_HOLE}{name}")


def _note(node: ast.AST, holes: set[str], rests: set[str], words: set[str]) -> None:
    """Add a node's own holes."""
    own = hole_name(node)
    if own is not None:
        holes.add(own)
        return
    several = rest_name(node) if not isinstance(node, ast.Expr) else None
    if several is not None:
        rests.add(several)
    for _, value in ast.iter_fields(node):
        name = hole_name(value) if isinstance(value, str) else None
        if name is not None:
            holes.add(name)
            words.add(name)
        if isinstance(value, list) and sum(rest_name(v) is not None for v in value) > 1:
            raise BadPattern("has two `$...` in one list, so that nobody can say what each holds: use one")


def _check_chain(name: str) -> None:
    if _REST in name or "." in name or name in _BUILTINS or name in _LITERAL:
        return
    raise BadPattern(
        f"holds the bare name `{name}`, which says nothing outside of one file: write its full dotted name "
        f"(`torch.load`), or a hole (`${name.upper()}`) for any value"
    )
