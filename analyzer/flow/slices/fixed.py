"""Whether an argument is the same in every turn of a loop: what differs from slice to slice cannot be folded."""

from __future__ import annotations

import ast

from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Kind, Scope, key_of
from ..values.frames import Operand

_PURE = frozenset({"int", "float", "bool", "str", "len", "max", "min", "abs", "round", "sum", "tuple", "list"})
_PURE_METHODS = frozenset(
    {
        *("size", "dim", "numel", "item", "to", "type_as", "float", "half", "cuda", "cpu", "contiguous", "clone"),
        *("detach", "view", "reshape", "expand", "repeat", "unsqueeze", "squeeze", "flatten"),
    }
)


def is_fixed(node: ast.AST, varying: frozenset[str]) -> bool:
    """Whether an expression gives the same value in every turn.

    Args:
        node: the expression.
        varying: the names that stand for something else in each turn.

    Returns:
        False for what reads such a name, and for every call but those that only count, convert or reshape: a call may
        draw a random number.
    """
    for part in walk(node):
        if isinstance(part, (ast.Name, ast.Attribute)) and key_of(part) in varying:
            return False
        if isinstance(part, ast.Call) and not _is_pure(part.func):
            return False
        if isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
    return True


def _is_pure(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in _PURE_METHODS
    return isinstance(function, ast.Name) and function.id in _PURE


def varying_of(variable: str, loop: ast.For | ast.ListComp) -> frozenset[str]:
    """The names that differ from turn to turn of a loop whose body only names what it makes.

    Args:
        variable: the slice's number.
        loop: the loop or comprehension.
    """
    differ = {variable}
    for statement in loop.body if isinstance(loop, ast.For) else ():
        if isinstance(statement, ast.Assign) and not is_fixed(statement.value, frozenset(differ)):
            differ |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return frozenset(differ)


def varying_in(
    call: ast.Call, module: Module, callee: Scope, varying: frozenset[str], project: Project
) -> frozenset[str]:
    """The names of a function that differ from turn to turn, where it is called in each turn.

    Args:
        call: the call.
        module: its file.
        callee: the function's scope.
        varying: the names that differ where it is called.
        project: the project.
    """
    bound: dict[str, Operand] = project.flow.calls.bind(call, project.flow.frame(module, call), callee)
    has_open = any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)
    parameters = {key for key, found in callee.bindings.items() if any(b.kind is Kind.PARAMETER for b in found)}
    differ = {key for key in parameters if (not is_fixed(bound[key].node, varying) if key in bound else has_open)}
    waiting = True
    while waiting:
        now = frozenset(differ)
        for key, found in callee.bindings.items():
            changed = [b for b in found if b.kind is not Kind.PARAMETER]
            if any(b.kind is not Kind.ASSIGN or b.value is None or not is_fixed(b.value, now) for b in changed):
                differ.add(key)
        waiting = len(differ) > len(now)
    return frozenset(differ)
