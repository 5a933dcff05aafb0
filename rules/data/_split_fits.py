"""Normalisers that are fitted on the rest of a split, or on everything before the split is made."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...analyzer.findings import Confidence, Evidence
from ...analyzer.flow.splits.parts import Part, Parts
from ...analyzer.flow.splits.scalers import Fitted, fits_in
from ...analyzer.flow.values.functions import own_nodes
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Scope, key_of, last_name

_SPLITS = frozenset({"train_test_split", "random_split"})
_REST = re.compile(r"(?:^|_)(?:test|val|valid|validation|dev|eval)(?:_|\d*$)", re.I)
_TRAIN = re.compile(r"(?:^|_)(?:train|tr|training)(?:_|\d*$)", re.I)
_FITTING = frozenset({"fit", "_fit", "partial_fit"})
_DEEPEST = 3
_PREDICTING = ("predict", "_predict", "predict_proba")
_CHOICE = re.compile(r"train|split|mode|fold|subset|phase|partition|stage", re.I)


class Misfit(NamedTuple):
    """A fit that sees data which is not trained on.

    Attributes:
        call: the fit.
        told: what is wrong, for the message.
        evidence: the lines that say so.
        confidence: how sure.
        repair: for the codemod, or why there is none.
    """

    call: ast.Call
    told: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    repair: dict[str, Any] | str


def misfits(project: Project, module: Module, scope: Scope) -> Iterator[Misfit]:
    """The misfits of one function or of a file's top level."""
    fits = list(fits_in(project.flow, module, scope))
    for fit in fits:
        found = _on_the_rest(project, module, fit, fits) or _before_the_split(project, module, scope, fit)
        if found is not None:
            yield found


# Fitted on the rest.


def _on_the_rest(project: Project, module: Module, fit: Fitted, fits: list[Fitted]) -> Misfit | None:
    """A second fit on what is not trained on, beside one on what is."""
    own = _part(project, fit)
    for other in fits:
        if other is fit or other.made.name != fit.made.name:
            continue
        theirs = _part(project, other)
        if own is not None and theirs is not None:
            if own.is_train or not theirs.is_train or own.whole != theirs.whole:
                continue
            confidence = Confidence.HIGH
        elif own is None and theirs is None and _are_named_so(fit, other):
            confidence = Confidence.MEDIUM
        else:
            continue
        evidence = (
            module.evidence(other.call.node, f"`{other.call.text()}` fits on what is trained on"),
            module.evidence(fit.call.node, f"`{fit.call.text()}` fits once more, on the rest"),
        )
        told = f"`{fit.call.text()}` normalises `{fit.given.text()}` by its own statistics, not by those of training"
        return Misfit(_call(fit), told, evidence, confidence, _with_train(module, fit, other, fits))
    return None


def _part(project: Project, fit: Fitted) -> Part | None:
    known = [k.what for k in Parts(project.flow).evaluate(fit.given) if isinstance(k.what, Part)]
    return known[0] if len({k.is_train for k in known}) == 1 else None


def _are_named_so(fit: Fitted, other: Fitted) -> bool:
    """Whether the names alone say that one is the rest of what the other is trained on: ``X_test`` and ``X_train``."""
    mine, theirs = _name(fit.given.node), _name(other.given.node)
    if not mine or not theirs or not _REST.search(mine) or _TRAIN.search(mine) or not _TRAIN.search(theirs):
        return False
    return _REST.sub("", mine) == _TRAIN.sub("", theirs)


def _name(node: ast.expr) -> str:
    while not isinstance(node, (ast.Name, ast.Attribute)):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        else:
            return ""
    if isinstance(node, ast.Attribute) and node.attr in ("values", "iloc", "loc", "T"):
        return _name(node.value)
    return last_name(node)


