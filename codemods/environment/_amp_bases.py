"""Classes that derive from a mixed-precision class: their calls of its constructor change with the base."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from ...analyzer.checking import NoFix
from ...analyzer.findings import Edit
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.module import Module
from ..surgery import rewrite_expression
from ._amp_calls import rewritten


def base_edits(module: Module, project: Project, klass: ast.ClassDef, move: dict[str, Any]) -> list[Edit]:
    """The edits that a new base asks for inside a class.

    Args:
        module: the class's file.
        project: the repository.
        klass: the class.
        move: the parameters of the base on both sides.

    Raises:
        NoFix: the class is made in a way that another order of parameters would change.
    """
    if all(tuple(t) == tuple(move["source"]) for t in move["parameters"]):
        return []
    own = [s for s in klass.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"]
    if not own:
        _check_makers(module, project, klass, move)
        return []
    calls = [n for n in ast.walk(own[0]) if isinstance(n, ast.Call) and _makes_base(n)]
    if not calls:
        raise NoFix(f"class {klass.name} calls no constructor of its base that could be followed")
    return [_rewritten(module, call, move) for call in calls]


def _makes_base(call: ast.Call) -> bool:
    func = call.func
    return (
        isinstance(func, ast.Attribute)
        and func.attr == "__init__"
        and isinstance(func.value, ast.Call)
        and getattr(func.value.func, "id", "") == "super"
    )


def _rewritten(module: Module, call: ast.Call, move: dict[str, Any]) -> Edit:
    def change(old: cst.BaseExpression) -> cst.BaseExpression:
        assert isinstance(old, cst.Call)
        return rewritten(module, call, old, move)

    return rewrite_expression(module, call, change)


def _check_makers(module: Module, project: Project, klass: ast.ClassDef, move: dict[str, Any]) -> None:
    """Without a constructor of its own, the class takes the base's arguments wherever it is made."""
    needs_device = "device_type" not in move["source"] and any("device_type" in t for t in move["parameters"])
    symbol = Symbol(module.path, module.qualname(klass))
    for site in project.call_sites(symbol):
        other = project.try_module(site.path)
        for call in other.calls_on(site.line) if other is not None else ():
            if call.args or any(k.arg in (None, "device", "device_type") for k in call.keywords) or needs_device:
                raise NoFix(f"{site.path}:{site.line} makes a {klass.name} with arguments whose places change")
    if needs_device:
        raise NoFix(f"class {klass.name} has no constructor that could name the device")
