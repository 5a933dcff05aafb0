"""Normalise every split by the statistics of the training data."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..names import fresh_name
from ..surgery import append_arguments, expression_at, insert_after, remove_statement, replace_node, replace_span

_AGAIN = "the file changed since it was scanned: scan again"


def fix(finding: Finding, project: Project) -> Fix:
    """One normaliser, fitted on what is trained on.

    Args:
        finding: of the rule ``split-normalization``; ``repair`` names one of three shapes and its places.
        project: the project it was found in.

    Raises:
        NoFix: the code is not where it was found.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    if repair["kind"] == "rest":
        return Fix(Applicability.UNSAFE, "Transform by the training data's normaliser", _with_train(module, repair))
    if repair["kind"] == "before":
        return Fix(Applicability.UNSAFE, "Fit after the split, on the training part", _after_split(module, repair))
    title = "Hand the statistics of the training set to the other splits"
    return Fix(Applicability.UNSAFE, title, _given(module, project, repair))


def _with_train(module: Module, repair: Mapping[str, Any]) -> tuple[Edit, ...]:
    call = expression_at(module, repair["call"])
    assert isinstance(call, ast.Call)
    return (replace_node(module, call.func, f"{repair['receiver']}.transform"),)


def _after_split(module: Module, repair: Mapping[str, Any]) -> tuple[Edit, ...]:
    call, split = expression_at(module, repair["call"]), expression_at(module, repair["split"])
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(split, ast.Call)
    statement = module.statement(call)
    given = module.segment(call.args[0])
    taken = split.args[repair["place"]]
    scaler = repair["receiver"]
    edits: list[Edit] = []
    if scaler:
        edits.append(remove_statement(module, statement))
    else:
        scaler = fresh_name(module, call, "scaler")
        edits.append(replace_node(module, statement, f"{scaler} = {module.segment(call.func.value)}"))
    if given != module.segment(taken):
        edits.append(replace_node(module, taken, given))
    train, rest = repair["names"]
    lines = (f"{train} = {scaler}.fit_transform({train})", f"{rest} = {scaler}.transform({rest})")
    edits.append(insert_after(module, module.statement(split), *lines))
    return tuple(edits)


def _given(module: Module, project: Project, repair: Mapping[str, Any]) -> tuple[Edit, ...]:
    function = next(
        (
            n
            for n in ast.walk(module.tree)
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and module.qualname(n) == repair["function"]
        ),
        None,
    )
    if function is None:
        raise NoFix(_AGAIN)
    edits: list[Edit] = []
    names = [name for name, _ in repair["attributes"]]
    for name, place in repair["attributes"]:
        fitted = next(
            (
                n
                for n in ast.walk(function)
                if isinstance(n, ast.expr) and [n.lineno, n.col_offset, n.end_lineno, n.end_col_offset] == list(place)
            ),
            None,
        )
        if fitted is None:
            raise NoFix(_AGAIN)
        _, end = module.span(fitted)
        edits.append(replace_span(module, end, end, f" if {name} is None else {name}"))
    edits.append(_with_parameters(module, function, [f"{name}=None" for name in names]))
    for path, span in repair["calls"]:
        other = project.module(path)
        call = expression_at(other, span)
        assert isinstance(call, ast.Call)
        handed = ", ".join(f"{name}={repair['holder']}.{name}" for name in names)
        edits.append(append_arguments(other, call, handed))
    return tuple(edits)


def _with_parameters(module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, added: list[str]) -> Edit:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    taken = {a.arg for a in every}
    if any(parameter.partition("=")[0] in taken for parameter in added):
        raise NoFix("the constructor has a parameter of that name already: give it the statistics of training")
    defaults = [d for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None]
    annotations = [a.annotation for a in every if a.annotation is not None]
    end = max(module.span(n)[1] for n in (*every, *defaults, *annotations))
    return replace_span(module, end, end, "".join(f", {parameter}" for parameter in added))
