"""Writes after which backward fails, since they change what autograd has saved for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...findings import Evidence
from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Binding, Kind, Scope, key_of
from ..values.frames import Frame, Operand
from ..values.reaching import ordered
from .aliases import other_names
from .bodies import Body
from .fates import End, Fate, fate
from .gradients import Need, Needs
from .inputs import saved_inputs
from .modes import is_conditional, is_recorded
from .saved import SavedResults, Table, makes_result
from .writes import How, Write

_PLAIN = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.JoinedStr, ast.Compare)
_LISTS = (ast.List, ast.ListComp)
_BUILTINS = frozenset({"int", "float", "len", "list", "dict", "set", "range", "str", "max", "min", "time", "tuple"})


class Break(NamedTuple):
    """One such write.

    Attributes:
        write: the write.
        operation: what saved the value.
        is_input: whether it was saved as what the operation was applied to; else as its result.
        is_certain: whether the value is that one on every path.
        is_conditional: whether it is that one only under a condition that nothing shows to hold.
        name: the name whose memory is written, None where there is none.
        others: further names of the same memory that are read after the write.
        is_given: whether the value came in as a parameter of the function that writes.
        is_element: whether it is an element of a list that is changed, by ``xs[i] += y``.
        need: whether the value needs a gradient.
        fate: where its graph ends.
        trail: the lines that led there.
    """

    write: Write
    operation: str
    is_input: bool
    is_certain: bool
    is_conditional: bool
    name: ast.expr | None
    others: tuple[str, ...]
    is_given: bool
    is_element: bool
    need: Need
    fate: Fate
    trail: tuple[Evidence, ...]


def breaks(
    found: Iterable[tuple[Write, ast.expr]], body: Body, module: Module, project: Project, table: Table
) -> Iterator[Break]:
    """Those of a body's writes, with what they are into, after which backward fails; the first one into each value."""
    met: set[tuple[int, str]] = set()
    for write, base in found:
        key = key_of(base)
        if key is not None and not _may_be_tensor(key, module.scope_of(write.node), _is_element_change(write)):
            continue
        bindings = _before(write, base, module, project) if key is not None else []
        mark = (min((id(b) for b in bindings), default=id(write.node)), key or "")
        if mark in met:
            continue
        loads = body.names.operated.get(key or "", []) + body.names.aliased.get(key or "", [])
        broken = _of_result(write, base, bindings, module, project, table)
        broken = broken or _of_input(write, base, bindings, loads, module, project, table)
        if broken is not None:
            met.add(mark)
            yield broken


def may_break(write: Write, base: ast.expr, body: Body) -> bool:
    """Whether a write may be into what an operation has saved, by the names of its function alone."""
    node = write.node
    return _is_element_change(write) or body.may_break(base, node.lineno, node.end_lineno or node.lineno)


def _may_be_tensor(key: str, scope: Scope, or_list: bool) -> bool:
    """Whether a function gives a name anything but numbers and containers (``or_list``: a list may hold tensors)."""
    for binding in scope.bindings.get(key, ()):
        if binding.kind is Kind.PARAMETER or binding.kind is Kind.ITERATE:
            return True
        value = binding.value
        is_plain = isinstance(value, _PLAIN) or (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _BUILTINS
        )
        if binding.kind is Kind.ASSIGN and (not is_plain or (or_list and isinstance(value, _LISTS))):
            return True
    return False


def _before(write: Write, base: ast.expr, module: Module, project: Project) -> list[Binding]:
    """The bindings that the written name may have right before the write, in training."""
    reaching = project.flow.reaching(module.scope_of(write.node))
    if write.how is How.AUGMENTED:
        found = ordered(reaching.changed_from(write.node, str(key_of(base))))
    else:
        found = ordered(reaching.at(base) or frozenset())
    return [b for b in found if not any(_replaces(other, b, write, module) for other in found if other is not b)]


def _replaces(other: Binding, first: Binding, write: Write, module: Module) -> bool:
    """Whether training gives a name its other value: ``if self.training: x = noise * x`` between the two."""
    around = {id(a) for node in (first.node, write.node) for a in module.ancestors(node)}
    for above in module.ancestors(other.node):
        if isinstance(above, ast.If) and any(other.node is s for s in above.body):
            is_training = isinstance(above.test, ast.Attribute) and above.test.attr == "training"
            return is_training and id(above) not in around and above.lineno > getattr(first.node, "lineno", 0)
    return False


