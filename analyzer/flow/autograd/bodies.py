"""The functions of a file that write in place, and what their own syntax says of the names they write into.

All of this is read off the syntax of one function, before anything is asked of the value flow: most writes are into
counters and freshly made tensors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from ...source.facts import FileFacts
from ...source.nodes import child_fields
from ...source.scopes import key_of
from ...source.syntax import Syntax
from .applying import Applying
from .resets import Resets
from .saved import VIEWING, VIEWS

_DEFINING = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_PASSED = _DEFINING | {ast.Constant, type(None)}
_TARGETS = frozenset({ast.Name, ast.Attribute, ast.Subscript})
_TELLING = frozenset({ast.Call, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.BinOp})
_UNSAVED = (
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda),
)
_SIGNS = (ast.Mult, ast.MatMult, ast.Div)
_BLOCKS = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})


class Body:
    """One function, class or module that writes, its nested functions and classes left out.

    Attributes:
        applying: what the file's calls may apply.
    """

    def __init__(self, statements: list[ast.stmt], applying: Applying) -> None:
        self.applying = applying
        self._statements = statements

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes that bind, call or reckon: parents before what they hold, in source order."""
        return _own_nodes(self._statements)

    @cached_property
    def resets(self) -> Resets:
        """Which assignment a name surely has its value from."""
        return Resets(self._statements)

    @cached_property
    def names(self) -> Names:
        """What may be saved of the body's names."""
        return _read_names(self.nodes, self.applying)

    def may_break(self, base: ast.expr, first: int, last: int) -> bool:
        """Whether a write may be into what an operation has saved.

        Args:
            base: the name that is written into, or what is written into without one.
            first: the write's first line.
            last: its last line.
        """
        key = key_of(base)
        if key is None:
            return _may_be_saved(base, self.applying)
        operated, saved = self.names.operated.get(key, ()), self.names.saved.get(key, ())
        if not operated and not saved:
            return False
        reset = self.resets.before(first, key)
        if any(reset[1] < load.lineno <= last for load in operated):
            return True
        return any(
            reset[0] <= line and (line <= last or self.resets.returns_past(reset, first, line)) for line in saved
        )


@dataclass
class Names:
    """What a body's syntax says of its names.

    Attributes:
        saved: by key, the lines on which a name may be given the saved result of an operation.
        operated: by key, the loads to which an operation that saves its input may be applied.
    """

    saved: dict[str, list[int]] = field(default_factory=dict)
    operated: dict[str, list[ast.expr]] = field(default_factory=dict)

    def may_save(self, key: str | None, node: ast.AST) -> None:
        """Note that a name may get the saved result of an operation at a node."""
        if key is not None:
            self.saved.setdefault(key, []).append(getattr(node, "lineno", 0))

    def operate(self, load: ast.expr) -> None:
        """Note that an operation that saves its input may be applied to what a name holds."""
        key = key_of(load) if isinstance(load, (ast.Name, ast.Attribute)) else None
        if key is not None:
            self.operated.setdefault(key, []).append(load)


def writes_at_all(facts: FileFacts, methods: frozenset[str]) -> bool:
    """Whether anything in a file may write in place: a statement, or a call of one of some methods."""
    return facts.sets_parts or not facts.called.isdisjoint(methods)


def may_write(
    syntax: Syntax, facts: FileFacts, methods: frozenset[str], but: frozenset[str]
) -> Iterator[list[ast.stmt]]:
    """The same as :func:`writing_bodies` and perhaps some more, read off while the file's syntax is at hand.

    Functions of one name count as one. ``but`` are the qualified names of functions that are left out.
    """
    writing = (syntax.writing | _calling(facts, methods)) - but
    return (body for qualname, body in syntax.bodies if qualname in writing)


def writing_bodies(tree: ast.Module, facts: FileFacts, methods: frozenset[str]) -> Iterator[list[ast.stmt]]:
    """The bodies of a file in which a statement writes, or that call one of some methods."""
    calling = _calling(facts, methods)
    waiting: list[tuple[str, list[ast.stmt]]] = [("", tree.body)]
    while waiting:
        qualname, body = waiting.pop()
        writes = qualname in calling
        stack: list[Any] = [*body]
        while stack:
            node = stack.pop()
            kind = type(node)
            if kind in _DEFINING:
                waiting.append((f"{qualname}.{node.name}" if qualname else node.name, node.body))
                continue
            if kind is ast.AugAssign or (kind is ast.Assign and ast.Subscript in map(type, node.targets)):
                writes = True  # ``x += y`` or ``x[i] = y``
            for name in _blocks(kind):
                stack += getattr(node, name)
        if writes:
            yield body


def _calling(facts: FileFacts, methods: frozenset[str]) -> set[str]:
    """Who calls one of some methods."""
    calls = facts.calls if not facts.called.isdisjoint(methods) else ()
    return {c.scope for c in calls if c.callee.rpartition(".")[2] in methods}


