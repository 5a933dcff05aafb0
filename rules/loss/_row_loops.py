"""Losses that are written row by row: loops over the rows of a batch that compare each row with others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...analyzer.flow.autograd.modes import is_recorded
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.tensors import operation
from ...analyzer.graph.project import Project
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of
from ...analyzer.source.syntax import Syntax, in_order

_PRODUCTS = frozenset({"mm", "matmul", "bmm", "einsum", "cdist", "cosine_similarity", "mv", "dot", "inner"})
_COMPARING = frozenset({"mv", "matmul", "dot", "inner", "cosine_similarity", "pairwise_distance", "mm", "cdist"})
LOSSES = frozenset(
    {
        *("log", "logsumexp", "log_softmax", "cross_entropy", "nll_loss", "relu", "clamp", "clamp_min", "logsigmoid"),
        *("binary_cross_entropy_with_logits", "softplus", "margin_ranking_loss"),
    }
)
"""Operations, one of which every loss of rows is made of."""
_PASSING = frozenset(
    {"exp", "div", "mul", "t", "detach", "float", "softmax", "log_softmax", "clone", "contiguous", "masked_fill"}
)
_SCALES = (ast.Div, ast.Mult, ast.Sub, ast.Add)
_FURTHEST = 5


@dataclass(frozen=True)
class RowLoop:
    """One such loop.

    Attributes:
        loop: the loop.
        index: the name of the row's number, None where the loop does not count.
        rows: the names that stand for one row, each with the tensor of which it is one.
        count: the code of the number of rows, "" where ``rows`` tells it.
        comparison: where a row is compared with others.
        total: the name that sums the losses, or the list that they are appended to.
    """

    loop: ast.For
    index: str | None
    rows: dict[str, ast.expr]
    count: ast.expr | None
    comparison: ast.expr
    total: str


def may_have_row_loop(syntax: Syntax, facts: FileFacts) -> bool:
    """Whether a loop over numbers or names sums something, and holds what losses are made of, by the names alone."""
    lines = {c.line for c in facts.calls if c.callee.rpartition(".")[2] in LOSSES}
    return any(
        any(loop.lineno <= line <= (loop.end_lineno or loop.lineno) for line in lines)
        and _targets(loop) is not None
        and _total(loop) is not None
        for loop in syntax.loops
    )


def row_loops(module: Module, project: Project) -> Iterator[RowLoop]:
    """The outermost such loops of a file, in source order."""
    inside: set[int] = set()
    for node in in_order(module.syntax.loops):
        if id(node) in inside:
            continue
        found = _read(node, module, project)
        if found is not None and is_recorded(module, node, project):
            inside |= {id(n) for n in ast.walk(node)}
            yield found


def _read(loop: ast.For, module: Module, project: Project) -> RowLoop | None:
    target = _targets(loop)
    if target is None:
        return None
    index, rows, count = target
    total = _total(loop)
    if total is None or not _has_loss(loop, module, project):
        return None
    comparison = _comparison(loop, index, rows, module, project)
    if comparison is None or not _is_used_after(total, loop, module):
        return None
    return RowLoop(loop, index, rows, count, comparison, total)


def _targets(loop: ast.For) -> tuple[str | None, dict[str, ast.expr], ast.expr | None] | None:
    """What a loop's header names: ``range(n)``, ``enumerate(z)``, ``zip(a, b)``, ``z``."""
    target, source = loop.target, loop.iter
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Name) and not source.keywords:
        name, given = source.func.id, source.args
        if name == "range" and len(given) == 1 and isinstance(target, ast.Name):
            return target.id, {}, given[0]
        if name == "enumerate" and len(given) == 1 and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            counter, item = target.elts
            inner = _items(item, given[0])
            return (counter.id, inner, None) if isinstance(counter, ast.Name) and inner is not None else None
        if name == "zip":
            inner = _items(target, source)
            return (None, inner, None) if inner is not None else None
        return None
    if isinstance(target, ast.Name) and isinstance(source, (ast.Name, ast.Attribute)):
        return None, {target.id: source}, None
    return None


def _items(target: ast.expr, source: ast.expr) -> dict[str, ast.expr] | None:
    if isinstance(target, ast.Name) and key_of(source) is not None:
        return {target.id: source}
    is_zip = isinstance(source, ast.Call) and isinstance(source.func, ast.Name) and source.func.id == "zip"
    if (
        is_zip
        and isinstance(source, ast.Call)
        and isinstance(target, ast.Tuple)
        and len(target.elts) == len(source.args)
    ):
        pairs = list(zip(target.elts, source.args, strict=True))
        if all(isinstance(t, ast.Name) and key_of(s) is not None for t, s in pairs):
            return {t.id: s for t, s in pairs if isinstance(t, ast.Name)}
    return None


def _total(loop: ast.For) -> str | None:
    """The name that a loop adds losses to, or the list that it appends them to."""
    for node in ast.walk(loop):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
            return key_of(node.target)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.BinOp):
            first: ast.expr = node.value
            while isinstance(first, ast.BinOp) and isinstance(first.op, (ast.Add, ast.Sub)):
                first = first.left
            key = key_of(node.targets[0])
            if key is not None and key_of(first) == key:
                return key
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            return key_of(node.func.value)
    return None


