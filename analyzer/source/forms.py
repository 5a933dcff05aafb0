"""What statements and expressions are by their form alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .nodes import walk


def is_main_guard(test: ast.expr) -> bool:
    """``__name__ == "__main__"``, in either order."""
    if not (isinstance(test, ast.Compare) and len(test.comparators) == 1 and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = (test.left, test.comparators[0])
    return any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides) and any(
        isinstance(s, ast.Constant) and s.value == "__main__" for s in sides
    )


def is_several(value: ast.expr) -> bool:
    """A tuple, a dictionary, or a call with keywords, which may fill a class."""
    kind = type(value)
    return kind is ast.Tuple or kind is ast.Dict or (kind is ast.Call and bool(value.keywords))  # pyright: ignore[reportAttributeAccessIssue]


def bound_in(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that the statements of a class body assign, declare or define."""
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.If, ast.Try, ast.With, ast.For)):
            blocks = (getattr(statement, name, ()) for name in ("body", "orelse", "finalbody"))
            yield from (name for block in blocks for name in bound_in(block))
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                yield from (n.id for n in walk(target) if isinstance(n, ast.Name))


def does_work(statement: ast.stmt) -> bool:
    """A loop or a bare call at top level."""
    is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return is_call or isinstance(statement, (ast.For, ast.While))


def parameters_of(arguments: ast.arguments) -> tuple[str, ...]:
    """All parameter names, in order."""
    every = [*arguments.posonlyargs, *arguments.args, *([arguments.vararg] if arguments.vararg else [])]
    every += [*arguments.kwonlyargs, *([arguments.kwarg] if arguments.kwarg else [])]
    return tuple(a.arg for a in every)
