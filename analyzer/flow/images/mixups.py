"""Sizes that are read in the wrong order: at the assignment that takes them apart, or where they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...source.scopes import Scope
from ...source.syntax import in_order
from ..values.frames import Known
from ..values.tensors import constant
from .columns import with_lengths
from .extents import Axis, Extent, Extents, H, W, axis_of_name
from .slots import Slot, slot

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module


class Unpacked(NamedTuple):
    """``h, w = image.size``: a size whose lengths get the names of the other axis.

    ``places`` are the positions of the two in the target, ``wrong`` the slots of the function that get a wrong order by
    it, ``columns`` the places where coordinates meet the other axis' length; ``is_mixed`` where other slots are right.
    ``partner`` is the second statement of ``h = image.size[0]`` and ``w = image.size[1]``.
    """

    statement: ast.Assign
    first: ast.expr
    second: ast.expr
    places: tuple[int, int]
    known: Known[Extent]
    wrong: tuple[Slot, ...]
    columns: tuple[ast.AST, ...]
    is_mixed: bool
    partner: ast.Assign | None = None


class Given(NamedTuple):
    """A slot that is given a size in the other order."""

    slot: Slot
    known: Known[Extent]


class Mixups:
    """The mix-ups of one file."""

    def __init__(self, module: Module, project: Project) -> None:
        self.module = module
        self.project = project
        self.extents = Extents(project.flow)
        self._slots: dict[int, list[tuple[Slot, Known[Extent] | None]]] | None = None

    def found(self) -> Iterator[Unpacked | Given]:
        """Each mix-up once: an assignment takes those that follow from it along."""
        explained: set[int] = set()
        for statement in in_order(self.module.syntax.assignments):
            if not isinstance(statement, ast.Assign):
                continue
            unpacked = self._unpacked(statement)
            if unpacked is not None:
                explained |= {id(s.call) for s in unpacked.wrong}
                yield unpacked
        for scope_slots in self.slots().values():
            for place, known in scope_slots:
                is_wrong = known is not None and _is_exchanged(known.what, place.axes)
                if is_wrong and id(place.call) not in explained and not place.name.startswith("numpy."):
                    assert known is not None
                    yield Given(place, known)

    def slots(self) -> dict[int, list[tuple[Slot, Known[Extent] | None]]]:
        """Every slot of the file by its scope, with what is known of the size that it is given."""
        if self._slots is None:
            self._slots = {}
            for call in self.module.calls():
                place = slot(call, self.module, self.project, self.extents.pictures)
                if place is not None:
                    scope = self.module.scope_of(call)
                    known = self._of_slot(place)
                    self._slots.setdefault(id(scope), []).append((place, known))
        return self._slots

    def _of_slot(self, place: Slot) -> Known[Extent] | None:
        op = self.project.flow.operand(self.module, place.value)
        found = self.extents.evaluate(op) if not self.extents.is_open(op) else []
        sizes = {k.what.axes[:2] for k in found if k.what.is_size}
        return found[0] if len(sizes) == 1 and all(k.what.is_size for k in found) else None

    def _unpacked(self, statement: ast.Assign) -> Unpacked | None:
        target = statement.targets[0]
        if len(statement.targets) != 1:
            return None
        if not isinstance(target, (ast.Tuple, ast.List)):
            return self._one_by_one(statement)
        first, second = _named_pair(target)
        if first is None or second is None or {axis_of_name(_name(e)) for e in (first, second)} != {W, H}:
            return None
        if _is_as_named(statement.value, axis_of_name(_name(first))):
            return None
        known = self._size_of(statement.value, len(target.elts))
        if known is None:
            return None
        places = [i for i, e in enumerate(target.elts) if e is first or e is second]
        counted = (known.what.axes[places[0]], known.what.axes[places[1]])
        return self._misnamed(statement, (first, second), (places[0], places[1]), counted, known)

    def _misnamed(
        self,
        statement: ast.Assign,
        names: tuple[ast.expr, ast.expr],
        places: tuple[int, int],
        counted: tuple[Axis, Axis],
        known: Known[Extent],
        partner: ast.Assign | None = None,
    ) -> Unpacked | None:
        """The mix-up that two names make of what they count; None where they are right, or exchanged once more."""
        first, second = _name(names[0]), _name(names[1])
        named = (axis_of_name(first), axis_of_name(second))
        if set(named) != {W, H} or set(counted) != {W, H} or named == counted:
            return None
        wrong, right = self._consequences(statement, first, second)
        columns = self._columns(statement, {first: counted[0], second: counted[1]})
        if right and not wrong and not columns:
            return None
        return Unpacked(statement, *names, places, known, tuple(wrong), tuple(columns), bool(right), partner)

    def _one_by_one(self, statement: ast.Assign) -> Unpacked | None:
        """``h = image.size[0]``, with the ``w = image.size[1]`` that follows."""
        read = statement.value
        named = axis_of_name(_name(statement.targets[0]))
        if named is Axis.UNKNOWN or not _is_place(read):
            return None
        assert isinstance(read, ast.Subscript)
        block = next((b for b in _blocks(self.module.parent(statement)) if statement in b), [])
        after = block[block.index(statement) + 1 :][:1] if block else []
        partner = after[0] if after and isinstance(after[0], ast.Assign) and len(after[0].targets) == 1 else None
        other = partner.value if partner is not None else None
        if partner is None or not _is_place(other):
            return None
        assert isinstance(other, ast.Subscript)
        if {named, axis_of_name(_name(partner.targets[0]))} != {W, H}:
            return None
        if ast.unparse(read.value) != ast.unparse(other.value):
            return None
        is_up = _place(other) == -1 or 0 <= _place(read) < _place(other)
        if is_up and _is_as_named(read.value, named):
            return None
        first, second = (self.extents.certain(self.project.flow.operand(self.module, v)) for v in (read, other))
        if first is None or second is None or first.what.is_size or second.what.is_size:
            return None
        counted = (first.what.axes[0], second.what.axes[0])
        known = Known(first.what._replace(axes=counted, is_size=True), first.trail)
        return self._misnamed(statement, (statement.targets[0], partner.targets[0]), (0, 1), counted, known, partner)

    def _size_of(self, value: ast.expr, count: int) -> Known[Extent] | None:
        if isinstance(value, (ast.Tuple, ast.List)) and not all(_is_place(e) for e in value.elts):
            return None
        op = self.project.flow.operand(self.module, value)
        known = self.extents.certain(op) if not self.extents.is_open(op) else None
        return known if known is not None and known.what.is_size and len(known.what.axes) == count else None

    def _columns(self, statement: ast.Assign, axes: dict[str, Axis]) -> list[ast.AST]:
        """Where columns of x are scaled by what is a height in truth, or of y by a width; none where others are not."""
        found: list[ast.AST] = []
        for node, axis, other in with_lengths(self.module.scope_of(statement)):
            used = {axes[n.id] for n in ast.walk(other) if isinstance(n, ast.Name) and n.id in axes}
            if used == {axis}:
                return []
            if used == {H if axis is W else W}:
                found.append(node)
        return found

    def _consequences(self, statement: ast.Assign, first: str, second: str) -> tuple[list[Slot], list[Slot]]:
        """The slots of the function that the wrong names make wrong, and those that they leave right."""
        scope = self.module.scope_of(statement)
        wrong, right = [], []
        for place, known in self.slots().get(id(scope), []):
            names = _names_in(place.value, scope)
            if known is not None and _is_exchanged(known.what, place.axes) and names & {first, second}:
                wrong.append(place)
            elif known is not None and known.what.axes[:2] == place.axes[:2] and names & {first, second}:
                right.append(place)
            elif isinstance(place.value, ast.Tuple) and {first, second} <= names and _is_named_against(place):
                right.append(place)  # exchanged once more by its names
        return wrong, right


def _is_exchanged(extent: Extent, axes: tuple[Axis, ...]) -> bool:
    return extent.is_size and len(extent.axes) >= 2 and extent.axes[:2] == axes[1::-1]


def _is_named_against(place: Slot) -> bool:
    assert isinstance(place.value, ast.Tuple)
    named = tuple(axis_of_name(_name(e)) for e in place.value.elts[:2])
    return named == place.axes[1::-1]


def _names_in(node: ast.expr, scope: Scope, depth: int = 0) -> set[str]:
    """The names that an expression is computed from, through the function's own assignments."""
    found: set[str] = set()
    for below in ast.walk(node):
        if isinstance(below, ast.Name) and below.id not in found:
            found.add(below.id)
            if depth < 4:
                for binding in scope.bindings.get(below.id, ()):
                    if binding.value is not None and not binding.index:
                        found |= _names_in(binding.value, scope, depth + 1)
                    elif isinstance(binding.value, ast.Tuple) and binding.index[0] < len(binding.value.elts):
                        found |= _names_in(binding.value.elts[binding.index[0]], scope, depth + 1)
    return found