def _of_result(
    write: Write, base: ast.expr, bindings: list[Binding], module: Module, project: Project, table: Table
) -> Break | None:
    """A write into the result of an operation that saves it."""
    flow = project.flow
    frame = flow.frame(module, write.node)
    search = SavedResults(flow, table)
    if key_of(base) is None:
        ways = [search.evaluate(Operand(write.target, frame))]
    else:
        ways = [search.follow(s) for b in bindings if b.kind is not Kind.PARAMETER for s in flow.of_binding(b, frame)]
        if len(ways) < len(bindings):
            ways.append([])
    is_element = _is_element_change(write) and not any(k.what is not None for known in ways for k in known)
    if is_element:
        if write.how is How.AUGMENTED and _is_lost(base, bindings, frame, project, table):
            return None  # before the elements of a dictionary's item are asked for, which may be of any origin
        ways = [search.follow(s) for s in flow.containers.elements(Operand(base, frame))]
    saved = [k for known in ways for k in known if k.what is not None]
    first = saved[0] if saved else None
    if first is None or first.what is None or not is_recorded(module, write.node, project):
        return None
    made = first.what.made
    is_here = made.module is module and made.frame.scope is frame.scope
    starts = [made.node] if is_here else []
    if key_of(base) is not None:
        starts += _loads(base, bindings, module, project)
    elif isinstance(write.node, ast.Call):
        starts.append(write.node)
    end = fate(module, starts, project)
    need = Needs(flow, table).of(made) if end.end is not End.NOWHERE else Need.NONE
    if need is Need.NONE:
        return None
    is_certain = all(known and all(k.what is not None for k in known) for known in ways)
    makers = [k.what.made for k in saved if k.what is not None]
    return Break(
        write=write,
        operation=first.what.operation,
        is_input=False,
        is_certain=is_certain,
        is_conditional=not is_certain and all(is_conditional(m.module, m.node, write.node) for m in makers),
        name=base if key_of(base) is not None else None,
        others=other_names(write, base, bindings, module, project),
        is_given=bool(bindings) and all(b.kind is Kind.PARAMETER for b in bindings),
        is_element=is_element,
        need=need,
        fate=end,
        trail=first.trail,
    )


def _is_lost(base: ast.expr, bindings: list[Binding], frame: Frame, project: Project, table: Table) -> bool:
    """Whether the graph of a saved value, whatever it is, ends nowhere: its name's does, and none is made here."""
    module, flow = frame.module, project.flow
    if fate(module, _loads(base, bindings, module, project), project).end is not End.NOWHERE:
        return False
    calls = (n for n in walk(frame.scope.node) if isinstance(n, ast.Call))
    return not any(makes_result(Operand(call, frame), table, flow) for call in calls)


def _is_element_change(write: Write) -> bool:
    """``features[i] += x``: where that is a list, the element itself is changed in place."""
    target = write.node.target if isinstance(write.node, ast.AugAssign) else None
    return isinstance(target, ast.Subscript) and not isinstance(target.slice, (ast.Tuple, ast.Slice))


def _of_input(
    write: Write,
    base: ast.expr,
    bindings: list[Binding],
    loads: list[ast.expr],
    module: Module,
    project: Project,
    table: Table,
) -> Break | None:
    """A write into what an operation that saves its input was applied to before."""
    if key_of(base) is None or not bindings:
        return None
    for taken in saved_inputs(write, base, bindings, loads, module, project, table):
        if not is_recorded(module, write.node, project):
            return None
        note = f"`{module.snippet(taken.node)}`: autograd saves `{taken.name}` for the backward pass of it"
        trail = [module.evidence(taken.node, note)]
        if taken.name != key_of(base):
            trail.append(module.evidence(bindings[0].node, f"`{key_of(base)}` is the same tensor"))
        return Break(
            write=write,
            operation=taken.operation,
            is_input=True,
            is_certain=taken.is_certain,
            is_conditional=is_conditional(module, taken.node, write.node),
            name=base,
            others=other_names(write, base, bindings, module, project),
            is_given=all(b.kind is Kind.PARAMETER for b in bindings),
            is_element=False,
            need=taken.need,
            fate=taken.fate,
            trail=tuple(trail),
        )
    return None


def _loads(base: ast.expr, bindings: list[Binding], module: Module, project: Project) -> list[ast.expr]:
    """The loads of the written name that see the value that was saved, changed or not."""
    scope = module.scope_of(base)
    reaching, own = project.flow.reaching(scope), set(bindings)
    found: list[ast.expr] = []
    for node in ast.walk(scope.node):
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) or not isinstance(node.ctx, ast.Load):
            continue
        if key_of(node) == key_of(base) and _started(reaching.at(node) or frozenset()) & own:
            found.append(node)
    return found


def _started(bindings: frozenset[Binding]) -> set[Binding]:
    """Bindings with all those from which their changes started."""
    found, waiting = set(bindings), list(bindings)
    while waiting:
        new = waiting.pop().previous - found
        found |= new
        waiting += new
    return found
