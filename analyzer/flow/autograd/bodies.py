"""The functions of a file that write in place, and what their own syntax says of the names they write into.

All of this is read off the syntax of one function, before anything is asked of the value flow: most writes are into
counters and freshly made tensors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...source.facts import FileFacts
from ...source.nodes import children
from ...source.scopes import key_of
from .applying import Applying
from .resets import Resets
from .saved import VIEWING, VIEWS

_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_UNSAVED = (
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda),
)
_SIGNS = (ast.Mult, ast.MatMult, ast.Pow, ast.Div)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass
class Body:
    """One function, class or module that writes, its nested functions and classes left out.

    Attributes:
        nodes: its nodes, parents before what they hold, in source order.
        applying: what the file's calls may apply.
        resets: which assignment a name surely has its value from.
        saved: by key, the lines on which a name may be given the saved result of an operation.
        operated: by key, the loads to which an operation that saves its input may be applied.
    """

    nodes: list[ast.AST]
    applying: Applying
    resets: Resets
    saved: dict[str, list[int]] = field(default_factory=dict)
    operated: dict[str, list[ast.expr]] = field(default_factory=dict)

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
        reset = self.resets.before(first, key)
        if any(reset[1] < load.lineno <= last for load in self.operated.get(key, ())):
            return True
        return any(
            reset[0] <= line and (line <= last or self.resets.returns_past(reset, first, line))
            for line in self.saved.get(key, ())
        )

    def may_save(self, key: str | None, node: ast.AST) -> None:
        """Note that a name may get the saved result of an operation at a node."""
        if key is not None:
            self.saved.setdefault(key, []).append(getattr(node, "lineno", 0))


def writes_at_all(facts: FileFacts, methods: frozenset[str]) -> bool:
    """Whether anything in a file may write in place: a statement, or a call of one of some methods."""
    return facts.sets_parts or not facts.called.isdisjoint(methods)


def writing_bodies(
    tree: ast.Module, facts: FileFacts, methods: frozenset[str], but: frozenset[str] = frozenset()
) -> Iterator[list[ast.stmt]]:
    """The bodies of a file in which a statement writes, or that call one of some methods.

    ``but`` are the qualified names of functions that are left out.
    """
    calling = {c.scope for c in facts.calls if c.callee.rpartition(".")[2] in methods}
    waiting: list[tuple[str, list[ast.stmt]]] = [("", tree.body)]
    while waiting:
        qualname, body = waiting.pop()
        writes = qualname in calling
        stack: list[ast.AST] = [*body]
        while stack:
            node = stack.pop()
            if isinstance(node, _DEFINING):
                waiting.append((f"{qualname}.{node.name}" if qualname else node.name, node.body))
                continue
            writes = writes or is_write(node)
            for name in _BLOCKS:
                stack += getattr(node, name, ())
        if writes and qualname not in but:
            yield body


def is_write(node: ast.AST) -> bool:
    """Whether a statement is ``x += y`` or ``x[i] = y``."""
    return isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Assign) and any(isinstance(t, ast.Subscript) for t in node.targets)
    )


def _own_nodes(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack: list[ast.AST] = [*reversed(body)]
    while stack:
        node = stack.pop()
        if not isinstance(node, _DEFINING):
            found.append(node)
            stack += children(node)[::-1]
    return found


def read_body(statements: list[ast.stmt], applying: Applying) -> Body:
    """What a body's syntax says of its names."""
    nodes = _own_nodes(statements)
    body = Body(nodes, applying, Resets(statements))
    unsaved: set[int] = set()
    sources: list[tuple[str, str, ast.AST]] = []
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            if not isinstance(node.ctx, ast.Load) and id(node) not in unsaved:
                body.may_save(key_of(node), node)
        elif isinstance(node, ast.Call):
            _read_call(node, body)
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
        elif isinstance(node, ast.BinOp) and isinstance(node.op, _SIGNS):
            _read_arithmetic(node, body)
    while spread := [s for s in sources if s[1] in body.saved]:
        for target, _, node in spread:
            body.may_save(target, node)
        sources = [s for s in sources if s not in spread]
    return body


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


def _add(load: ast.expr, body: Body) -> None:
    key = key_of(load) if isinstance(load, (ast.Name, ast.Attribute)) else None
    if key is not None:
        body.operated.setdefault(key, []).append(load)


def _read_arithmetic(node: ast.BinOp, body: Body) -> None:
    """A power saves its base, and an operation of two tensors one side for the other's gradient."""
    is_number = isinstance(node.right, (ast.Constant, ast.UnaryOp))
    if isinstance(node.op, ast.Pow):
        if is_number:
            _add(node.left, body)
        return
    if not is_number:
        _add(node.left, body)
    if isinstance(node.op, ast.Div) or not isinstance(node.left, ast.Constant):
        _add(node.right, body)


def _read_call(call: ast.Call, body: Body) -> None:
    func, table = call.func, body.applying.table
    if isinstance(func, ast.Attribute):
        if func.attr in table.inputs:
            _add(func.value, body)
        if func.attr.endswith("_") and func.attr[:-1] in table.results and isinstance(func.value, ast.Name):
            body.may_save(func.value.id, call)
    if call.args and body.applying.may_save(func):
        _add(call.args[0], body)


def _may_be_saved(value: ast.expr, applying: Applying) -> bool:
    """Whether a value may be an operation's saved result, or a view of one."""
    if not isinstance(value, ast.Call):
        return not isinstance(value, _UNSAVED)
    func, results = value.func, applying.table.results
    if isinstance(func, ast.Attribute) and (func.attr in results or func.attr in VIEWS):
        return True
    return applying.may_apply(func, results | VIEWS)
