"""Loops around a place in the user's code, and how often they turn: how long a program means to train."""

from __future__ import annotations

import ast
import linecache
import math
import warnings
from types import CodeType, FrameType
from typing import Any, Dict, List, Optional

from .sites import Sites

_MOST_LOOPS = 8
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CALLS = {"len": len, "int": int, "min": min, "max": max, "round": round, "abs": abs, "ceil": math.ceil}
_CALLS["floor"] = math.floor
_WRAPPERS = ("enumerate", "tqdm", "iter", "track", "progress_bar")
_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Div: lambda a, b: a / b,
}

_trees: Dict[str, Optional[ast.Module]] = {}


class Unknown(Exception):
    """An expression that is not read."""


def enclosing(sites: Sites, frame: Optional[FrameType]) -> List[Dict[str, Any]]:
    """The loops around a call, from the inside out, over all of the user's frames.

    Args:
        sites: which files are the user's.
        frame: the innermost frame.

    Returns:
        For each loop ``path``, its ``first`` and ``last`` line, ``kind`` (``range``, ``loader``, ``while`` or
        ``other``), ``count`` (the turns of a range, else None) and ``guarded``: whether the call stands in it under
        an ``if`` with a remainder, such as ``(i + 1) % accumulation == 0``. Ranges are read from the names and
        attributes that the program itself has just read there; nothing else is called.
    """
    found: List[Dict[str, Any]] = []
    is_guarded = False
    for user in sites.frames(frame):
        for node in reversed(_around(user)):
            if isinstance(node, ast.If):
                is_guarded = True
                continue
            kind, count = _read(node, user)
            path = sites.relative(user.f_code.co_filename)
            last = getattr(node, "end_lineno", node.lineno)
            found.append(
                {
                    "path": path,
                    "first": node.lineno,
                    "last": last,
                    "kind": kind,
                    "count": count,
                    "guarded": is_guarded,
                }
            )
            is_guarded = False
    return found[:_MOST_LOOPS]


def _around(frame: FrameType) -> List[Any]:
    """Loops, and conditions with a remainder, in the frame's own function around its line, from the outside in."""
    tree = _tree(frame.f_code)
    if tree is None:
        return []
    line, loops = frame.f_lineno, []
    node: Any = tree
    while node is not None:
        is_wanted = isinstance(node, _LOOPS) or (isinstance(node, ast.If) and _has_remainder(node.test))
        if is_wanted and _holds(node.body, line):
            loops.append(node)
        inner = None
        for child in ast.iter_child_nodes(node):
            if _covers(child, line):
                inner = child
        is_own = isinstance(inner, ast.Lambda) and frame.f_code.co_name == "<lambda>"
        if is_own or (isinstance(inner, _DEFINITIONS) and _holds(inner.body, line)):
            loops = []  # what is around a function's definition is not around its call
        node = inner
    return loops


def _has_remainder(test: ast.expr) -> bool:
    return any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) for node in ast.walk(test))


def _tree(code: CodeType) -> Optional[ast.Module]:
    name = code.co_filename
    if name not in _trees:
        try:
            with warnings.catch_warnings():  # the program's own run has told of them, where they are wanted
                warnings.simplefilter("ignore")
                _trees[name] = ast.parse("".join(linecache.getlines(name)))
        except (SyntaxError, ValueError, RecursionError):
            _trees[name] = None
    return _trees[name]


def _covers(node: ast.AST, line: int) -> bool:
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if first is None or last is None:
        return False
    decorators = [d.lineno for d in getattr(node, "decorator_list", [])]
    return min([first, *decorators]) <= line <= last


def _holds(body: List[ast.stmt], line: int) -> bool:
    return body[0].lineno <= line <= (body[-1].end_lineno or body[-1].lineno)


def _read(loop: Any, frame: FrameType) -> Any:
    """The kind of a loop, and its turns where they are known."""
    if isinstance(loop, ast.While):
        return "while", None
    node = loop.iter
    while isinstance(node, ast.Call) and _called(node) in _WRAPPERS and node.args:
        node = node.args[0]
    try:
        if isinstance(node, ast.Call) and _called(node) in ("range", "trange"):
            return "range", len(range(*[int(_value(a, frame)) for a in node.args]))
        value = _value(node, frame)
    except Exception:  # whatever the program's own attributes raise
        return "other", None
    value = getattr(value, "iterable", value)  # a progress bar over it
    if isinstance(value, (range, list, tuple)):
        return "range", len(value)
    is_loader = hasattr(value, "dataset") and (hasattr(value, "batch_size") or hasattr(value, "sampler"))
    return ("loader" if is_loader or type(value).__name__ == "Pass" else "other"), None


def _called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _value(node: ast.AST, frame: FrameType) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals):
            if node.id in names:
                return names[node.id]
        raise Unknown(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, frame), node.attr)
    if isinstance(node, ast.Subscript):
        return _value(node.value, frame)[_value(node.slice, frame)]
    if isinstance(node, ast.Index):  # Python 3.8
        return _value(node.value, frame)  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, frame), _value(node.right, frame))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, frame)
    if isinstance(node, ast.Call) and _called(node) in _CALLS and not node.keywords:
        return _CALLS[_called(node)](*[_value(a, frame) for a in node.args])
    raise Unknown(ast.dump(node))
