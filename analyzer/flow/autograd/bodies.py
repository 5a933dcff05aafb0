"""The functions of a file that write in place, and what their own syntax says of the names they write into.

All of this is read off the syntax of one function, before anything is asked of the value flow: most writes are into
counters and freshly made tensors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...source.facts import FileFacts
from ...source.module import Module
from ...source.nodes import children
from ...source.scopes import key_of
from .saved import VIEWING, VIEWS, Table

_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_UNSAVED = (
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda),
)
_SIGNS = (ast.Mult, ast.MatMult, ast.Pow, ast.Div)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_FOREIGN = frozenset({"numpy", "math", "random", "copy", "itertools", "functools", "collections", "os", "re", "typing"})
_BUILTINS = frozenset(
    {"int", "float", "len", "list", "dict", "set", "range", "str", "print", "isinstance", "enumerate", "max", "min"}
)


@dataclass
class Body:
    """One function, class or module that writes, its nested functions and classes left out.

    Attributes:
        nodes: its nodes, parents before what they hold, in source order.
        saved: names whose value may be the saved result of an operation.
        imported: what the file's imports bind, by the name.
        table: what each operation saves.
        operated: by key, the loads to which an operation that saves its input may be applied.
    """

    nodes: list[ast.AST]
    imported: Mapping[str, str]
    table: Table
    saved: set[str] = field(default_factory=set)
    operated: dict[str, list[ast.expr]] = field(default_factory=dict)

    def may_break(self, base: ast.expr, last: int) -> bool:
        """Whether a write that ends on a line may be into what an operation has saved.

        Args:
            base: the name that is written into, or what is written into without one.
            last: that line.
        """
        key = key_of(base)
        if key is None:
            return _may_be_saved(base, self.imported, self.table)
        if any(load.lineno <= last for load in self.operated.get(key, ())):
            return True
        return key in self.saved


def writes_at_all(facts: FileFacts, methods: frozenset[str]) -> bool:
    """Whether anything in a file may write in place: a statement, or a call of one of some methods."""
    return facts.sets_parts or any(c.callee.rpartition(".")[2] in methods for c in facts.calls)


def writing_bodies(module: Module, methods: frozenset[str]) -> Iterator[list[ast.AST]]:
    """The nodes of each body of a file in which a statement writes, or that calls one of some methods."""
    calling = {c.scope for c in module.facts.calls if c.callee.rpartition(".")[2] in methods}
    waiting: list[tuple[str, list[ast.stmt]]] = [("", module.tree.body)]
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
        if writes:
            yield _own_nodes(body)


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


def read_body(nodes: list[ast.AST], module: Module, table: Table) -> Body:
    """What a body's syntax says of its names."""
    imported = {i.local: i.target for i in module.facts.imports}
    body = Body(nodes, imported, table)
    unsaved: set[int] = set()
    sources: list[tuple[str, str]] = []
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            if not isinstance(node.ctx, ast.Load) and id(node) not in unsaved:
                body.saved.add(key_of(node) or "")
        elif isinstance(node, ast.Call):
            _read_call(node, body, imported, table)
        elif isinstance(node, ast.Assign):
            source = _source_of(node.value)
            if source is not None:
                sources += [(key_of(t) or "", source) for t in node.targets]
            if source is not None or not _may_be_saved(node.value, imported, table):
                unsaved.update(id(t) for t in node.targets)
        elif isinstance(node, ast.For):
            if _is_range(node.iter):
                unsaved.add(id(node.target))
        elif isinstance(node, ast.AnnAssign):
            if node.value is None or not _may_be_saved(node.value, imported, table):
                unsaved.add(id(node.target))
        elif isinstance(node, ast.AugAssign):
            unsaved.add(id(node.target))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, _SIGNS):
            _read_arithmetic(node, body)
    found = len(body.saved) - 1
    while found < len(body.saved):
        found = len(body.saved)
        body.saved.update(target for target, source in sources if source in body.saved)
    return body


def _source_of(value: ast.expr) -> str | None:
    """The name that a value is another name of, or a part of: ``y``, ``y[0]``, ``y.T``."""
    while key_of(value) is None and isinstance(value, ast.Subscript):
        value = value.value
    if isinstance(value, ast.Attribute) and value.attr in VIEWING:
        value = value.value
    key = key_of(value)
    return key if key is None or key.isidentifier() else None


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


def _read_call(call: ast.Call, body: Body, imported: Mapping[str, str], table: Table) -> None:
    func = call.func
    if isinstance(func, ast.Attribute):
        if func.attr in table.inputs:
            _add(func.value, body)
        if func.attr.endswith("_") and func.attr[:-1] in table.results and isinstance(func.value, ast.Name):
            body.saved.add(func.value.id)
    if call.args and _may_apply(func, imported, table.inputs):
        _add(call.args[0], body)


def _may_be_saved(value: ast.expr, imported: Mapping[str, str], table: Table) -> bool:
    """Whether a value may be an operation's saved result, or a view of one."""
    if not isinstance(value, ast.Call):
        return not isinstance(value, _UNSAVED)
    func = value.func
    if isinstance(func, ast.Attribute) and (func.attr in table.results or func.attr in VIEWS):
        return True
    return _may_apply(func, imported, table.results | VIEWS)


def _may_apply(func: ast.expr, imported: Mapping[str, str], names: frozenset[str]) -> bool:
    """Whether a call's first argument may go into one of these operations: a function of torch's, a layer, own code.

    A method of anything but the own object, as ``model.encode(x)``, leads into no code that is looked at.
    """
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return not isinstance(func, ast.Attribute)
    target = imported.get(root.id)
    if target is None:
        return root.id in ("self", "cls") if isinstance(func, ast.Attribute) else root.id not in _BUILTINS
    if target.partition(".")[0] != "torch":
        return target.partition(".")[0] not in _FOREIGN
    last = func.attr if isinstance(func, ast.Attribute) else target.rpartition(".")[2]
    return last in names
