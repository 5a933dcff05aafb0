"""Values that autograd has saved because an operation was applied to them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...graph.project import Project
from ...source.module import Module
from ...source.scopes import Binding, Kind, key_of
from ..values.frames import Operand
from ..values.reaching import Reaching
from ..values.tensors import constant
from .fates import End, Fate, fate
from .gradients import Need, Needs
from .saved import VIEWS, WEIGHTED, Table, applied
from .writes import Write

_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_SIGNS: dict[type[ast.operator], str] = {ast.Mult: "*", ast.MatMult: "@", ast.Pow: "**", ast.Div: "/"}


class Taken(NamedTuple):
    """An operation that saved what it was applied to, and its graph's end. ``is_certain``: it surely ran before.

    ``name``: the name under which it was given the value.
    """

    node: ast.expr
    name: str
    operation: str
    need: Need
    fate: Fate
    is_certain: bool


def saved_inputs(
    write: Write,
    base: ast.expr,
    bindings: list[Binding],
    loads: Iterable[ast.expr],
    module: Module,
    project: Project,
    table: Table,
) -> Iterator[Taken]:
    """The operations before a write that saved the value that it changes.

    ``loads`` are those to which an operation may be applied; the least nested come first, which surely ran.
    """
    flow = project.flow
    scope = module.scope_of(write.node)
    frame = flow.frame(module, write.node)
    reaching = flow.reaching(scope)
    own = {*bindings, *_renamed(bindings, reaching)}
    needs = Needs(flow, table)
    last = getattr(write.node, "end_lineno", write.node.lineno)
    near = [n for n in loads if n is not base and n.lineno <= last and own.intersection(reaching.at(n) or ())]
    for load in sorted(near, key=lambda n: sum(1 for _ in module.ancestors(n))):
        viewed = _view_of(load, module)
        node = module.parent(viewed)
        if (isinstance(node, ast.Call) and viewed in node.args[:1]) or _is_receiver(viewed, node, module):
            call = node if isinstance(node, ast.Call) else module.parent(node)  # pyright: ignore[reportArgumentType]
            assert isinstance(call, ast.Call)
            node = call
        elif not isinstance(node, ast.BinOp):
            continue
        if module.scope_of(node) is not scope or not _runs_before(node, write, module) or _gives_away(load, module):
            continue
        end = fate(module, [node], project)  # before the need, which is asked of every caller
        if end.end is End.NOWHERE:
            continue
        if isinstance(node, ast.Call):
            found = _by_call(Operand(node, frame), viewed, needs, table)
        else:
            found = _by_sign(node, viewed, frame_of=Operand(node, frame), needs=needs)
        if found is None or found[1] is Need.NONE:
            continue
        yield Taken(node, str(key_of(load)), found[0], found[1], end, _is_certain(node, write, module))


def _renamed(bindings: Iterable[Binding], reaching: Reaching) -> Iterator[Binding]:
    """What other names were given, of which plain assignments made the written name: ``out = x``."""
    for binding in bindings:
        value = binding.value
        if binding.kind is Kind.ASSIGN and not binding.index and isinstance(value, (ast.Name, ast.Attribute)):
            yield from reaching.at(value) or ()


def _view_of(load: ast.expr, module: Module) -> ast.expr:
    """The outermost view of a name that methods make where it is read: ``x.transpose(1, 2)``; else the name."""
    node = load
    while isinstance(method := module.parent(node), ast.Attribute) and method.attr in VIEWS:
        call = module.parent(method)
        if not isinstance(call, ast.Call) or call.func is not method:
            break
        node = call
    return node


def _gives_away(load: ast.expr, module: Module) -> bool:
    """``x = norm(x)``: where it ran, the name is another tensor's, and a write sees the first one only around it."""
    statement = module.statement(load)
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(key_of(t) == key_of(load) for t in targets)


def _is_receiver(load: ast.expr, node: ast.AST | None, module: Module) -> bool:
    above = module.parent(node) if node is not None else None
    return isinstance(node, ast.Attribute) and isinstance(above, ast.Call) and above.func is node


def _by_call(op: Operand, load: ast.expr, needs: Needs, table: Table) -> tuple[str, Need] | None:
    found = applied(op, table, needs.flow, first=True)
    if found is None or found[1].node is not load:
        return None
    name = found[0]
    if name == WEIGHTED:
        return "its weights", Need.TRAINED
    return (name, needs.of(op.sub(load))) if name in table.inputs else None


def _by_sign(node: ast.BinOp, load: ast.expr, frame_of: Operand, needs: Needs) -> tuple[str, Need] | None:
    """Arithmetic of two tensors saves a side where the other needs a gradient; a power saves its base."""
    sign = _SIGNS.get(type(node.op))
    other = node.right if node.left is load else node.left
    if sign is None:
        return None
    if sign == "**":
        exponent = constant(node.right)
        is_saved = node.left is load and isinstance(exponent, (int, float)) and exponent not in (0, 1)
        return (sign, needs.of(frame_of.sub(load))) if is_saved else None
    need = needs.of(frame_of.sub(other))
    if sign == "/" and node.right is load:
        return sign, min(need, needs.of(frame_of.sub(load)), key=list(Need).index)
    return (sign, need) if need is Need.TRAINED else None


def _runs_before(node: ast.expr, write: Write, module: Module) -> bool:
    """Whether an operation and a later write run in one pass: not in two branches, nor behind a way out."""
    inside = {id(a) for a in module.ancestors(write.node)} | {id(write.node)}
    if (node.lineno, node.col_offset) > (write.node.lineno, write.node.col_offset) and not any(
        id(a) == id(write.node) for a in module.ancestors(node)
    ):
        return False
    child: ast.AST = node
    for parent in module.ancestors(node):
        if isinstance(parent, ast.If) and child is not parent.test:
            block = parent.body if child in parent.body else parent.orelse
            if id(parent) in inside:
                return any(id(s) in inside for s in block)
            if any(isinstance(s, _LEAVING) for s in block):
                return False
        if id(parent) in inside and isinstance(parent, ast.stmt):
            return True
        if isinstance(parent, (ast.Lambda, ast.FunctionDef)):
            return True
        child = parent
    return True


def _is_certain(node: ast.expr, write: Write, module: Module) -> bool:
    """Whether no branch around the operation is one in which the write does not stand as well."""
    inside = {id(a) for a in module.ancestors(write.node)}
    return all(
        id(a) in inside
        for a in module.ancestors(node)
        if isinstance(a, (ast.If, ast.For, ast.While, ast.Try, ast.IfExp))
    )
