"""Which files a path expression may name: literals, joins, f-strings, and what settings say."""

from __future__ import annotations

import ast
import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...source.scopes import key_of, last_name

if TYPE_CHECKING:
    from ..values.flow import Flow
    from ..values.frames import Operand

ANYTHING = "*"
_KEEPING = {"Path", "open", "str", "expanduser", "abspath", "realpath", "normpath", "resolve", "absolute", "read"}
_KEEPING |= {"read_text", "read_bytes", "fspath", "PurePath", "joinpath", "as_posix", "to_absolute_path", "File"}
_DEEPEST = 14
_MOST = 40


def patterns(flow: Flow, op: Operand, settings: Callable[[Operand], Iterable[str | None]], depth: int = 0) -> set[str]:
    """Shell patterns of the paths that an expression may be; ``*`` for a part that is not known.

    Args:
        flow: the project's value flow.
        op: a path, or a file that was opened from one.
        settings: gives the texts that a value is configured to be; None for one that a user may give instead.
    """
    node = op.node
    if depth > _DEEPEST:
        return {ANYTHING}

    def of(inner: ast.expr) -> set[str]:
        return patterns(flow, op.sub(inner), settings, depth + 1)

    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else {ANYTHING}
    if isinstance(node, ast.JoinedStr):
        parts = [p.value if isinstance(p, ast.Constant) else ANYTHING for p in node.values]
        return {"".join(str(p) for p in parts)}
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
        middle = "/" if isinstance(node.op, ast.Div) else ""
        return _products(of(node.left), of(node.right), middle)
    if isinstance(node, (ast.IfExp, ast.BoolOp)):
        choices = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        return {p for c in choices for p in of(c)}
    if isinstance(node, ast.Call):
        return _of_call(op, node, of)
    if key_of(node) is not None:
        found: set[str] = set()
        for text in settings(op):
            found.add(ANYTHING if text is None else text)
        if found:
            return found
        sources = [s.operand for s in flow.sources(op) if s.operand is not None and not s.index and not s.is_element]
        for source in sources[:_MOST]:
            found |= patterns(flow, source, settings, depth + 1)
        return found or {ANYTHING}
    return {ANYTHING}


def _of_call(op: Operand, node: ast.Call, of: Callable[[ast.expr], set[str]]) -> set[str]:
    name = last_name(node.func)
    if name == "join" and isinstance(node.func, ast.Attribute) and node.args:
        found = of(node.args[0])
        for part in node.args[1:]:
            found = _products(found, of(part), "/")
        return found
    if name in _KEEPING:
        method = isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name)
        if isinstance(node.func, ast.Attribute) and (method or not node.args or name == "joinpath"):
            base = of(node.func.value)
            return _products(base, of(node.args[0]), "/") if name == "joinpath" and node.args else base
        if node.args:
            return of(node.args[0])
        if isinstance(node.func, ast.Attribute):
            return of(node.func.value)
    if name == "format" and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant):
        return {re.sub(r"\{[^{}]*\}", ANYTHING, str(node.func.value.value))}
    return {ANYTHING}


def _products(left: set[str], right: set[str], middle: str) -> set[str]:
    return set(sorted(a + middle + b for a in left for b in right)[:_MOST])


def matching(pattern: str, known: Iterable[str]) -> list[str]:
    """The files that a pattern names, seen from any folder: the shortest match of a plain path, all of a wild one."""
    clean = posixpath.normpath(re.sub(r"\*+", "*", pattern.replace("\\", "/"))).lstrip("/")
    while clean.startswith("../"):
        clean = clean[3:]
    if not clean.strip("*/."):
        return list(known)
    head, _, rest = clean.partition("/")
    if not head.strip("*") and rest:
        clean = rest  # an unknown folder
    if "*" not in clean:
        exact = [p for p in known if p == clean or p.endswith("/" + clean)]
        nearest = min((p.count("/") for p in exact), default=0)
        return [p for p in exact if p.count("/") == nearest]
    return [p for p in known if fnmatch.fnmatchcase(p, clean) or fnmatch.fnmatchcase(p, "*/" + clean)]
