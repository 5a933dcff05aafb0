"""What dictionaries, lists and tuples hold: by a constant key or position, and one after the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...source.scopes import Kind, key_of
from .frames import DEEPEST_CALL, Operand, Source
from .loaders import elements
from .reaching import before_updates, ordered

if TYPE_CHECKING:
    from .flow import Flow


class Containers:
    """The contents of containers. A part of :class:`~.values.Flow`."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._iterated: set[tuple[int, int]] = set()
        self._opened: set[tuple[int, int, str]] = set()

    def of_subscript(self, op: Operand) -> list[Source]:
        """``d['k']`` of a dictionary whose literal is found."""
        node = op.node
        assert isinstance(node, ast.Subscript)
        given = self._of_keywords(op, node)
        return given if given is not None else list(self.items(op.sub(node.value), node.slice))

    def _of_keywords(self, op: Operand, node: ast.Subscript) -> list[Source] | None:
        """``kwargs['k']`` of the function's own ``**kwargs``: that keyword in the calls; None for anything else."""
        function = op.frame.scope.node
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or not isinstance(
            node.slice, ast.Constant
        ):
            return None
        kept = function.args.kwarg.arg if function.args.kwarg is not None else None
        if not isinstance(node.value, ast.Name) or node.value.id != kept:
            return None
        name = node.slice.value
        if not isinstance(name, str):
            return []
        if op.frame.arguments is not None:
            inside = op.frame.arguments.get(name)
            return [Source(inside)] if inside is not None else []
        found: list[Source] = []
        for arguments, call, caller in self.flow.calls.callers(op.frame):
            if name in arguments:
                note = f"`{arguments[name].text()}` is passed as `{name}`"
                found.append(Source(arguments[name], step=caller.evidence(call, note)))
        return found

    def items(self, container: Operand, key: ast.expr, depth: int = 0) -> Iterator[Source]:
        """The values that a constant key or position of a container may hold."""
        if not isinstance(key, ast.Constant) or depth > DEEPEST_CALL:
            return
        # A container may be an item of itself, one turn of a loop earlier: `x = x[0]`.
        mark = (id(container.node), container.frame.mark, repr(key.value))
        if mark in self._opened:
            self.flow.cut += 1
            return
        self._opened.add(mark)
        try:
            yield from self._items(container, key, depth)
        finally:
            self._opened.discard(mark)

    def _items(self, container: Operand, key: ast.Constant, depth: int) -> Iterator[Source]:
        node = container.node
        module = container.module
        if isinstance(node, ast.Dict):
            for name, value in zip(node.keys, node.values, strict=True):
                if isinstance(name, ast.Constant) and name.value == key.value:
                    note = f"{key.value!r} is `{module.snippet(value)}`"
                    yield Source(container.sub(value), step=module.evidence(value, note))
        elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(key.value, int):
            if -len(node.elts) <= key.value < len(node.elts):
                yield Source(container.sub(node.elts[key.value]))
        elif isinstance(node, ast.DictComp):
            mapped = _mapped(node)
            if mapped is not None:
                yield from self._stored(container.sub(mapped), key, depth)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "dict":
                for keyword in node.keywords:
                    if keyword.arg == key.value:
                        yield Source(container.sub(keyword.value))
            for result in self.flow.calls.returns(container):
                yield from self._stored(result, key, depth)
        elif key_of(node) is not None:
            for source in self.flow.sources(container):
                if source.operand is None:
                    continue
                if source.is_element:
                    for item in self.elements(source.operand, source.index):
                        if item.operand is not None and not item.index:
                            yield from self._stored(item.operand, key, depth)
                elif source.binding is not None and source.binding.kind is Kind.UPDATE:
                    for before in ordered(before_updates(source.binding)):
                        for earlier in self.flow.of_binding(before, container.frame):
                            if earlier.operand is not None and not earlier.index:
                                yield from self._stored(earlier.operand, key, depth)
                elif not source.index:
                    yield from self._stored(source.operand, key, depth)

    def _stored(self, container: Operand, key: ast.Constant, depth: int) -> Iterator[Source]:
        """A container's items, with those stored into the name that holds it (``out['k'] = v``)."""
        name = key_of(container.node)
        if name is not None:
            for binding in container.frame.scope.bindings.get(f"{name}[{key.value!r}]", []):
                yield from self.flow.of_binding(binding, container.frame)
        yield from self.items(container, key, depth + 1)

    def elements(self, op: Operand, index: tuple[int, ...] = ()) -> list[Source]:
        """What a loop over a value gives, at a path inside each element; see :func:`loaders.elements`."""
        mark = (id(op.node), id(op.frame.scope))
        if mark in self._iterated:
            return []
        self._iterated.add(mark)
        try:
            return elements(self.flow, op, index)
        finally:
            self._iterated.discard(mark)


def _mapped(node: ast.DictComp) -> ast.expr | None:
    """The dictionary whose values ``{k: f(v) for k, v in d.items()}`` maps under the same keys."""
    if len(node.generators) != 1 or not isinstance(node.key, ast.Name):
        return None
    loop = node.generators[0]
    call, target = loop.iter, loop.target
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "items"
        and isinstance(target, ast.Tuple)
        and isinstance(target.elts[0], ast.Name)
        and target.elts[0].id == node.key.id
    ):
        return call.func.value
    return None
