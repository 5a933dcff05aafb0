"""What the syntax of a function says on its own: its body, its ``self``, what it returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from ...source.nodes import branches, children
from ...source.scopes import Scope

_DEFINITIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_CALLS: WeakKeyDictionary[Scope, tuple[ast.Call, ...]] = WeakKeyDictionary()


def returned(scope: Scope) -> list[ast.expr]:
    """The expressions that a function returns; of a generator, those it yields."""
    node = scope.node
    if isinstance(node, ast.Lambda):
        return [node.body]
    found: list[ast.expr] = []
    stack: list[ast.AST] = [*reversed(body_of(scope))]
    while stack:
        current = stack.pop()
        if isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(current, (ast.Return, ast.Yield)) and current.value is not None:
            found.append(current.value)
        stack += branches(current)[::-1]
    return found


def body_of(scope: Scope) -> list[ast.stmt]:
    """The statements of a function's or class's body; [] for a lambda."""
    return [] if isinstance(scope.node, ast.Lambda) else scope.node.body


def self_name(scope: Scope) -> str | None:
    """The name of a method's first parameter (``self``), None for static methods and functions."""
    node = scope.node
    if (
        not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        or scope.parent is None
        or not scope.parent.is_class
    ):
        return None
    arguments = [*node.args.posonlyargs, *node.args.args]
    return arguments[0].arg if arguments and not is_static(node) else None


def is_static(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    """Whether a function is declared a static method."""
    return not isinstance(node, ast.Lambda) and any(
        isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list
    )


def defaults(scope: Scope) -> dict[str, ast.expr]:
    """The defaults of a function's parameters, by name."""
    node = scope.node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return {}
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    last = positional[len(positional) - len(arguments.defaults) :]
    found = {a.arg: value for a, value in zip(last, arguments.defaults, strict=True)}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {**found, **{a.arg: value for a, value in pairs if value is not None}}


def own_nodes(scope: Scope) -> Iterator[ast.AST]:
    """The nodes of a function's own body; nested functions and classes are left out, lambdas are not."""
    node = scope.node
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
    stack = body[::-1]
    while stack:
        current = stack.pop()
        if isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield current
        stack += children(current)[::-1]


def own_calls(scope: Scope) -> list[ast.Call]:
    """The calls in a function's own body, in source order."""
    kept = _CALLS.get(scope)
    if kept is None:
        found: list[ast.Call] = []
        node = scope.node
        stack: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*reversed(node.body)]
        while stack:
            current = stack.pop()
            kind = type(current)
            if kind in _DEFINITIONS:
                continue
            if kind is ast.Call:
                found.append(current)  # pyright: ignore[reportArgumentType]
            stack += branches(current)[::-1]
        kept = _CALLS[scope] = tuple(sorted(found, key=lambda n: (n.lineno, n.col_offset)))
    return [*kept]
