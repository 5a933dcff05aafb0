"""Whether a centred crop can be given jitter, and which calls shall ask for it."""

from __future__ import annotations

import ast
import re
from typing import Any

from ...analyzer.flow.crops.centred import Centred
from ...analyzer.flow.items.making import Item, Visit
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, last_name

_EVALUATION = re.compile(r"(?:^|_)(?:val|valid|validation|test|eval|evaluation)(?:_|$)", re.I)
_MOST_SITES = 30
_NOT_CLAMPED = "nothing holds a shifted start inside of the volume: add up to 8 voxels at random, then clamp the start"


def plan(project: Project, item: Item, crops: list[Centred]) -> dict[str, Any] | str:
    """What the codemod needs: the starts, the function's size, the calls on the way from ``__getitem__``.

    Args:
        project: the project.
        item: how the dataset makes an item.
        crops: the centred starts of one function.

    Returns:
        Plain data, or the reason why there is no fix.
    """
    visit, module = crops[0].visit, crops[0].visit.module
    if not all(c.is_alone for c in crops):
        return "the same code cuts crops at places that are drawn: shift the object's centre where it is measured"
    if not all(c.is_clamped for c in crops):
        return _NOT_CLAMPED
    if _is_evaluated(project, item.klass):
        name = item.klass.qualname
        return f"`{name}` is made for evaluation too, where crops stay centred: draw the shift for training alone"
    vectors = [c.centre.what.is_vector for c in crops]
    if any(vectors) and not isinstance(crops[0].start.node, ast.BinOp):
        return _NOT_CLAMPED
    library = _library(module) if any(vectors) else ""
    if any(vectors) and (not library or not all(_is_named(c) for c in crops)):
        return "the start is a vector that is neither clearly NumPy's nor torch's: add up to 8 voxels on each axis"
    calls = _calls_into(item, visit)
    if visit is not item.getter:
        function = visit.scope.node
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or not _takes_more(function):
            return "the function takes any number of arguments: give it the shift from `__getitem__`"
        if any(_is_called_elsewhere(project, item, caller) for caller, _ in calls):
            return "the crop is on the way of evaluation too: draw the shift for training alone"
    return {
        "starts": [module.span(c.start.node) for c in crops],
        "is_vector": vectors,
        "library": library,
        "size": _size(crops[0]) if not any(vectors) else "",
        "function": visit.scope.qualname if visit is not item.getter else "",
        "calls": [[caller.module.path, caller.module.span(call)] for caller, call in calls],
    }


def _is_evaluated(project: Project, klass: Symbol) -> bool:
    """Whether an instance is made for evaluation: by the name that it is given, or by a ``"val"`` that it is told."""
    last = klass.qualname.rpartition(".")[2]
    for site in project.call_sites(klass):
        module = project.try_module(site.path)
        for call in module.calls_on(site.line) if module is not None else ():
            if module is not None and last_name(call.func) == last and _speaks_of_evaluation(module, call):
                return True
    return False


def _speaks_of_evaluation(module: Module, call: ast.Call) -> bool:
    statement = module.statement(call)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    words = [last_name(t) for target in targets for t in ast.walk(target) if isinstance(t, (ast.Name, ast.Attribute))]
    given = [*call.args, *(k.value for k in call.keywords)]
    words += [n.value for n in given if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    is_off = any(
        k.arg and "train" in k.arg and isinstance(k.value, ast.Constant) and k.value.value is False
        for k in call.keywords
    )
    return is_off or any(_EVALUATION.search(w) for w in words)


def _calls_into(item: Item, visit: Visit) -> list[tuple[Visit, ast.Call]]:
    """The calls, in functions that make an item, that enter a function."""
    found: list[tuple[Visit, ast.Call]] = []
    for caller in item.order:
        for node in ast.walk(caller.scope.node):
            if isinstance(node, ast.Call) and visit in item.entered.get(id(node), ()):
                found.append((caller, node))
    return found


def _is_called_elsewhere(project: Project, item: Item, caller: Visit) -> bool:
    """Whether a function that makes an item is called by code that makes none."""
    if caller is item.getter:
        return False
    inside = {(v.module.path, v.scope.qualname) for v in item.order}
    sites = project.possible_call_sites(caller.scope.qualname.rpartition(".")[2])
    return len(sites) > _MOST_SITES or any((s.path, s.scope) not in inside for s in sites)


def _takes_more(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = function.args
    return bool(arguments.args) and arguments.vararg is None and arguments.kwarg is None and not arguments.kwonlyargs


def _size(crop: Centred) -> str:
    """The crop's size, where its name means the same before the statement; else ""."""
    scope = crop.visit.scope
    node = crop.start.node
    assert isinstance(node, ast.BinOp)
    for name in (n.id for n in ast.walk(node.right) if isinstance(n, ast.Name)):
        if any(b.kind is Kind.ITERATE for b in scope.bindings.get(name, [])):
            return ""
    return crop.size


def _is_named(crop: Centred) -> bool:
    node = crop.start.node
    return isinstance(node, ast.BinOp) and isinstance(node.left, ast.Name)


def _library(module: Module) -> str:
    imported = {i.target.partition(".")[0] for i in module.facts.imports} & {"numpy", "torch"}
    return imported.pop() if len(imported) == 1 else ""
