"""Attributes that are looked up by a text: ``getattr(model, "fc")``, ``getattr(self, f"level{i}")``."""

from __future__ import annotations

import ast
import re

from ...source.module import Module
from ...source.scopes import last_name
from ..values.functions import self_name

_BY_NAME = frozenset({"getattr", "setattr", "delattr", "get_submodule"})
_ANYTHING = ".*"
_HOLE = re.compile(r"\\{[^{}]*\\}|%[-+ #0]*\d*(?:\\\.\d+)?[a-z]")
"""A place of ``"{}".format(...)`` or ``"%d" % ...`` in an escaped text."""


def is_lookup(call: ast.Call) -> bool:
    """Whether a call looks some attribute up."""
    return last_name(call.func) in _BY_NAME


def looks_up(module: Module, call: ast.Call, name: str, in_class: bool) -> bool:
    """Whether a call may look an attribute up by its name.

    Args:
        module: the file of the call.
        call: a call that looks one up.
        name: the attribute.
        in_class: whether the file is that of the attribute's class, where ``getattr(self, anything)`` may be it.
    """
    texts = call.args[-1:] if last_name(call.func) == "get_submodule" else call.args[1:2]
    for text in texts:
        pattern = _pattern(text)
        if pattern == _ANYTHING:
            return in_class and _is_self(module, call)
        if re.fullmatch(pattern, name):
            return True
    return False


def _pattern(node: ast.expr) -> str:
    """What a computed text may be, as a regular expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _pattern(node.left) + _pattern(node.right)
    is_percent = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)
    template = node.left if is_percent and isinstance(node, ast.BinOp) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        template = node.func.value
    if isinstance(template, ast.Constant) and isinstance(template.value, str):
        return _HOLE.sub(_ANYTHING, re.escape(template.value))
    return _ANYTHING


def _is_self(module: Module, call: ast.Call) -> bool:
    method = module.scope_of(call).method
    own = self_name(method) if method is not None else None
    return bool(call.args) and isinstance(call.args[0], ast.Name) and call.args[0].id == own
