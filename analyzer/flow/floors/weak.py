"""Floors that do not hold: lost in the type's rounding, or not there at all where zero is reached."""

from __future__ import annotations

import ast
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...findings import Evidence
from ...graph.project import Project
from ...source.module import Module
from ...source.scopes import key_of, last_name
from ..autograd.fates import End, fate
from ..autograd.gradients import Need, Needs
from ..autograd.modes import is_recorded
from ..autograd.saved import Table
from ..precision.ambient import Ambient
from ..precision.operations import Behaviour, Operations
from ..precision.precision import Number, Precision
from ..precision.values import Precisions
from ..values.flow import Flow
from ..values.frames import Known, Operand
from ..values.tensors import constant, is_scalar, operation
from .origins import Origins, Reaching, Source
from .places import Danger, Floor, Place, floor_of, named, places

HALF_LOST = 2.0**-25
"""Numbers up to this one are 0 in float16, whose smallest is 2 ** -24."""
_ROUNDING = 1e-9
"""A floor below this is lost in what float32 leaves of a difference of numbers near 1 (2 ** -24 = 6e-8)."""


class Kind(Enum):
    """Why a floor does not hold."""

    VANISHES = "vanishes"
    SATURATES = "saturates"
    ROUNDING = "rounding"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"
    REST = "rest"
    ROOT = "root"


@dataclass(frozen=True)
class Weak:
    """One such floor.

    Attributes:
        kind: why it does not hold.
        place: where the zero would do harm.
        floor: the floor, None where there is none.
        value: the type of the value, None where it plays no part.
        made: the call that may give zero, where it is known.
        is_whole: whether the place takes that call's whole result.
        is_sure: whether every step that shows it is known.
        is_doubtful: whether the value has another type on some way here.
        trail: the lines that show it.
    """

    kind: Kind
    place: Place
    floor: Floor | None = None
    value: Precision | None = None
    made: Operand | None = None
    is_whole: bool = True
    is_sure: bool = True
    is_doubtful: bool = False
    trail: tuple[Evidence, ...] = ()


class _UnderAutocast(Precisions):
    """Types where autocast is on, wherever a switch decides: one run has it on everywhere or nowhere.

    Args:
        flow: the project's value flow.
        operations: what torch's operations do.
        base: what is floored; of its type is asked only whether it is lower, or float64.
    """

    def __init__(self, flow: Flow, operations: Operations, base: Operand) -> None:
        super().__init__(flow, operations)
        self._base = base
        self._made = named(flow, base)

    def known(self) -> list[Known[Precision]]:
        """The types that the floored value may have."""
        return self.evaluate(self._base)

    def _applied(self, op: Operand, behaviour: Behaviour, known: list[Known[Precision]]) -> list[Known[Precision]]:
        """What comes last of all and works in float32 lowers nothing: whether autocast is on is not asked for it."""
        is_last = op.node is self._made.node and op.frame is self._made.frame
        if is_last and behaviour is Behaviour.FLOAT32 and not any(k.what.number is Number.LOWER for k in known):
            return known
        return super()._applied(op, behaviour, known)

    def ambients(self, op: Operand) -> list[Ambient]:
        """Those that are on, where there are any."""
        found = super().ambients(op)
        return [a for a in found if a.is_on] or found


def weak_floors(module: Module, project: Project, operations: Operations, table: Table) -> Iterator[Weak]:
    """The floors of a file that do not hold, in source order, each once."""
    met: set[int] = set()
    for place in places(module, project):
        floor = floor_of(project.flow, place.value)
        if floor is None:
            found = _unfloored(place, project)
        else:
            found = _floored(place, floor, project, operations, table)
        if found is None and place.danger in (Danger.LOGARITHM, Danger.QUOTIENT):
            found = _rest_of_clamped(place, project, operations)
        mark = id(found.floor.node.node if found is not None and found.floor is not None else place.node)
        if found is not None and mark not in met:
            met.add(mark)
            yield found


def _floored(place: Place, floor: Floor, project: Project, operations: Operations, table: Table) -> Weak | None:
    low = floor.low
    if place.danger is Danger.BOUNDED:
        return _bounded(place, floor, project, operations)
    if low is None or low < 0:
        return None
    if low == 0:
        return _root_of_zero(place, floor, project, table) if place.danger is Danger.ROOT else None
    if low > HALF_LOST:
        return None
    known = _UnderAutocast(project.flow, operations, floor.base).known()
    lower = [k for k in known if k.what.number is Number.LOWER and k.what.type in ("float16", "")]
    if lower and not _has_another_floor(floor, project):
        first = lower[0]
        sure = first.what.is_sure and first.what.type == "float16"
        mixed = len(lower) < len(known) or not first.what.is_sure
        return Weak(Kind.VANISHES, place, floor, first.what, is_sure=sure, is_doubtful=mixed, trail=first.trail)
    if floor.added and low < _ROUNDING and not any(k.what.type == "float64" for k in known):
        rounded = Origins(project.flow).evaluate(floor.base)
        if rounded and all(k.what.source is Source.ROUNDED for k in rounded):
            return Weak(Kind.ROUNDING, place, floor, made=rounded[0].what.made, trail=rounded[0].trail)
    return None


