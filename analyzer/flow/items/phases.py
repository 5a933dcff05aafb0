"""When a piece of an item's code runs: in training, only in evaluation, or only behind a switch that is off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.scopes import key_of
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand
from .seeds import GENERATORS, seeding

if TYPE_CHECKING:
    from ...source.module import Module
    from .making import Item, Visit

_EVALUATION = re.compile(
    r"(?:^|_|\b)(?:val|valid|validation|test|testing|eval|evaluation|infer|inference|demo)(?:_|\b|$)", re.I
)
_TRAINING = re.compile(r"train", re.I)
_REPEATABLE = re.compile(r"determin|reseed|reproduc|repeat|fixed|fix_|debug|overfit|static|frozen", re.I)
_EVALUATION_CLASS = re.compile(
    r"(?:^|[a-z_])(?:Val|Valid|Validation|Test|Eval|Evaluation|Inference)(?![a-z])|^(?:Val|Test|Eval)"
)


def runs_in_training(flow: Flow, item: Item, visit: Visit, node: ast.AST) -> bool:
    """Whether nothing says that a node runs for evaluation alone or behind a switch that is off.

    Args:
        flow: the project's value flow.
        item: the making of the item that the node is part of.
        visit: the function in which it stands.
        node: the node.
    """
    if _EVALUATION_CLASS.search(item.klass.qualname):
        return False
    if _is_said_to_evaluate(visit.module, node):
        return False
    for op in (*visit.chain, Operand(node, visit.frame) if isinstance(node, ast.expr) else None):
        if op is not None and _runs_once(op.module, op.node):
            return False
        if op is not None and any(_is_off(flow, op.sub(test), wanted) for test, wanted in tests_of(op.module, op.node)):
            return False
        if op is not None and _may_be_fresh(flow, op):
            return False
    return not _is_made_for_evaluation(flow, item.klass)


def _is_said_to_evaluate(module: Module, node: ast.AST) -> bool:
    """Whether a comment at a node, or on the line before it, speaks of evaluation and not of training."""
    line = getattr(node, "lineno", 1)
    lines = [module.line(line), *([module.line(line - 1)] if line > 1 else [])]
    comments = [text.partition("#")[2] for n, text in enumerate(lines) if n == 0 or text.lstrip().startswith("#")]
    words = " ".join(comments)
    return bool(_EVALUATION.search(words)) and not _TRAINING.search(words)


def _runs_once(module: Module, node: ast.AST) -> bool:
    """Whether a node stands under a test of an attribute that the same branch sets: ``if not self.is_seeded: ...``."""
    for above in module.ancestors(node):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            return False
        if isinstance(above, ast.If):
            read = {key_of(n) for n in ast.walk(above.test) if isinstance(n, ast.Attribute)} - {None}
            stores = (n for s in above.body for n in ast.walk(s) if isinstance(n, ast.Attribute))
            if any(isinstance(n.ctx, ast.Store) and key_of(n) in read for n in stores):
                return True
    return False


def _may_be_fresh(flow: Flow, op: Operand) -> bool:
    """Whether a switch whose setting is not known chooses between a node and the same without a seed of its own."""
    below = op.node
    for above in op.module.ancestors(below):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            return False
        if isinstance(above, (ast.If, ast.IfExp)) and below is not above.test:
            body, rest = _branches(above.body), _branches(above.orelse)
            mine, other = (body, rest) if below in body else (rest, body)
            set_to = {"true"} if mine is body else {"false", "none"}
            if _is_unseeded(flow, op, mine, other):
                known = _Truths(flow).evaluate(op.sub(above.test))
                return not known or any(k.what not in set_to for k in known)
        below = above
    return False


def _branches(part: ast.expr | list[ast.stmt]) -> list[ast.AST]:
    return [part] if isinstance(part, ast.expr) else [*part]


def _is_unseeded(flow: Flow, op: Operand, mine: list[ast.AST], other: list[ast.AST]) -> bool:
    """Whether the other branch takes an unseeded generator, or calls what this branch calls with fewer arguments."""
    if any(
        isinstance(n, (ast.Name, ast.Attribute)) and flow.project.external(op.module, n) in ("random", "numpy.random")
        for n in (getattr(part, "value", part) for part in other)
    ):
        return True
    calls = [n for part in other for n in ast.walk(part) if isinstance(n, ast.Call)]
    if any(
        flow.project.external(op.module, c.func) in GENERATORS and seeding(flow, op.module, c) is None for c in calls
    ):
        return True
    given = {
        ast.dump(n.func): len(n.args) + len(n.keywords)
        for part in mine
        for n in ast.walk(part)
        if isinstance(n, ast.Call)
    }
    return any(
        len(c.args) + len(c.keywords) < given.get(ast.dump(c.func), 0) and bool(flow.calls.callees(op.sub(c)))
        for c in calls
    )


def tests_of(module: Module, node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """The conditions under which a node runs inside its function, each with the outcome that it needs."""
    below: ast.AST = node
    for above in module.ancestors(node):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _left_before(above, node)
            return
        if isinstance(above, ast.If) and below is not above.test:
            yield above.test, below in above.body
        elif isinstance(above, ast.IfExp) and below is not above.test:
            yield above.test, below is above.body
        below = above


def _left_before(function: ast.AST, node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """``if self.is_test: return x`` at the start of a function: what follows runs where the test fails."""
    for statement in getattr(function, "body", []):
        if not isinstance(statement, ast.stmt) or statement.lineno >= getattr(node, "lineno", 0):
            return
        if isinstance(statement, ast.If) and not statement.orelse and isinstance(statement.body[-1], ast.Return):
            yield statement.test, False


def _is_off(flow: Flow, test: Operand, wanted: bool) -> bool:
    """Whether a condition holds in evaluation alone, or is a switch that nobody turns on."""
    node = test.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_off(flow, test.sub(node.operand), not wanted)
    if isinstance(node, ast.BoolOp):
        needed = isinstance(node.op, ast.And) == wanted
        parts = [_is_off(flow, test.sub(v), wanted) for v in node.values]
        return any(parts) if needed else all(parts)
    words = list(_words(node))
    negated = isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.NotEq, ast.NotIn, ast.IsNot))
    is_none = isinstance(node, ast.Compare) and any(
        isinstance(c, ast.Constant) and c.value is None for c in node.comparators
    )
    if is_none:
        assert isinstance(node, ast.Compare)
        given = _Truths(flow).evaluate(test.sub(node.left))
        return bool(given) and all(k.what == "none" for k in given) and wanted == negated
    holds = wanted != negated
    if any(_TRAINING.search(w) for w in words):
        return not holds
    if any(_EVALUATION.search(w) for w in words):
        return holds
    if any(_REPEATABLE.search(w) for w in words) and holds:
        return True
    known = _Truths(flow).evaluate(test) if not isinstance(node, ast.Compare) else []
    return bool(known) and wanted and all(k.what in ("false", "none") for k in known)


def _words(node: ast.expr) -> Iterator[str]:
    for below in ast.walk(node):
        if isinstance(below, ast.Name):
            yield below.id
        elif isinstance(below, ast.Attribute):
            yield below.attr
        elif isinstance(below, ast.Constant) and isinstance(below.value, str):
            yield below.value


class _Truths(Evaluator[str]):
    """The constants that a switch may be: ``true``, ``false`` or ``none``; ``other`` where it is anything else."""

    def expression(self, op: Operand) -> Sequence[Known[str]] | None:
        node = op.node
        if isinstance(node, ast.Constant):
            return [Known("none" if node.value is None else "true" if node.value else "false")]
        if isinstance(node, (ast.Name, ast.Attribute, ast.IfExp, ast.BoolOp, ast.Subscript)):
            return None
        return [Known("other")]


def _is_made_for_evaluation(flow: Flow, klass: Symbol) -> bool:
    """Whether every instance is bound to a name that speaks of evaluation."""
    sites = flow.project.call_sites(klass)
    last = klass.qualname.rpartition(".")[2]
    found: list[bool] = []
    for site in sites:
        module = flow.project.try_module(site.path)
        for call in module.calls_on(site.line) if module is not None else ():
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if module is not None and name == last:
                statement = module.statement(call)
                targets = statement.targets if isinstance(statement, ast.Assign) else []
                words = [w for t in targets for w in _words(t)]
                found.append(any(_EVALUATION.search(w) and not _TRAINING.search(w) for w in words))
    return bool(found) and all(found)
