"""What a value may be, in one domain: the part that every domain shares."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from ...source.scopes import Binding, Kind, key_of
from .frames import Known, Operand, Source
from .reaching import ordered

if TYPE_CHECKING:
    from .flow import Flow

T = TypeVar("T")
MOST_STEPS = 1500
"""Expressions that one evaluator looks at."""
MOST_SOURCES = 6000
"""Sources that one evaluator follows: each change in place of an attribute leads back to all the others."""
_CHANGES = (Kind.UPDATE, Kind.AUGMENT)


class Evaluator(ABC, Generic[T]):
    """What a value may be, in one domain. Subclass it and say what is known outright; it looks through the rest.

    ``expression`` is asked first for every expression. Returning None means "look through": names to their bindings,
    calls to what they return, conditionals to both sides. Returning a sequence ends the search there.
    """

    remembers: ClassVar[bool] = False
    """Whether :meth:`evaluate` works each value out once, where nothing cut the answer short."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.project = flow.project
        self._active: set[tuple[int, int]] = set()
        self._depths: dict[tuple[int, int, int], int] = {}
        self._steps = 0
        self._followed = 0
        self._circles = 0
        self._kept: dict[tuple[int, int], tuple[Operand, list[Known[T]]]] = {}

    def is_circle(self, op: Operand) -> bool:
        """Whether a value is just being worked out: what is found without it is no answer to be remembered."""
        found = (id(op.node), op.frame.mark) in self._active
        self._circles += found
        return found

    def remembered(self, op: Operand) -> list[Known[T]]:
        """As :meth:`evaluate`, once for each value, where nothing cut the answer short."""
        mark = (id(op.node), op.frame.mark)
        kept = self._kept.get(mark)
        if kept is not None:
            return [*kept[1]]
        before = (self._circles, self.flow.cut)
        found = Evaluator.evaluate(self, op)
        if before == (self._circles, self.flow.cut):
            self._kept[mark] = (op, found)
        return [*found]

    @abstractmethod
    def expression(self, op: Operand) -> Sequence[Known[T]] | None:
        """What the domain knows of an expression; None to look through it."""

    def element(self, known: list[Known[T]], op: Operand, index: tuple[int, ...]) -> list[Known[T]]:
        """What unpacking, iterating or indexing makes of a value. As the whole, unless a domain says otherwise."""
        return known

    def update(self, known: list[Known[T]], binding: Binding, op: Operand) -> list[Known[T]]:
        """What an in-place change or augmented assignment makes of a value. ``op`` is what is put in or called."""
        return known

    def evaluate(self, op: Operand) -> list[Known[T]]:
        """Everything that the value may be; [] where nothing is known."""
        mark = (id(op.node), op.frame.mark)
        if self.remembers:
            kept = self._kept.get(mark)
            if kept is not None:
                return [*kept[1]]
        self._steps += 1
        if mark in self._active:
            self._circles += 1
            return []
        if self._steps > MOST_STEPS or self.flow.is_spent():
            return []
        before = (self._circles, self.flow.cut)
        self._active.add(mark)
        self.flow.nesting += 1
        try:
            outright = self.expression(op)
            found = list(outright) if outright is not None else self._look_through(op)
        finally:
            self.flow.nesting -= 1
            self._active.discard(mark)
        if self.remembers and before == (self._circles, self.flow.cut):
            self._kept[mark] = (op, [*found])
        return found

    def follow(self, source: Source) -> list[Known[T]]:
        """Everything that a value may be that comes from one source."""
        return self._from(source)

    def _look_through(self, op: Operand) -> list[Known[T]]:
        node = op.node
        if isinstance(node, ast.IfExp):
            return self._any(op, [node.body, node.orelse])
        if isinstance(node, ast.BoolOp):
            return self._any(op, node.values)
        if isinstance(node, (ast.NamedExpr, ast.Starred, ast.Await)):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Call):
            return self._called(op)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
            place = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if isinstance(place, int) and place >= 0:
                return self._unpacked(op.sub(node.value), (place,))
        if isinstance(node, ast.Subscript) and key_of(node) is None:
            return self.element(self.evaluate(op.sub(node.value)), op, ())
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            sources = self.flow.sources(op)
            if sources:
                return distinct([k for s in sources for k in self._from(s)])
            if isinstance(node, ast.Subscript):
                return self.element(self.evaluate(op.sub(node.value)), op, ())
        return []

    def _any(self, op: Operand, nodes: Sequence[ast.expr]) -> list[Known[T]]:
        return distinct([k for n in nodes for k in self.evaluate(op.sub(n))])

    def _called(self, op: Operand) -> list[Known[T]]:
        found: list[Known[T]] = []
        for result in self.flow.calls.returns(op):
            name = result.frame.scope.qualname
            step = result.module.evidence(result.node, f"`{name}` returns `{result.text()}`")
            found += [k.after(step) for k in self.evaluate(result)]
        return distinct(found)

    def _from(self, source: Source) -> list[Known[T]]:
        op, binding = source.operand, source.binding
        self._followed += 1
        if op is None or self._followed > MOST_SOURCES:
            return []
        if binding is not None and binding.kind in (Kind.UPDATE, Kind.AUGMENT):
            # In a loop a change starts from itself, one turn earlier.
            mark = (id(binding), op.frame.mark)
            if mark in self._active:
                self._circles += 1
                return []
            self._active.add(mark)
            try:
                before = [s for b in ordered(binding.previous) for s in self.flow.of_binding(b, op.frame)]
                if not binding.previous:
                    before = self._before(binding, op)
                known = [k for s in before for k in self._from(s)]
            finally:
                self._active.discard(mark)
            return self.update(distinct(known), binding, op)
        index = source.index
        if source.is_element:
            inside = self.flow.containers.elements(op, index)
            if inside:
                known = distinct([k for item in inside for k in self._from(item)])
                return [k.after(source.step) for k in known] if source.step is not None else known
        if index and not source.is_element and key_of(op.node) is not None:
            through = [s for s in self.flow.sources(op) if s.binding is None or s.binding.kind not in _CHANGES]
            if through:
                known = self._held_part(op, index, through)
                return [k.after(source.step) for k in known] if source.step is not None else known
        if index and isinstance(op.node, (ast.Tuple, ast.List)) and index[0] < len(op.node.elts):
            return self._from(replace(source, operand=op.sub(op.node.elts[index[0]]), index=index[1:]))
        if index and isinstance(op.node, ast.Call):
            known = self._unpacked(op, index)
        else:
            known = self.evaluate(op)
            if index or source.is_element:
                known = self.element(known, op, index)
        return [k.after(source.step) for k in known] if source.step is not None else known

    def _held_part(self, op: Operand, index: tuple[int, ...], through: Sequence[Source]) -> list[Known[T]]:
        """A part of what a name holds. In a loop ``a, b = a`` asks for a part of a part of itself, without an end.

        Where :meth:`evaluate` lies between the two it ends them itself, hence the nesting.
        """
        mark = (id(op.node), op.frame.mark, self.flow.nesting)
        outer = self._depths.get(mark)
        if outer is not None and len(index) >= outer:
            self._circles += 1
            return []
        self._depths[mark] = len(index)
        try:
            return distinct([k for s in through for k in self._from(replace(s, index=s.index + index))])
        finally:
            if outer is None:
                del self._depths[mark]
            else:
                self._depths[mark] = outer

    def _before(self, binding: Binding, op: Operand) -> list[Source]:
        """What a value was that its own function only changes: ``self.items.append(x)`` in a later method."""
        for node in ast.walk(binding.node):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and key_of(node) == binding.key:
                return self.flow.from_outside(op.sub(node))
        return []

    def _unpacked(self, op: Operand, index: tuple[int, ...]) -> list[Known[T]]:
        """``a, b = f()``: element by element where f returns a tuple."""
        outright = self.expression(op)
        if outright is not None:
            return self.element(list(outright), op, index)
        found: list[Known[T]] = []
        for result in self.flow.calls.returns(op):
            if isinstance(result.node, (ast.Tuple, ast.List)) and index[0] < len(result.node.elts):
                chosen = result.sub(result.node.elts[index[0]])
                step = chosen.module.evidence(
                    chosen.node, f"`{result.frame.scope.qualname}` returns `{chosen.text()}` at position {index[0]}"
                )
                found += [k.after(step) for k in self._from(Source(chosen, index=index[1:]))]
            else:
                found += self.element(self.evaluate(result), result, index)
        return distinct(found)


def distinct(known: list[Known[T]]) -> list[Known[T]]:
    """Each thing once, by its shortest trail."""
    if len(known) < 2:
        return known
    best: dict[T, Known[T]] = {}
    for item in known:
        kept = best.get(item.what)
        if kept is None or len(item.trail) < len(kept.trail):
            best[item.what] = item
    return list(best.values())
