"""Which variable a value is: one name for it in every function that it is passed through."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...graph.graphs import is_test
from ...source.scopes import Kind, key_of

if TYPE_CHECKING:
    from .flow import Flow
    from .frames import Operand, Source

_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Origin:
    """The variable or attribute in which a value is first held: file, qualified name of its home, and its chain."""

    path: str
    home: str
    chain: str

    @property
    def last(self) -> str:
        """The last name of the chain: ``epochs`` of ``args.epochs``."""
        return self.chain.rpartition(".")[2]


def origin(flow: Flow, op: Operand, depth: int = 0) -> Origin | None:
    """The variable that a name or attribute chain stands for, through plain assignments and parameters.

    ``cfg.epochs`` in ``build(cfg)`` that is called as ``build(config.optim)`` is ``config.optim.epochs`` of the caller,
    as long as all callers agree. None for anything but names and attributes.
    """
    node = op.node
    if key_of(node) is None:
        return None
    before = _agreed(flow, op, depth) if depth < _DEEPEST else None
    if before is not None:
        return before
    if isinstance(node, ast.Attribute):
        base = origin(flow, op.sub(node.value), depth + 1)
        return Origin(base.path, base.home, f"{base.chain}.{node.attr}") if base is not None else None
    if isinstance(node, ast.Subscript):
        base = origin(flow, op.sub(node.value), depth + 1)
        assert isinstance(node.slice, ast.Constant)
        return Origin(base.path, base.home, f"{base.chain}.{node.slice.value}") if base is not None else None
    assert isinstance(node, ast.Name)
    scope = op.frame.scope
    method = scope.method
    if method is not None and method.parent is not None and _is_receiver(method.node, node.id):
        return Origin(op.module.path, method.parent.qualname, "self")
    home = scope.lookup(node.id)
    return Origin(op.module.path, home.qualname if home is not None else "", node.id)


def own_sources(flow: Flow, op: Operand) -> list[Source]:
    """One step back from a name, without what only tests pass in."""
    sources = flow.sources(op)
    if is_test(op.module.path):
        return sources
    return [s for s in sources if s.operand is None or not is_test(s.operand.module.path)]


def _agreed(flow: Flow, op: Operand, depth: int) -> Origin | None:
    found: set[Origin | None] = set()
    for source in own_sources(flow, op):
        changed = source.binding is not None and source.binding.kind in (Kind.UPDATE, Kind.AUGMENT)
        if source.operand is None or source.is_element or changed:
            return None
        given = _entry(source.operand, source.index)
        if given is None or given.node is op.node or key_of(given.node) is None:
            return None
        found.add(origin(flow, given, depth + 1))
    return found.pop() if len(found) == 1 else None


def _entry(op: Operand, index: tuple[int, ...]) -> Operand | None:
    """One of several names that are set together (``a, b = x, y``); None where what is unpacked is not written out."""
    for position in index:
        node = op.node
        if not isinstance(node, (ast.Tuple, ast.List)) or any(isinstance(e, ast.Starred) for e in node.elts):
            return None
        if not -len(node.elts) <= position < len(node.elts):
            return None
        op = op.sub(node.elts[position])
    return op


def _is_receiver(method: ast.AST, name: str) -> bool:
    if not isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    arguments = [*method.args.posonlyargs, *method.args.args]
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in method.decorator_list)
    return bool(arguments) and not static and arguments[0].arg == name