def _is_place(node: ast.AST | None) -> bool:
    """``size[0]``"""
    return isinstance(node, ast.Subscript) and constant(node.slice) in (0, 1, 2, -1, -2)


def _is_as_named(value: ast.expr, first: Axis) -> bool:
    """Whether a ``.shape`` or ``.size`` can only be in the order of its names.

    Arrays and tensors both count the height before the width, pictures the width first. What a class calls so itself
    may be in any order.
    """
    if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Slice) and value.slice.step is None:
        value = value.value
    if isinstance(value, ast.Call) and not value.args:
        # A tensor's method; PIL's ``size`` cannot be called.
        return isinstance(value.func, ast.Attribute) and value.func.attr == "size" and not _is_own(value.func.value)
    if not isinstance(value, ast.Attribute) or _is_own(value.value):
        return False
    return value.attr == ("shape" if first is H else "size")


def _is_own(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _place(node: ast.Subscript) -> int:
    number = constant(node.slice)
    return number if isinstance(number, int) else 0


def _blocks(node: ast.AST | None) -> list[list[ast.stmt]]:
    return [b for f in ("body", "orelse", "finalbody") if isinstance(b := getattr(node, f, None), list)]


def _named_pair(target: ast.Tuple | ast.List) -> tuple[ast.expr | None, ast.expr | None]:
    named = [e for e in target.elts if axis_of_name(_name(e)) is not Axis.UNKNOWN]
    return (named[0], named[1]) if len(named) == 2 else (None, None)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
