"""What the syntax of one function says of the names that it writes into: what may be saved of them.

Only names that are written into are asked about, and those whose values they take.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ...source.scopes import key_of
from .applying import Applying
from .saved import VIEWING, VIEWS

_UNSAVED = (
    *(ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda),
)
_SIGNS = (ast.Mult, ast.MatMult, ast.Div)


@dataclass
class Names:
    """What a body's syntax says of its names.

    Attributes:
        saved: by key, the lines on which a name may be given the saved result of an operation.
        operated: by key, the loads to which an operation that saves its input may be applied.
        aliased: by key, such loads of the names that it is another name of.
    """

    saved: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    operated: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    aliased: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))


def read_names(nodes: list[ast.AST], keys: Collection[str], applying: Applying) -> Names:
    """Read a body's nodes, parents before what they hold, for what may be saved of some names."""
    return _Reading(nodes, keys, applying).names


class _Reading:
    """Names are followed back through plain assignments first, then all else that makes one saved is looked for."""

    def __init__(self, nodes: list[ast.AST], keys: Collection[str], applying: Applying) -> None:
        self.names = Names()
        self.keys = keys
        self.applying = applying
        self.traced = set(keys)
        """The names, and those from which they have their values."""
        self.unsaved: set[int] = set()
        """Targets that get nothing saved."""
        given = _given(nodes)
        sources = self._trace(given)
        renamed = [(key, source) for key in keys for _, value in given.get(key, ()) if (source := _renamed(value))]
        self.asked = {*keys, *(source for _, source in renamed)}
        for node in nodes:
            self._read(node)
        for key, source in renamed:
            if source != key and source in self.names.operated:
                self.names.aliased[key] += self.names.operated[source]
        while spread := [s for s in sources if s[1] in self.names.saved]:
            for key, _, target in spread:
                self.names.saved[key].append(target.lineno)
            sources = [s for s in sources if s not in spread]

    def _trace(self, given: dict[str, list[tuple[ast.expr, ast.expr]]]) -> list[tuple[str, str, ast.expr]]:
        """Names with the names that they take their values from, and where."""
        sources: list[tuple[str, str, ast.expr]] = []
        waiting = [*self.keys]
        while waiting:
            key = waiting.pop()
            for target, whole in given.get(key, ()):
                value = _viewed(whole)
                source = key_of(value)
                if source is not None:
                    sources.append((key, source, target))
                    if source not in self.traced:
                        self.traced.add(source)
                        waiting.append(source)
                if source is not None or not may_be_saved(value, self.applying):
                    self.unsaved.add(id(target))
        return sources

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            self._read_call(node)
        elif isinstance(node, ast.BinOp):
            self._read_arithmetic(node)
        elif isinstance(node, ast.For):
            if _is_range(node.iter):
                self.unsaved.add(id(node.target))
        elif isinstance(node, ast.AnnAssign):
            is_traced = key_of(node.target) in self.traced
            if is_traced and (node.value is None or not may_be_saved(node.value, self.applying)):
                self.unsaved.add(id(node.target))
        elif isinstance(node, ast.AugAssign):
            self.unsaved.add(id(node.target))
        elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and id(node) not in self.unsaved:
            self._may_save(key_of(node), node)

    def _read_call(self, call: ast.Call) -> None:
        func, table = call.func, self.applying.table
        if isinstance(func, ast.Attribute):
            if func.attr in table.inputs:
                self._operate(func.value)
            if func.attr.endswith("_") and func.attr[:-1] in table.results and isinstance(func.value, ast.Name):
                self._may_save(func.value.id, call)
        if call.args and self._is_asked(_beneath(call.args[0])) and self.applying.may_save(func):
            self._operate(call.args[0])

    def _read_arithmetic(self, node: ast.BinOp) -> None:
        """A power saves its base, and an operation of two tensors one side for the other's gradient."""
        is_number = isinstance(node.right, (ast.Constant, ast.UnaryOp))
        if isinstance(node.op, ast.Pow):
            if is_number:
                self._operate(node.left)
        elif isinstance(node.op, _SIGNS):
            if not is_number:
                self._operate(node.left)
            if isinstance(node.op, ast.Div) or not isinstance(node.left, ast.Constant):
                self._operate(node.right)

    def _may_save(self, key: str | None, node: ast.expr) -> None:
        """A name may get the saved result of an operation at a node."""
        if key in self.traced:
            self.names.saved[key].append(node.lineno)

    def _operate(self, load: ast.expr) -> None:
        """An operation that saves its input may be applied to what a name holds, or to a view of it."""
        load = _beneath(load)
        if self._is_asked(load):
            self.names.operated[str(key_of(load))].append(load)

    def _is_asked(self, load: ast.expr) -> bool:
        return isinstance(load, (ast.Name, ast.Attribute)) and key_of(load) in self.asked


def _beneath(value: ast.expr) -> ast.expr:
    """The name of which a value is a view that a method makes: ``x`` of ``x.transpose(1, 2)``; else the value."""
    node = value
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in VIEWS:
        node = node.func.value
    return node if isinstance(node, (ast.Name, ast.Attribute)) else value


def _given(nodes: list[ast.AST]) -> dict[str, list[tuple[ast.expr, ast.expr]]]:
    """By key, the targets of plain assignments, each with its value or the whole that it is taken from."""
    found: dict[str, list[tuple[ast.expr, ast.expr]]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target, value in (pair for t in node.targets for pair in _pairs(t, node.value)):
                key = key_of(target)
                if key is not None:
                    found[key].append((target, value))
    return found


def _renamed(value: ast.expr) -> str | None:
    """The name of which ``out = x`` makes another one."""
    return key_of(value) if isinstance(value, (ast.Name, ast.Attribute)) else None


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


def may_be_saved(value: ast.expr, applying: Applying) -> bool:
    """Whether a value may be an operation's saved result, or a view of one."""
    if isinstance(value, ast.Call):
        return applying.may_give_saved(value.func)
    return not isinstance(value, _UNSAVED)
