"""Where a tensor's graph goes: into a ``backward()``, out of a model's ``forward``, or nowhere."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from ...findings import Evidence
from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Binding, Scope, key_of, last_name
from ..values.frames import Frame
from .ends import BACKWARD, goes_backward
from .gradients import cuts
from .modes import is_recorded

_REDUCING = frozenset({"mean", "sum", "cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy", "l1_loss"})
_STEPS = frozenset({"training_step", "compute_loss"})
_CUT_ATTRIBUTES = frozenset({"shape", "dtype", "device", "data", "grad", "ndim", "requires_grad", "indices", "is_cuda"})
_WITH_PLACES = frozenset({"topk", "sort", "max", "min", "median", "nanmedian", "kthvalue", "mode", "cummax", "cummin"})
_FILLING = frozenset({"append", "extend", "insert", "add"})
_FURTHEST = 4
_MOST = 400


class End(Enum):
    """Where a graph ends, the surest first."""

    BACKWARD = "backward"
    FORWARD = "forward"
    LOSS = "loss"
    NOWHERE = "nowhere"


@dataclass
class Fate:
    """The surest end, and the line that shows it.

    ``is_model``: on the way lies a module or what returns a loss, or the start's own function goes backward. What goes
    backward without that may be data on its way into a network.
    """

    end: End
    shown: Evidence | None = None
    is_model: bool = True


@dataclass
class _Walk:
    """The state of one function's walk: expressions that carry the graph, and what was met."""

    module: Module
    scope: Scope
    seen: set[int] = field(default_factory=set)
    waiting: list[ast.expr] = field(default_factory=list)
    backward: ast.AST | None = None
    returned: ast.expr | None = None
    returns_loss: bool = False


def fate(module: Module, starts: Iterable[ast.expr], project: Project, depth: int = 0) -> Fate:
    """The surest end of a graph that goes through expressions of one function.

    Args:
        module: the file.
        starts: expressions of one function whose values hold the graph.
        project: follows what the function returns to its callers.
        depth: functions left already.
    """
    nodes = list(starts)
    if not nodes:
        return Fate(End.NOWHERE)
    walk = _Walk(module, module.scope_of(nodes[0]), waiting=nodes)
    flow = project.flow
    while walk.waiting and len(walk.seen) < _MOST and walk.backward is None:
        node = walk.waiting.pop()
        if id(node) not in walk.seen:
            walk.seen.add(id(node))
            _climb(walk, node, project)
    if walk.backward is not None:
        return Fate(End.BACKWARD, module.evidence(walk.backward, "backward runs through it"), is_model=depth == 0)
    if walk.returned is None:
        return Fate(End.NOWHERE)
    name = walk.scope.qualname.rpartition(".")[2]
    shown = module.evidence(walk.returned, f"`{walk.scope.qualname}` returns what is made of it")
    if name in _STEPS:
        return Fate(End.BACKWARD, shown)
    found = [
        fate(caller, [call], project, depth + 1)
        for _, call, caller in (flow.calls.callers(Frame(module, walk.scope)) if depth < _FURTHEST else ())
        if is_recorded(caller, call, project)
    ]
    owner = walk.scope.parent
    is_module = owner is not None and owner.is_class and flow.calls.is_module(Symbol(module.path, owner.qualname))
    if any(f.end is End.BACKWARD for f in found):
        surest = max((f for f in found if f.end is End.BACKWARD), key=lambda f: f.is_model)
        return replace(surest, is_model=surest.is_model or is_module or walk.returns_loss)
    if walk.returns_loss:
        return Fate(End.LOSS, shown)
    if (is_module and name == "forward") or any(f.end is End.FORWARD for f in found):
        return Fate(End.FORWARD, shown)
    return Fate(End.LOSS, shown) if any(f.end is End.LOSS for f in found) else Fate(End.NOWHERE)


def _climb(walk: _Walk, node: ast.expr, project: Project) -> None:
    """Go from an expression to what takes it in, as long as a gradient would come back that way."""
    module = walk.module
    parent = module.parent(node)
    if isinstance(parent, ast.keyword):
        parent = module.parent(parent)
    if isinstance(parent, ast.Attribute):
        _from_attribute(walk, node, parent)
    elif isinstance(parent, ast.Call):
        _from_argument(walk, node, parent, project)
    elif isinstance(parent, ast.Subscript):
        if parent.value is node:
            walk.waiting.append(parent)
    elif isinstance(parent, ast.IfExp):
        if parent.test is not node:
            walk.waiting.append(parent)
    elif isinstance(parent, (ast.Compare, ast.BoolOp, ast.FormattedValue)):
        return
    elif isinstance(parent, ast.NamedExpr):
        walk.waiting += [parent, *_loads(walk, parent.target, project)]
    elif isinstance(parent, (ast.For, ast.comprehension)):
        if parent.iter is node:
            walk.waiting += _loads(walk, parent.target, project)
    elif isinstance(parent, ast.Assign):
        for target in parent.targets:
            walk.waiting += _loads(walk, _values_of(target, node), project)
    elif isinstance(parent, (ast.AugAssign, ast.AnnAssign)):
        walk.waiting += _loads(walk, parent.target, project)
    elif isinstance(parent, (ast.Return, ast.Yield)):
        walk.returned = node
        walk.returns_loss = walk.returns_loss or _is_reduced(walk, node, project)
    elif isinstance(parent, ast.expr):
        walk.waiting.append(parent)
    elif isinstance(parent, ast.withitem) and parent.optional_vars is not None:
        walk.waiting += _loads(walk, parent.optional_vars, project)  # with amp.scale_loss(loss, optimizer) as scaled


