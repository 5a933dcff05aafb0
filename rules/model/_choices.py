"""Where a program picks a model by a string: tables, comparisons and matches, with what each choice builds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...analyzer.source.module import Module

_PARTIAL = frozenset({"partial"})
LOADERS = frozenset({"create_model", "from_pretrained", "from_name", "load", "get_model", "get_encoder"})


@dataclass(frozen=True, eq=False)
class Choice:
    """One way to pick: ``texts`` are the strings of one branch or entry, ``builders`` the expressions it picks.

    A builder is the name of a class or function, or a string constant that a model library is asked for by name.
    """

    texts: tuple[str, ...]
    key: ast.AST
    builders: tuple[ast.expr, ...]
    table: int
    """Tells the choices of one table or chain from those of another."""


def choices_of(module: Module) -> Iterator[Choice]:
    """Every choice of a file, in source order."""
    chained: dict[int, int] = {}
    for node in module.nodes:
        if isinstance(node, ast.Dict):
            yield from _of_table(node)
        elif isinstance(node, ast.If):
            table = chained.get(id(node), id(node))
            if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
                chained[id(node.orelse[0])] = table
            texts = _compared(node.test)
            if texts:
                yield Choice(texts, node.test, tuple(_called(node.body)), table)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                texts = _matched(case.pattern)
                if texts:
                    yield Choice(texts, case.pattern, tuple(_called(case.body)), id(node))


def name_of(builder: ast.expr) -> str:
    """The last name of a builder, or the string by which a library is asked."""
    if isinstance(builder, ast.Constant):
        return str(builder.value).partition(".")[0]
    return builder.attr if isinstance(builder, ast.Attribute) else builder.id if isinstance(builder, ast.Name) else ""


def _of_table(node: ast.Dict) -> Iterator[Choice]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            builders = tuple(_picked(value))
            if builders:
                yield Choice((key.value,), key, builders, id(node))


def _picked(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, (ast.Name, ast.Attribute)):
        yield value
    elif isinstance(value, ast.Call):
        yield from _of_call(value)
    elif isinstance(value, ast.Lambda):
        yield from _called([value.body])
    elif isinstance(value, (ast.Tuple, ast.List)) and value.elts:
        yield from _picked(value.elts[0])


def _called(body: list[ast.stmt] | list[ast.expr]) -> Iterator[ast.expr]:
    """What a branch calls by name, nested choices left out."""
    stack: list[ast.AST] = [*reversed(body)]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.If, ast.Match, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(node, ast.Call):
            yield from _of_call(node)
        stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _of_call(call: ast.Call) -> Iterator[ast.expr]:
    name = name_of(call.func)
    if name in _PARTIAL and call.args:
        yield call.args[0]
    elif name in LOADERS:
        first = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "model_name"), None)
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first
    elif name:
        yield call.func


def _compared(test: ast.expr) -> tuple[str, ...]:
    """The strings of ``x == "a"``, ``x in ("a", "b")`` and of several joined by ``or``."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        parts = [_compared(value) for value in test.values]
        return tuple(t for part in parts for t in part) if all(parts) else ()
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
        return ()
    left, right = test.left, test.comparators[0]
    if isinstance(test.ops[0], ast.Eq):
        return tuple(s.value for s in (left, right) if isinstance(s, ast.Constant) and isinstance(s.value, str))
    if isinstance(test.ops[0], ast.In) and isinstance(right, (ast.Tuple, ast.List, ast.Set)):
        return tuple(e.value for e in right.elts if isinstance(e, ast.Constant) and isinstance(e.value, str))
    return ()


def _matched(pattern: ast.pattern) -> tuple[str, ...]:
    if isinstance(pattern, ast.MatchOr):
        return tuple(t for p in pattern.patterns for t in _matched(p))
    value = pattern.value if isinstance(pattern, ast.MatchValue) else None
    return (value.value,) if isinstance(value, ast.Constant) and isinstance(value.value, str) else ()
