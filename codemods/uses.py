"""Whether a name that an import binds is used, by all that Python and the tools around it take for a use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..analyzer.source.module import Module
from ..analyzer.source.scopes import Scope, last_name

_TAKE_TYPES = frozenset({"cast", "TypeVar", "NewType", "NamedTuple", "TypedDict", "get_type_hints", "ForwardRef"})
_BUILTIN_TYPES = frozenset({"list", "dict", "tuple", "set", "frozenset", "type"})
_DYNAMIC = frozenset({"eval", "exec", "globals", "locals", "vars"})


def is_used(module: Module, home: Scope, name: str) -> bool:
    """Whether anything uses what a scope binds under a name.

    Beside plain uses these count: annotations in quotes, type comments, ``__all__``, and any string with the name in a
    file that looks names up by ``eval``, ``globals()`` or their like.

    Args:
        module: the file.
        home: the scope that binds it.
        name: the name.
    """
    in_signatures = {
        id(n) for a in module.nodes if isinstance(a, ast.arguments) for n in ast.walk(a) if isinstance(n, ast.Name)
    }
    for node in module.nodes:
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        # Defaults are evaluated outside of the function that they stand in.
        if id(node) in in_signatures or module.scope_of(node).lookup(name) is home:
            return True
    if re.search(rf"#\s*type:.*\b{re.escape(name)}\b", module.text):
        return True
    return any(_names(text, name) for text in _speaking_strings(module))


def _names(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _speaking_strings(module: Module) -> Iterator[str]:
    """The strings that may stand for code."""
    is_dynamic = any(isinstance(n, ast.Name) and n.id in _DYNAMIC for n in module.nodes)
    for node in module.nodes:
        parts: list[ast.AST | None] = []
        if is_dynamic and isinstance(node, ast.Constant):
            parts = [node]
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            parts = [node.annotation]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            parts = [node.returns]
        elif isinstance(node, ast.Call) and (last_name(node.func) in _TAKE_TYPES or _is_of_exports(node.func)):
            parts = [*node.args, *(k.value for k in node.keywords)]
        elif isinstance(node, ast.Subscript) and _may_be_type(last_name(node.value)):
            parts = [node.slice]
        elif isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [node.value] if any(last_name(t) == "__all__" for t in targets) else []
        for part in parts:
            for constant in ast.walk(part) if part is not None else ():
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield constant.value


def _is_of_exports(function: ast.expr) -> bool:
    """``__all__.append`` and its like."""
    return isinstance(function, ast.Attribute) and last_name(function.value) == "__all__"


def _may_be_type(name: str) -> bool:
    return name[:1].isupper() or name in _BUILTIN_TYPES