def _is_used_after(name: str, loop: ast.For, module: Module) -> bool:
    end = loop.end_lineno or loop.lineno
    scope = module.scope_of(loop)
    return any(
        isinstance(n, (ast.Name, ast.Attribute)) and key_of(n) == name and n.lineno > end for n in ast.walk(scope.node)
    )


def _has_loss(loop: ast.For, module: Module, project: Project) -> bool:
    flow = project.flow
    lines = {c.line for c in module.facts.calls if c.callee.rpartition(".")[2] in LOSSES}
    if not any(loop.lineno <= line <= (loop.end_lineno or loop.lineno) for line in lines):
        return False
    for node in ast.walk(loop):
        if isinstance(node, ast.Call) and node.lineno in lines:
            called = operation(flow.operand(module, node), project)
            if called is not None and called.name in LOSSES:
                return True
    return False


def _comparison(
    loop: ast.For, index: str | None, rows: dict[str, ast.expr], module: Module, project: Project
) -> ast.expr | None:
    """Where a row meets the other rows: a product with a tensor of them, or a row of a matrix of similarities."""
    flow = project.flow
    own = {n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(loop):
        if isinstance(node, ast.Call):
            called = operation(flow.operand(module, node), project)
            if called is None or called.name not in _COMPARING or not called.rest:
                continue
            if called.name == "mm" and any(_is_bare(n, index, rows) for n in (called.tensor.node, called.rest[0])):
                continue  # a product of matrices: what the loop gives is no row
            if _meets(called.tensor.node, called.rest[0], index, rows, own, module):
                return node
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            if _meets(node.left, node.right, index, rows, own, module):
                return node
        elif isinstance(node, ast.Subscript) and index is not None and isinstance(node.ctx, ast.Load):
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
            is_row = isinstance(first, ast.Name) and first.id == index and isinstance(node.value, ast.Name)
            is_matrix = is_row and isinstance(node.value, ast.Name) and node.value.id not in own
            if is_matrix and _is_product(flow.operand(module, node.value), project):
                return node
    return None


def _meets(
    left: ast.expr, right: ast.expr, index: str | None, rows: dict[str, ast.expr], own: set[str], module: Module
) -> bool:
    """One side is a row, the other the tensor of all rows, or another row of an inner loop."""
    sides = [_row_of(left, index, rows), _row_of(right, index, rows)]
    if sides.count(None) != 1:
        return False
    other = right if sides[0] is not None else left
    names = {n.id for n in ast.walk(other) if isinstance(n, ast.Name)}
    base = next((s for s in sides if s is not None), None)
    if not (names & own):
        return key_of(_plain(other)) is not None and base is not None
    return isinstance(_plain(other), ast.Subscript) and names - own != set()


def _is_bare(node: ast.expr, index: str | None, rows: dict[str, ast.expr]) -> bool:
    """``x[i]`` or a name that a loop gives, with no dimension added."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Name) and node.slice.id == index
    return isinstance(node, ast.Name) and node.id in rows


def _plain(node: ast.expr) -> ast.expr:
    """A value without transposes and added dimensions."""
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr not in ("t", "transpose", "unsqueeze", "view", "expand_as", "permute", "detach"):
                return node
            node = node.func.value
        elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            node = node.value
        else:
            return node


def _row_of(node: ast.expr, index: str | None, rows: dict[str, ast.expr]) -> str | None:
    """The name or tensor of which an expression is the loop's row; None where it is none."""
    transposed = isinstance(node, ast.Attribute) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("t", "transpose")
    )
    inner = _plain(node)
    if isinstance(inner, ast.Name) and inner.id in rows:
        return None if transposed else inner.id
    if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Name) and inner.slice.id == index:
        return key_of(inner.value)
    return None


def _is_product(op: Operand, project: Project, depth: int = 0) -> bool:
    """Whether a name outside of the loop holds a matrix of similarities, scaled or exponentiated."""
    node = op.node
    if depth > _FURTHEST:
        return False
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.MatMult):
            return True
        return isinstance(node.op, _SCALES) and any(
            _is_product(op.sub(side), project, depth + 1) for side in (node.left, node.right)
        )
    if isinstance(node, ast.UnaryOp):
        return _is_product(op.sub(node.operand), project, depth + 1)
    if isinstance(node, ast.Call):
        called = operation(op, project)
        if called is None:
            results = project.flow.calls.returns(op)
            return bool(results) and all(_is_product(r, project, depth + 1) for r in results)
        if called.name in _PRODUCTS:
            return True
        return called.name in _PASSING and _is_product(called.tensor, project, depth + 1)
    if key_of(node) is not None:
        sources = [s for s in project.flow.sources(op) if s.operand is not None]
        return bool(sources) and all(
            s.operand is not None and not s.index and not s.is_element and _is_product(s.operand, project, depth + 1)
            for s in sources
        )
    return False