def _with_train(module: Module, fit: Fitted, train: Fitted, fits: list[Fitted]) -> dict[str, Any] | str:
    """Transform by the normaliser of the training data, where that is the last that it was fitted on."""
    if not fit.transforms or not train.receiver:
        return "fit once, on the training data, and transform the rest with that normaliser"
    later = [f for f in fits if f.receiver == train.receiver and _line(train) < _line(f) < _line(fit)]
    if later or _line(train) > _line(fit):
        return f"`{train.receiver}` is fitted on something else in between: give each array a normaliser of its own"
    return {"kind": "rest", "call": module.span(fit.call.node), "receiver": train.receiver}


def _line(fit: Fitted) -> int:
    return fit.call.node.lineno


def _call(fit: Fitted) -> ast.Call:
    assert isinstance(fit.call.node, ast.Call)
    return fit.call.node


# Fitted on everything.


def _before_the_split(project: Project, module: Module, scope: Scope, fit: Fitted) -> Misfit | None:
    """A fit on data that its own function splits after it."""
    if (
        Parts(project.flow).evaluate(fit.given)
        or not fit.transforms
        or _fits_a_model(project, module.path, scope.qualname)
    ):
        return None
    statement = module.statement(fit.call.node)
    if not isinstance(statement, ast.Assign) or not _name(fit.given.node):
        return None
    carried = {key_of(_base(t)) for t in statement.targets} - {None}
    split, confidence = _split_of(module, scope, statement, {k for k in carried if k is not None})
    if split is None:
        return None
    evidence = (
        module.evidence(fit.call.node, f"`{fit.call.text()}` sees all of `{fit.given.text()}`"),
        module.evidence(split, f"`{module.line_text(split).strip()}` splits it only afterwards"),
    )
    told = f"`{fit.made.name}` is fitted on all data before the split: evaluation takes part in the statistics"
    return Misfit(_call(fit), told, evidence, confidence, _after_split(module, scope, fit, statement, split))


def _fits_a_model(project: Project, path: str, scope: str, depth: int = 0) -> bool:
    """Whether a method is an estimator's ``fit``, or one that only ``fit`` calls: all its data is to be trained on."""
    home, _, name = scope.rpartition(".")
    if not home or depth > _DEEPEST or not any(project.symbols.method(Symbol(path, home), p) for p in _PREDICTING):
        return False
    if name in _FITTING:
        return True
    own = [s for s in project.possible_call_sites(name) if s.path == path and s.scope != scope]
    return bool(own) and all(_fits_a_model(project, path, site.scope, depth + 1) for site in own)