def _has_another_floor(floor: Floor, project: Project) -> bool:
    """``(a + b + self.smooth).clamp(min=1e-8)``: another number is added first."""
    base = named(project.flow, floor.base)
    if not isinstance(base.node, ast.BinOp) or not isinstance(base.node.op, ast.Add):
        return False
    return any(is_scalar(base.sub(side), project) for side in (base.node.left, base.node.right))


def _bounded(place: Place, floor: Floor, project: Project, operations: Operations) -> Weak | None:
    """``acos(x.clamp(-1 + 1e-8, 1 - 1e-8))``: the bounds are 1 in float32."""
    if floor.high is None or floor.high >= 1.0 or not rounds_to_one(floor.high):
        return None
    return None if _is_double(floor.base, project, operations) else Weak(Kind.SATURATES, place, floor)


def _rest_of_clamped(place: Place, project: Project, operations: Operations) -> Weak | None:
    """``log(1 - p)`` of a ``p`` that is clamped to ``1 - 1e-8``, which is 1 in float32."""
    node = place.value.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return None
    if constant(node.left) not in (1, 1.0):
        return None
    floor = floor_of(project.flow, named(project.flow, place.value.sub(node.right)))
    if floor is None or floor.high is None or floor.high >= 1.0 or not rounds_to_one(floor.high):
        return None
    return None if _is_double(floor.base, project, operations) else Weak(Kind.SATURATES, place, floor)


def rounds_to_one(value: float) -> bool:
    """Whether a number just below 1 is 1 in float32."""
    return struct.unpack("f", struct.pack("f", value))[0] == 1.0


def _is_double(op: Operand, project: Project, operations: Operations) -> bool:
    return any(k.what.type == "float64" for k in Precisions(project.flow, operations).evaluate(op))


def _unfloored(place: Place, project: Project) -> Weak | None:
    """The logarithm of a probability that underflows."""
    if place.danger is not Danger.LOGARITHM:
        return None
    known: list[Known[Reaching]] = Origins(project.flow).evaluate(place.given)
    sources = {k.what.source for k in known}
    kinds = {Source.SOFTMAX: Kind.SOFTMAX, Source.SIGMOID: Kind.SIGMOID, Source.REST: Kind.REST}
    if len(sources) != 1 or next(iter(sources)) not in kinds:
        return None
    first = known[0]
    made = first.what.made
    is_here = made is not None and made.module is place.given.module and made.frame.scope is place.given.frame.scope
    sure = len(known) == 1 and is_here
    kind = kinds[first.what.source]
    is_doubtful = _is_left_out(place, project)
    return Weak(kind, place, None, None, made, first.what.is_whole, sure, is_doubtful, first.trail)


def _is_left_out(place: Place, project: Project) -> bool:
    """``torch.where(p > 0, p * p.log(), 0)`` of what is no loss: a loss's gradient is NaN there all the same."""
    module, key = place.given.module, key_of(place.given.node)
    for above in module.ancestors(place.node):
        if isinstance(above, ast.stmt):
            return False
        if not isinstance(above, ast.Call) or last_name(above.func) != "where":
            continue
        sides = [s for n in ast.walk(above) if isinstance(n, ast.Compare) for s in (n.left, *n.comparators)]
        if key is not None and key in {key_of(side) for side in sides}:
            return fate(module, [place.node], project).end not in (End.BACKWARD, End.LOSS)
    return False


def _root_of_zero(place: Place, floor: Floor, project: Project, table: Table) -> Weak | None:
    """``d.clamp(min=0).sqrt()``: the root's slope at 0 is infinite, and the clamp's slope there makes NaN of it."""
    module, flow = place.given.module, project.flow
    if floor.added or not is_recorded(module, place.node, project):
        return None
    need = Needs(flow, table).of(floor.base)
    if need is Need.NONE or _is_of_parameters_only(floor.base):
        return None
    end = fate(module, [place.node], project)
    if end.end not in (End.BACKWARD, End.LOSS) and need is not Need.TRAINED:
        return None
    if end.end is End.NOWHERE:
        return None
    shown = (end.shown,) if end.shown is not None else ()
    return Weak(Kind.ROOT, place, floor, is_sure=need is Need.TRAINED and end.end is End.BACKWARD, trail=shown)


def _is_of_parameters_only(op: Operand) -> bool:
    return isinstance(op.node, ast.Constant)


def typed_name(base: Operand, project: Project, operations: Operations, wanted: Number | None) -> ast.expr | None:
    """A name inside of a value that has the value's type, for ``torch.finfo(name.dtype)``."""
    for node in ast.walk(base.node):
        if not isinstance(node, (ast.Name, ast.Attribute)) or key_of(node) is None:
            continue
        above = base.module.parent(node)
        is_part = isinstance(above, ast.Attribute) or (isinstance(above, ast.Call) and above.func is node)
        if is_part and not _is_receiver(node, above, base, project):
            continue
        if project.resolve(base.module, node) is not None:
            continue
        known = Precisions(project.flow, operations).evaluate(base.sub(node))
        if wanted is None or any(k.what.number is wanted for k in known):
            return node
    return None


def _is_receiver(node: ast.expr, above: ast.AST | None, base: Operand, project: Project) -> bool:
    """``x`` of ``x.abs()``, whose type the whole may have; not ``self`` of ``self.layer(x)``."""
    if not isinstance(above, ast.Attribute):
        return False
    call = base.module.parent(above)
    if not isinstance(call, ast.Call) or call.func is not above:
        return False
    return operation(base.sub(call), project) is not None and getattr(node, "id", "") not in ("self", "cls")
