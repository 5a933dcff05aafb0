"""Literals of Python code as settings."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .model import Form, Setting

if TYPE_CHECKING:
    from ...source.module import Module

_PLAIN = (bool, int, float, str, type(None))
_DEEPEST = 6


def setting_of(module: Module, node: ast.expr, name: str, form: Form) -> Setting | None:
    """A literal as a setting: a constant, a signed number, or arithmetic of them (which cannot be edited)."""
    if isinstance(node, ast.Constant):
        if not isinstance(node.value, _PLAIN):
            return None
        return Setting(name, node.value, module.location(node), module.segment(node), form)
    value = number_of(node)
    if value is None:
        return None
    is_signed = isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    return Setting(name, value, module.location(node), module.segment(node), form, editable=is_signed)


def number_of(node: ast.expr, depth: int = 0) -> float | int | None:
    """The value of arithmetic on number literals; None for anything else."""
    if isinstance(node, ast.Constant):
        is_number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        return node.value if is_number else None  # pyright: ignore[reportReturnType] - told by isinstance above
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = number_of(node.operand, depth + 1)
        return None if inner is None else -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp):
        left, right = number_of(node.left, depth + 1), number_of(node.right, depth + 1)
        return _combined(node.op, left, right) if left is not None and right is not None else None
    return None


def _combined(op: ast.operator, left: float | int, right: float | int) -> float | int | None:
    try:
        if isinstance(op, ast.Add):
            return left + right
        if isinstance(op, ast.Sub):
            return left - right
        if isinstance(op, ast.Mult):
            return left * right
        if isinstance(op, ast.Div):
            return left / right
        if isinstance(op, ast.Pow) and abs(left) <= 1e6 and abs(right) <= 32:
            result = left**right
            return result if isinstance(result, (int, float)) else None
    except (ZeroDivisionError, OverflowError):
        return None
    return None


def name_of_literal(module: Module, node: ast.expr) -> tuple[str, Form]:
    """What a literal is called where it stands: the keyword, target or parameter that takes it."""
    above = module.parent(node)
    if isinstance(above, ast.keyword):
        return above.arg or "", Form.CODE
    if isinstance(above, (ast.Assign, ast.AnnAssign)):
        targets = above.targets if isinstance(above, ast.Assign) else [above.target]
        name = module.snippet(targets[0]) if len(targets) == 1 else ""
        return name.rpartition(".")[2], Form.FIELD if module.scope_of(above).is_class else Form.CODE
    if isinstance(above, ast.Dict):
        for key, value in zip(above.keys, above.values, strict=True):
            if value is node and isinstance(key, ast.Constant) and isinstance(key.value, str):
                return key.value, Form.CODE
    if isinstance(above, ast.arguments):
        return _parameter_of(above, node), Form.CODE
    return "", Form.CODE


def _parameter_of(arguments: ast.arguments, default: ast.expr) -> str:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    return next((a.arg for a, d in pairs if d is default), "")
