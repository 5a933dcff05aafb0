"""Inputs that are loaded or made side by side, of which some are stacked and others go nowhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...analyzer.flow.items.marks import READS
from ...analyzer.flow.items.unused import Liveness
from ...analyzer.flow.values.flow import Flow
from ...analyzer.flow.values.frames import Frame, Operand
from ...analyzer.flow.values.functions import own_nodes
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Scope, key_of, last_name
from ._dropped_masks import makes_masks

STACKS = frozenset({"stack", "cat", "concatenate", "concat", "dstack", "vstack", "merge", "column_stack"})
"""Last names of the functions that put arrays together."""
_LEAST = 3
_DEEPEST = 5


class Dropped(NamedTuple):
    """A group of inputs that are loaded together.

    Attributes:
        load: the statement (or the first of them) that loads them.
        names: all of them, in order.
        unused: those on which nothing depends.
        stack: the call that stacks some of the others.
        are_masks: they are masks, made by a function of the project from what was loaded.
    """

    load: ast.stmt
    names: tuple[str, ...]
    unused: tuple[str, ...]
    stack: ast.Call
    are_masks: bool = False


class _Group(NamedTuple):
    """Names that get their values side by side.

    Attributes:
        load: the statement (or the first of them).
        names: all of them.
        least: how many of them are stacked where the others are missed.
        source: what is unpacked, where it remains to be seen whether that is masks.
    """

    load: ast.stmt
    names: tuple[str, ...]
    least: int = 2
    source: Operand | None = None


def dropped(flow: Flow, module: Module, scope: Scope) -> Iterator[Dropped]:
    """The groups of one function from which something is dropped."""
    live: Liveness | None = None
    for group in _groups(flow, module, scope):
        names = group.names
        if group.source is not None and not makes_masks(flow, group.source, len(names)):
            continue
        stacks = [c for c in _stacks(scope) if _holds(scope, c, names) >= group.least]
        if not stacks:
            continue
        live = live or Liveness(flow, module, scope)
        unused = tuple(n for n in names if not n.startswith("_") and not live.is_live(n))
        if not unused or len(names) - len(unused) < group.least:
            continue
        stack = next((c for c in stacks if _reaches(module, live, c)), None)
        if stack is not None:
            yield Dropped(group.load, names, unused, stack, are_masks=group.source is not None)


def may_drop(scope: Scope) -> bool:
    """Whether a function stacks anything; cheap."""
    return any(True for _ in _stacks(scope))


def _groups(flow: Flow, module: Module, scope: Scope) -> Iterator[_Group]:
    """Names that are loaded together: unpacked from one call, or read one after the other by the same function.

    Masks that one function makes side by side are of one kind by themselves: one of two that is stacked says enough.
    """
    mattering: set[str] | None = None
    alike: dict[str, list[tuple[ast.stmt, str]]] = {}
    for node in own_nodes(scope):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target = node.targets[0]
        if isinstance(target, (ast.Tuple, ast.List)):
            names = tuple(e.id for e in target.elts if isinstance(e, ast.Name))
            if len(names) < len(target.elts):
                continue
            op = Operand(node.value, Frame(module, scope))
            if len(names) >= _LEAST and _reads_many(flow, op):
                yield _Group(node, names)
            elif isinstance(node.value, ast.Call):
                mattering = _mattering(module, scope) if mattering is None else mattering
                if not mattering.issuperset(names):
                    yield _Group(node, names, least=1, source=op)
        elif isinstance(target, ast.Name):
            reader = _reader(node.value)
            if reader:
                alike.setdefault(reader, []).append((node, target.id))
    for found in alike.values():
        names = tuple(dict.fromkeys(name for _, name in found))
        if len(names) >= _LEAST:
            yield _Group(min((s for s, _ in found), key=lambda s: s.lineno), names)


def _mattering(module: Module, scope: Scope) -> set[str]:
    """Names that are plainly used: by more than an assignment, or for one that is used; cheap, and not all of them."""
    found: set[str] = set()
    feeding: list[tuple[str, str]] = []
    for node in own_nodes(scope):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
            continue
        statement = module.statement(node)
        if not isinstance(statement, ast.Assign):
            if not isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
                found.add(node.id)
            continue
        for target in statement.targets:
            names = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            given = [n.id for n in names if isinstance(n, ast.Name) and len(scope.bindings.get(n.id, [])) == 1]
            feeding += [(node.id, name) for name in given]
    before = -1
    while before < len(found):
        before = len(found)
        found |= {name for name, fed in feeding if fed in found}
    return found


def _reads_many(flow: Flow, op: Operand, depth: int = 0) -> bool:
    """Whether a value is several inputs: made one by one over a list of names, or read by calls side by side."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return any(_reader(n) or _is_entry(n) for n in ast.walk(node.elt) if isinstance(n, (ast.Call, ast.Subscript)))
    if isinstance(node, (ast.Tuple, ast.List)):
        readers = {_reader(e) for e in node.elts} - {""}
        return len(node.elts) >= _LEAST and len(readers) == 1 and all(_reader(e) for e in node.elts)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in ("map", "list", "tuple"):
            first = node.args[0] if node.args else None
            if node.func.id == "map":
                return first is not None and last_name(first) in READS
            return first is not None and _reads_many(flow, op.sub(first), depth + 1)
        results = flow.calls.returns(op)
        return bool(results) and all(_reads_many(flow, r, depth + 1) for r in results)
    return False


def _reader(node: ast.expr) -> str:
    """By what a value is read: the function's name with its receiver; "" where nothing is read."""
    if isinstance(node, ast.Call):
        inner = _reader(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if inner or last_name(node.func) in READS:
            return inner or ast.dump(node.func)
        if len(node.args) >= 1 and last_name(node.func) in ("array", "asarray", "as_tensor", "from_numpy", "tensor"):
            return _reader(node.args[0])
    if isinstance(node, ast.Subscript):
        return _reader(node.value)
    return ""


def _is_entry(node: ast.AST) -> bool:
    """``volumes[name]`` in a comprehension over names."""
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name)


def _stacks(scope: Scope) -> Iterator[ast.Call]:
    for node in own_nodes(scope):
        if not isinstance(node, ast.Call) or last_name(node.func) not in STACKS or not node.args:
            continue
        if isinstance(node.args[0], (ast.List, ast.Tuple)) and len(node.args[0].elts) > 1:
            yield node


def _holds(scope: Scope, call: ast.Call, names: tuple[str, ...]) -> int:
    """How many of some names are stacked, themselves or by what they were made into."""
    elements = call.args[0]
    assert isinstance(elements, (ast.List, ast.Tuple))
    found: set[str] = set()
    for element in elements.elts:
        found |= _origins(scope, element, set(names), set())
    return len(found)


def _origins(scope: Scope, node: ast.AST, names: set[str], seen: set[str]) -> set[str]:
    found: set[str] = set()
    for part in ast.walk(node):
        if not isinstance(part, ast.Name) or part.id in seen:
            continue
        if part.id in names:
            found.add(part.id)
            continue
        seen.add(part.id)
        for binding in scope.bindings.get(part.id, []):
            if binding.value is not None:
                found |= _origins(scope, binding.value, names, seen)
    return found


def _reaches(module: Module, live: Liveness, call: ast.Call) -> bool:
    """Whether what is stacked is used."""
    statement = module.statement(call)
    if isinstance(statement, ast.Assign):
        names = [key_of(t) for t in statement.targets]
        return any(n is None or "." in n or live.is_given(statement, n) for n in names)
    return True