def _base(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def _split_of(module: Module, scope: Scope, start: ast.stmt, carried: set[str]) -> tuple[ast.expr | None, Confidence]:
    """The first split of what a statement makes, followed through the names that it is given to."""
    nodes = sorted(
        (n for n in own_nodes(scope) if isinstance(n, (ast.Assign, ast.Call, ast.Subscript))),
        key=lambda n: (n.lineno, n.col_offset),
    )
    heads: dict[str, ast.Subscript] = {}
    for node in nodes:
        if node.lineno <= (start.end_lineno or start.lineno):
            continue
        if isinstance(node, ast.Call) and last_name(node.func) in _SPLITS and _takes(node, carried):
            return node, Confidence.HIGH
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and key_of(node.value) in carried:
            index = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
            if isinstance(index, ast.Slice) and (index.lower is None) != (index.upper is None):
                bound = index.upper if index.lower is None else index.lower
                if index.step is None and bound is not None and not isinstance(bound, (ast.UnaryOp, ast.Constant)):
                    mark = f"{key_of(node.value)}:{ast.dump(bound)}:"
                    if f"{mark}{index.lower is not None}" in heads:
                        return heads[f"{mark}{index.lower is not None}"], Confidence.HIGH
                    heads[f"{mark}{index.lower is None}"] = node
            elif not isinstance(index, (ast.Slice, ast.Constant)) and _depends_on_choice(scope, index):
                return node, Confidence.MEDIUM
        if isinstance(node, ast.Assign) and _takes(node.value, carried):
            carried = carried | {k for t in node.targets for p in _parts(t) if (k := key_of(p)) is not None}
    return None, Confidence.LOW


def _parts(target: ast.expr) -> list[ast.expr]:
    return list(target.elts) if isinstance(target, (ast.Tuple, ast.List)) else [target]


def _takes(node: ast.AST, carried: set[str]) -> bool:
    """Whether an expression holds one of some values; its length and shape are no values."""
    if isinstance(node, (ast.Name, ast.Attribute)) and key_of(node) in carried:
        return True
    is_measure = (isinstance(node, ast.Call) and last_name(node.func) == "len") or (
        isinstance(node, ast.Attribute) and node.attr in ("shape", "size")
    )
    return not is_measure and any(_takes(child, carried) for child in ast.iter_child_nodes(node))


def _depends_on_choice(scope: Scope, index: ast.expr) -> bool:
    """Whether rows are chosen by a parameter that says which split is wanted: ``train``, ``split``, ``fold``."""
    arguments = getattr(scope.node, "args", None)
    wanted = {a.arg for a in [*arguments.args, *arguments.kwonlyargs]} if arguments is not None else set()
    wanted = {name for name in wanted if _CHOICE.search(name)}
    seen: set[str] = set()
    waiting = [key for n in ast.walk(index) if isinstance(n, ast.Name) and (key := n.id)]
    while waiting:
        name = waiting.pop()
        if name in wanted:
            return True
        if name in seen:
            continue
        seen.add(name)
        for binding in scope.bindings.get(name, []):
            if binding.value is not None:
                waiting += [n.id for n in ast.walk(binding.value) if isinstance(n, ast.Name)]
            for node in ast.walk(scope.node):
                if isinstance(node, ast.If) and any(binding.node is s for s in (*node.body, *node.orelse)):
                    words = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
                    words |= {n.attr for n in ast.walk(node.test) if isinstance(n, ast.Attribute)}
                    waiting += sorted(words & wanted)
    return False


def _after_split(
    module: Module, scope: Scope, fit: Fitted, statement: ast.Assign, split: ast.expr
) -> dict[str, Any] | str:
    """Fit after the split, where ``train_test_split`` takes the normalised array by its name and nothing else does."""
    advice = "split first, fit the normaliser on the training part alone, and transform the others with it"
    taken = module.statement(split)
    if not isinstance(split, ast.Call) or last_name(split.func) != "train_test_split":
        return advice
    if not isinstance(taken, ast.Assign) or taken.value is not split or len(taken.targets) != 1:
        return advice
    names = _parts(taken.targets[0])
    target = statement.targets[0]
    if len(statement.targets) != 1 or not isinstance(target, ast.Name) or statement.value is not fit.call.node:
        return advice
    positions = [n for n, a in enumerate(split.args) if isinstance(a, ast.Name) and a.id == target.id]
    if len(positions) != 1 or any(isinstance(a, ast.Starred) for a in split.args):
        return advice
    place = positions[0]
    if len(names) != 2 * len(split.args) or not all(isinstance(n, ast.Name) for n in names):
        return advice
    after = statement.end_lineno or statement.lineno
    loads = [
        n
        for n in ast.walk(scope.node)
        if isinstance(n, ast.Name) and n.id == target.id and isinstance(n.ctx, ast.Load) and n.lineno > after
    ]
    if loads != [split.args[place]] or module.parent(statement) is not module.parent(taken):
        return advice
    train = module.segment(names[2 * place])
    if any(n is not split and last_name(n.func) in _SPLITS and _takes(n, {train}) for n in module.calls()):
        return advice  # the training part is split once more
    return {
        "kind": "before",
        "call": module.span(fit.call.node),
        "split": module.span(split),
        "place": place,
        "receiver": fit.receiver,
        "names": [module.segment(names[2 * place]), module.segment(names[2 * place + 1])],
    }
