"""Datasets that normalise themselves by their own statistics, and are made once a split."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...analyzer.findings import Evidence
from ...analyzer.flow.items.making import is_dataset
from ...analyzer.flow.splits.scalers import Fitted, fits_in
from ...analyzer.flow.values.functions import own_nodes, self_name
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.facts import ClassFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, Scope, key_of, last_name

_EVALUATION = re.compile(r"(?:^|_|\b)(?:val|valid|validation|test|eval|evaluation|dev)(?:_|\b|\d*$)", re.I)
_FLAG = re.compile(r"train|split|mode|phase|subset|stage", re.I)
_STATISTICS = frozenset({"mean", "std", "min", "max"})


class Made(NamedTuple):
    """An instance of a dataset: the call, and whether it is made for evaluation."""

    module: Module
    call: ast.Call
    for_evaluation: bool


class OwnStatistics(NamedTuple):
    """A class whose constructor fits on what the instance holds.

    ``node`` is the fit; ``attributes`` are the ``self.`` names that keep what is fitted, each with its expression.
    """

    klass: Symbol
    node: ast.expr
    told: str
    attributes: tuple[tuple[str, ast.expr], ...]
    made_of: str
    scope: Scope


def own_statistics(project: Project, module: Module, klass: ClassFacts) -> OwnStatistics | None:
    """How a dataset's constructor normalises by the instance's own statistics; None where it is told them."""
    symbol = Symbol(module.path, klass.qualname)
    scope = module.scope_named(f"{klass.qualname}.__init__")
    if scope is None or self_name(scope) is None or not is_dataset(project.flow, symbol):
        return None
    for fit in fits_in(project.flow, module, scope):
        if not _is_conditional(module, fit.call.node) and not _is_cut(fit):
            kept = _kept_at(module, scope, fit.call.node)
            attributes = ((kept, fit.call.node),) if kept and _is_kept_whole(module, fit) else ()
            told = f"`{fit.call.text()}` fits on what this instance holds"
            made_of = str(fit.made.of)
            return OwnStatistics(symbol, fit.call.node, told, attributes, made_of, scope)
    return _of_numbers(module, symbol, scope)


def _is_cut(fit: Fitted) -> bool:
    """Whether the normaliser is fitted on rows that are chosen: ``data[border1:border2]``, the training part of all."""
    return any(isinstance(n, ast.Slice) for n in ast.walk(fit.given.node)) or any(
        b.value is not None and any(isinstance(n, ast.Slice) for n in ast.walk(b.value))
        for n in ast.walk(fit.given.node)
        if isinstance(n, ast.Name)
        for b in fit.given.frame.scope.bindings.get(n.id, [])
    )


def _is_conditional(module: Module, node: ast.AST) -> bool:
    """Whether a fit depends on something: on a normaliser that is given, on what the instance is for."""
    for above in module.ancestors(node):
        if isinstance(above, (ast.If, ast.IfExp, ast.BoolOp, ast.Try)):
            return True
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
    return False


def _kept_at(module: Module, scope: Scope, node: ast.AST) -> str:
    """``normalizer`` of ``self.normalizer = PatchNormalizer().fit(raw)``."""
    statement = module.statement(node)
    own = self_name(scope)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == own:
            return target.attr if statement.value is node else ""
    return ""


def _is_kept_whole(module: Module, fit: Fitted) -> bool:
    """Whether what is kept is the fitted normaliser, and not the data that it transformed."""
    return not fit.transforms


def _of_numbers(module: Module, symbol: Symbol, scope: Scope) -> OwnStatistics | None:
    """``self.mean = x.mean(0)``, ``self.std = x.std(0)``, and ``(x - self.mean) / self.std`` of all x at once."""
    own = self_name(scope)
    kept: dict[str, ast.expr] = {}
    for key, bindings in scope.bindings.items():
        values = [b.value for b in bindings if b.kind is Kind.ASSIGN and not b.index]
        if len(bindings) == 1 and values and values[0] is not None and _statistic(values[0]):
            kept[key] = values[0]
    for node in own_nodes(scope):
        if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)):
            continue
        used = {key for n in ast.walk(node) if (key := key_of(n)) in kept}
        subtracts = any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub) for n in ast.walk(node.left))
        first = next((kept[k] for k in sorted(used, key=lambda k: kept[k].lineno)), None)
        if not subtracts or first is None or _is_conditional(module, first) or len(used) < 2:
            continue
        if not _is_of_same(kept, used, node) or _runs_per_item(module, first):
            continue
        names = [k for k in used if k.startswith(f"{own}.") and k.count(".") == 1]
        attributes = tuple((n.partition(".")[2], kept[n]) for n in sorted(names)) if len(names) == len(used) else ()
        told = f"`{module.snippet(first)}` is a statistic of what this instance holds"
        return OwnStatistics(symbol, first, told, attributes, "statistics", scope)
    return None


def _statistic(node: ast.expr) -> bool:
    while isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
        node = node.left
    return isinstance(node, ast.Call) and last_name(node.func) in _STATISTICS


def _is_of_same(kept: dict[str, ast.expr], used: set[str], node: ast.BinOp) -> bool:
    """Whether the statistics are of the array that they normalise."""
    over = {k for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Attribute)) and (k := key_of(n)) is not None}
    return all(any(key_of(n) in over - used for n in ast.walk(kept[k])) for k in used)


def _runs_per_item(module: Module, node: ast.AST) -> bool:
    """Whether a statistic is taken once for each image: in a loop or a comprehension."""
    return any(isinstance(a, (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)) for a in module.ancestors(node))


def instances(project: Project, klass: Symbol) -> Iterator[Made]:
    """Every place that makes an instance outside of tests."""
    last = klass.qualname.rpartition(".")[2]
    for site in project.call_sites(klass):
        module = project.try_module(site.path)
        for call in module.calls_on(site.line) if module is not None and not is_test(site.path) else ():
            if module is not None and last_name(call.func) == last:
                yield Made(module, call, _is_for_evaluation(module, call))


def _is_for_evaluation(module: Module, call: ast.Call) -> bool:
    """By what it is told (``train=False``, ``"val"``), else by the name that it is given."""
    for keyword in call.keywords:
        if keyword.arg and _FLAG.search(keyword.arg) and isinstance(keyword.value, ast.Constant):
            value = keyword.value.value
            return value is False if isinstance(value, bool) else bool(_EVALUATION.search(str(value)))
    words = [n.value for n in call.args if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    if any("train" in w.lower() for w in words):
        return False
    statement = module.statement(call)
    if isinstance(statement, ast.Assign):
        words += [
            last_name(n) for t in statement.targets for n in ast.walk(t) if isinstance(n, (ast.Name, ast.Attribute))
        ]
    return any(_EVALUATION.search(w) for w in words)


def evidence_of(own: OwnStatistics, module: Module, made: list[Made]) -> tuple[Evidence, ...]:
    """The fit, and instances for training and for evaluation."""
    training = [m for m in made if not m.for_evaluation][:2]
    chosen = [*training, *[m for m in made if m.for_evaluation][:1]]
    rows = [
        m.module.evidence(
            m.call, f"made for {'evaluation' if m.for_evaluation else 'training'}: `{m.module.snippet(m.call)}`"
        )
        for m in chosen
    ]
    return (module.evidence(own.node, own.told), *rows)


def plan(own: OwnStatistics, made: list[Made], others: list[Made]) -> dict[str, Any] | str:
    """One set of statistics, that of the first instance for training, handed to all others.

    Args:
        own: what the constructor fits.
        made: the instances of all classes that fit the same, in one function.
        others: those of this class alone.
    """
    if not own.attributes:
        return "fit on the training data alone, and give the statistics to the dataset of each other split"
    function = own.scope.node
    if isinstance(function, ast.Lambda) or not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "the constructor is no function"
    if function.args.vararg is not None or function.args.kwarg is not None:
        return "the constructor takes any number of arguments: give it the statistics of training"
    first = next((m for m in made if not m.for_evaluation), None)
    if first is None or any(m.module is not first.module for m in made):
        return "the splits are made in different places: give each the statistics of training"
    statement = first.module.statement(first.call)
    if not isinstance(statement, ast.Assign) or statement.value is not first.call or len(statement.targets) != 1:
        return "the training set has no name that the others could take the statistics from"
    holder = statement.targets[0]
    block = first.module.scope_of(first.call)
    rest = [m for m in others if m.call is not first.call]
    if not isinstance(holder, (ast.Name, ast.Attribute)) or any(
        first.module.scope_of(m.call) is not block for m in rest
    ):
        return "the splits are made in different places: give each the statistics of training"
    if any(m.call.lineno < first.call.lineno for m in rest):
        return "the training set is made after the others: make it first, and give them its statistics"
    return {
        "kind": "instances",
        "attributes": [[name, list(_span(own, node))] for name, node in own.attributes],
        "function": own.scope.qualname,
        "holder": first.module.segment(holder),
        "calls": [[m.module.path, m.module.span(m.call)] for m in rest],
    }


def _span(own: OwnStatistics, node: ast.expr) -> tuple[int, int, int, int]:
    return (node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0)