@cache
def _blocks(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of statement, or of a part of one, that hold statements."""
    return tuple(name for name in kind._fields if name in _BLOCKS)


@cache
def _last_first(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that hold other nodes, for a stack."""
    return child_fields(kind)[::-1]


def _own_nodes(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack: list[Any] = [*reversed(body)]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind in _PASSED:
            continue
        if kind in _TELLING or (kind in _TARGETS and type(node.ctx) is not ast.Load):
            found.append(node)
        for name in _last_first(kind):
            value = getattr(node, name)
            if type(value) is list:
                stack += value[::-1]
            else:
                stack.append(value)
    return found


def _read_names(nodes: list[ast.AST], applying: Applying) -> Names:
    names = Names()
    unsaved: set[int] = set()
    sources: list[tuple[str, str, ast.AST]] = []
    for node in nodes:
        if isinstance(node, ast.Call):
            _read_call(node, names, applying)
        elif isinstance(node, ast.BinOp):
            _read_arithmetic(node, names)
        elif isinstance(node, ast.Assign):
            for target, given in (pair for t in node.targets for pair in _pairs(t, node.value)):
                value = _viewed(given)
                source, key = key_of(value), key_of(target)
                if source is not None and key is not None:
                    sources.append((key, source, target))
                if source is not None or not _may_be_saved(value, applying):
                    unsaved.add(id(target))
        elif isinstance(node, ast.For):
            if _is_range(node.iter):
                unsaved.add(id(node.target))
        elif isinstance(node, ast.AnnAssign):
            if node.value is None or not _may_be_saved(node.value, applying):
                unsaved.add(id(node.target))
        elif isinstance(node, ast.AugAssign):
            unsaved.add(id(node.target))
        elif id(node) not in unsaved:
            names.may_save(key_of(node), node)
    while spread := [s for s in sources if s[1] in names.saved]:
        for target, _, node in spread:
            names.may_save(target, node)
        sources = [s for s in sources if s not in spread]
    return names


def _viewed(value: ast.expr) -> ast.expr:
    """What a value is a view or a part of: ``y`` of ``y``, ``y[0]``, ``y.T`` and ``y.view(-1).transpose(0, 1)``."""
    while True:
        if isinstance(value, ast.Subscript):
            if key_of(value) is not None:
                return value
            value = value.value
        elif isinstance(value, ast.Attribute) and value.attr in VIEWING:
            value = value.value
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in VIEWS:
            if isinstance(value.func.value, ast.Name) and value.args:
                return value  # may be a function of a module's: ``torch.transpose(y, 0, 1)``
            value = value.func.value
        else:
            return value


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each name of an assignment's target with its value, or with the whole that it is taken from.

    Where a target takes several elements together, the pairs say nothing of it.
    """
    if not isinstance(target, (ast.Tuple, ast.List)):
        yield target, value
    elif not isinstance(value, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _pairs(part.value if isinstance(part, ast.Starred) else part, value)
    elif len(value.elts) == len(target.elts) and not any(map(_is_starred, (*value.elts, *target.elts))):
        for part, given in zip(target.elts, value.elts, strict=True):
            yield from _pairs(part, given)


def _is_starred(node: ast.expr) -> bool:
    return isinstance(node, ast.Starred)


def _is_range(iterated: ast.expr) -> bool:
    return isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name) and iterated.func.id == "range"


def _read_arithmetic(node: ast.BinOp, names: Names) -> None:
    """A power saves its base, and an operation of two tensors one side for the other's gradient."""
    is_number = isinstance(node.right, (ast.Constant, ast.UnaryOp))
    if isinstance(node.op, ast.Pow):
        if is_number:
            names.operate(node.left)
    elif isinstance(node.op, _SIGNS):
        if not is_number:
            names.operate(node.left)
        if isinstance(node.op, ast.Div) or not isinstance(node.left, ast.Constant):
            names.operate(node.right)


def _read_call(call: ast.Call, names: Names, applying: Applying) -> None:
    func, table = call.func, applying.table
    if isinstance(func, ast.Attribute):
        if func.attr in table.inputs:
            names.operate(func.value)
        if func.attr.endswith("_") and func.attr[:-1] in table.results and isinstance(func.value, ast.Name):
            names.may_save(func.value.id, call)
    if call.args and applying.may_save(func):
        names.operate(call.args[0])


def _may_be_saved(value: ast.expr, applying: Applying) -> bool:
    """Whether a value may be an operation's saved result, or a view of one."""
    if not isinstance(value, ast.Call):
        return not isinstance(value, _UNSAVED)
    func, results = value.func, applying.table.results
    if isinstance(func, ast.Attribute) and (func.attr in results or func.attr in VIEWS):
        return True
    return applying.may_apply(func, results | VIEWS)