def _values_of(target: ast.expr, value: ast.expr) -> ast.expr:
    """The target that takes a result's values: ``values, places = x.topk(k)`` gives places without a gradient."""
    is_pair = isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == 2
    if is_pair and isinstance(value, ast.Call) and last_name(value.func) in _WITH_PLACES:
        return target.elts[0]  # pyright: ignore[reportAttributeAccessIssue]
    return target


def _from_attribute(walk: _Walk, node: ast.expr, parent: ast.Attribute) -> None:
    above = walk.module.parent(parent)
    if parent.attr in _CUT_ATTRIBUTES:
        return
    if isinstance(above, ast.Call) and above.func is parent:
        if parent.attr in BACKWARD:
            walk.backward = above
        elif not cuts(above):
            walk.waiting.append(above)
    else:
        walk.waiting.append(parent)


def _from_argument(walk: _Walk, node: ast.expr, call: ast.Call, project: Project) -> None:
    if call.func is node or cuts(call):
        return
    if goes_backward(walk.module, call, project):
        walk.backward = call
    elif last_name(call.func) in _FILLING and isinstance(call.func, ast.Attribute):
        walk.waiting += _loads(walk, call.func.value, project)
    else:
        walk.waiting.append(call)


def _loads(walk: _Walk, target: ast.expr, project: Project) -> list[ast.expr]:
    """The loads that see what a target was given: of its name, and of the container whose part it is."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [load for element in target.elts for load in _loads(walk, element, project)]
    if isinstance(target, ast.Starred):
        return _loads(walk, target.value, project)
    keys = {key_of(target)}
    if isinstance(target, ast.Subscript):
        base = target.value
        while isinstance(base, (ast.Subscript, ast.Attribute)) and key_of(base) is None:
            base = base.value
        keys.add(key_of(base))
    keys.discard(None)
    statement = walk.module.statement(target)
    reaching = project.flow.reaching(walk.scope)
    found: list[ast.expr] = []
    for load in ast.walk(walk.scope.node):
        if not isinstance(load, (ast.Name, ast.Attribute, ast.Subscript)) or not isinstance(load.ctx, ast.Load):
            continue
        if key_of(load) not in keys:
            continue
        bindings = reaching.at(load) or ()
        is_item = isinstance(target, ast.Subscript) and key_of(load) != key_of(target)
        if is_item or any(b.node is statement or any(p.node is statement for p in _chain(b)) for b in bindings):
            found.append(load)
    return found


def _chain(binding: Binding) -> set[Binding]:
    """The bindings from which a chain of changes started, those between included."""
    found, waiting = {binding}, [binding]
    while waiting:
        new = waiting.pop().previous - found
        found |= new
        waiting += new
    return found


def _is_reduced(walk: _Walk, node: ast.expr, project: Project, depth: int = 0) -> bool:
    """Whether an expression is one number made of a whole tensor: a mean, a sum, a loss of torch's."""
    if depth > _FURTHEST:
        return False
    if isinstance(node, ast.UnaryOp):
        return _is_reduced(walk, node.operand, project, depth)
    if isinstance(node, ast.BinOp):
        sides = [node.left] if isinstance(node.op, ast.Div) else [node.left, node.right]
        return any(_is_reduced(walk, side, project, depth + 1) for side in sides)
    if isinstance(node, ast.Call):
        name = last_name(node.func)
        is_function = project.external(walk.module, node.func) is not None
        dims = node.args[1:] if is_function else node.args
        plain = not dims and not any(k.arg in ("dim", "axis", "reduction") for k in node.keywords)
        return name in _REDUCING and (plain or (name not in ("mean", "sum") and not node.keywords))
    if key_of(node) is not None:
        for binding in project.flow.reaching(walk.scope).at(node) or ():
            values = [b.value for b in _chain(binding) if b.value is not None and not b.index and _adds(b)]
            if any(_is_reduced(walk, v, project, depth + 1) for v in values):
                return True
    return False


def _adds(binding: Binding) -> bool:
    """Whether what a binding puts in stays a part of the value: all but ``x /= y`` and its like."""
    return not isinstance(binding.node, ast.AugAssign) or isinstance(binding.node.op, (ast.Add, ast.Sub))
