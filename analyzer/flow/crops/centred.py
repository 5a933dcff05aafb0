"""Crops whose start is an object's centre less half of their size, with nothing random in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...graph.graphs import is_test
from ...source.module import Module
from ...source.scopes import Kind, Scope, key_of, last_name
from ..items.making import Item, Visit
from ..values.flow import Flow
from ..values.frames import Frame, Known, Operand
from ..values.functions import own_nodes
from .positions import Position, Positions

_SHIFTING = re.compile(
    r"Random(?:Resized)?Crop\w*|Rand\w*Crop\w*|Random\w*Affine\w*|Rand\w*Affine\w*|ShiftScaleRotate|Affine|affine_grid"
    r"|Random\w*(?:Translat|Shift|Perspective)\w*|(?:\w*_)?(?:rand(?:om)?|jitter(?:ed)?)_?(?:\w*_)?(?:crop|shift|translat|offset|affine|roi|cent)\w*"
    r"|(?:crop|shift|translat|cent)\w*_(?:jitter|rand)\w*",
)
_WRAPPERS = frozenset(
    {"int", "round", "max", "min", "floor", "rint", "clip", "clamp", "astype", "ceil", "long", "int64"}
)
_CLAMPS = frozenset({"max", "min", "clip", "clamp", "maximum", "minimum"})
_DEEPEST = 6


@dataclass(frozen=True)
class Centred:
    """A crop's start on one axis or on all.

    Attributes:
        visit: the function in which it stands.
        start: the difference ``centre - size // 2``.
        centre: what the centre is, with the lines that say so.
        size: the size as written there, "" where only its half has a name.
        is_clamped: whether the start is held inside the volume afterwards.
        is_alone: whether the same code cuts no other items, at places that are drawn.
    """

    visit: Visit
    start: Operand
    centre: Known[Position]
    size: str
    is_clamped: bool
    is_alone: bool = True


def centred_crops(flow: Flow, item: Item) -> Iterator[Centred]:
    """The centred crops among the functions that make an item; none where the item is shifted at random anywhere."""
    found = [c for visit in item.order for c in _of_function(flow, visit)]
    if found and not _is_shifted(flow, item):
        yield from found


def cutting_functions(flow: Flow, module: Module) -> list[str]:
    """The functions of a file that hold a centred start, whoever calls them."""
    holding: dict[int, Scope] = {}
    for node in module.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            scope = module.scope_of(node)
            holding[id(scope)] = scope
            while isinstance(scope.node, ast.Lambda) and scope.parent is not None:  # a function's own code too
                scope = scope.parent
                holding[id(scope)] = scope
    functions = [scope for scope in holding.values() if scope.is_function]
    return [s.qualname for s in functions if any(True for _ in _of_function(flow, Visit(Frame(module, s))))]


def _of_function(flow: Flow, visit: Visit) -> Iterator[Centred]:
    scope = visit.scope
    nodes = list(own_nodes(scope))
    if not any(isinstance(n, ast.Slice) or (isinstance(n, ast.Call) and last_name(n.func) == "slice") for n in nodes):
        return
    for node in nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
            continue
        if not _stands_alone(visit, node):
            continue
        op = Operand(node, visit.frame)
        size = half_of(flow, op.sub(node.right))
        if size is None:
            continue
        known = Positions(flow).evaluate(op.sub(node.left))
        measured = next((k for k in known if k.what.measured), None)
        if measured is not None and all(k.what.measured or k.what.is_other for k in known):
            is_alone = all(k.what.measured for k in known)
            yield Centred(visit, op, measured, size, _is_clamped(visit, node), is_alone)


def half_of(flow: Flow, op: Operand, depth: int = 0) -> str | None:
    """The size of which a value is half, as written there; "" where it has no name there, None where it is no half."""
    node = op.node
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Call) and last_name(node.func) in ("int", "round", "floor") and node.args:
        return half_of(flow, op.sub(node.args[0]), depth + 1)
    if isinstance(node, ast.BinOp):
        right = node.right.value if isinstance(node.right, ast.Constant) else None
        is_half = (isinstance(node.op, (ast.FloorDiv, ast.Div)) and right == 2) or (
            (isinstance(node.op, ast.RShift) and right == 1) or (isinstance(node.op, ast.Mult) and right == 0.5)
        )
        return op.module.segment(node.left) if is_half else None
    if key_of(node) is None:
        return None
    sources = [s for s in flow.sources(op) if s.binding is None or s.binding.kind is not Kind.UPDATE]
    found: list[str | None] = []
    for source in sources:
        if source.operand is None:
            return None
        inside = flow.containers.elements(source.operand, source.index) if source.is_element else [source]
        found += [half_of(flow, s.operand, depth + 1) if s.operand is not None else None for s in inside]
    return "" if found and all(f is not None for f in found) else None


def _stands_alone(visit: Visit, node: ast.expr) -> bool:
    """Whether nothing but rounding, clamping and constants is done to a start before it has a name or cuts."""
    below: ast.AST = node
    for above in visit.module.ancestors(node):
        if isinstance(above, ast.BinOp):
            other = above.right if above.left is below else above.left
            if not isinstance(other, ast.Constant) or not isinstance(above.op, (ast.Add, ast.Sub)):
                return False
        elif isinstance(above, ast.Call):
            if last_name(above.func) not in _WRAPPERS and last_name(above.func) != "slice":
                return False
        elif not isinstance(above, (ast.UnaryOp, ast.Attribute)):
            return isinstance(
                above, (ast.Assign, ast.AnnAssign, ast.ListComp, ast.GeneratorExp, ast.Slice, ast.Tuple, ast.List)
            )
        below = above
    return False


def _is_clamped(visit: Visit, node: ast.expr) -> bool:
    """Whether the start is clamped: in its own expression, or under the name that it is given."""
    for above in visit.module.ancestors(node):
        if isinstance(above, ast.Call) and last_name(above.func) in _CLAMPS:
            return True
        if isinstance(above, (ast.Assign, ast.AnnAssign)):
            targets = above.targets if isinstance(above, ast.Assign) else [above.target]
            names = {key_of(t) for target in targets for t in ast.walk(target)} - {None}
            return _clamps(visit.scope, {n for n in names if n is not None})
        if isinstance(above, ast.stmt):
            return False
    return False


def _clamps(scope: Scope, names: set[str]) -> bool:
    """Whether a function clamps one of some names, or what a loop over them gives."""
    names = names | {
        b.key
        for bindings in scope.bindings.values()
        for b in bindings
        if b.kind is Kind.ITERATE and b.value is not None and any(key_of(n) in names for n in ast.walk(b.value))
    }
    return any(
        isinstance(n, ast.Call)
        and last_name(n.func) in _CLAMPS
        and any(key_of(part) in names for part in ast.walk(n) if isinstance(part, (ast.Name, ast.Attribute)))
        for n in own_nodes(scope)
    )


def _is_shifted(flow: Flow, item: Item) -> bool:
    """Whether items are cut or moved at random: in their own code, or by a transform that the project uses."""
    for visit in item.order:
        for node in own_nodes(visit.scope):
            if isinstance(node, ast.Call) and last_name(node.func) in ("roll", "shift"):
                return True
            if isinstance(node, ast.Slice) and _is_random(flow, visit, node):
                return True
    return any(
        _SHIFTING.fullmatch(call.callee.rpartition(".")[2])
        for path in _around(flow, item.klass.path)
        for call in flow.project.files[path].calls
    )


def _around(flow: Flow, path: str) -> set[str]:
    """The files that use a dataset, with all that they import: where a transform of its items may stand."""
    graphs = flow.project.graphs
    users = {path, *graphs.importers_of(path)}
    return {p for user in users for p in (user, *graphs.imported_by(user)) if not is_test(p)}


def _is_random(flow: Flow, visit: Visit, node: ast.Slice) -> bool:
    bounds = [b for b in (node.lower, node.upper) if b is not None]
    known = [k.what for b in bounds for k in Positions(flow).evaluate(Operand(b, visit.frame))]
    return any(not what.measured and not what.is_other for what in known)
