"""Places where a zero would give infinity or NaN, and the floor that the code puts under the value there."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ...graph.project import Project
from ...source.module import Module
from ...source.scopes import Kind, key_of, last_name
from ...source.syntax import in_order
from ..angles.scales import number
from ..values.flow import Flow
from ..values.frames import Operand
from ..values.tensors import operation

LOGARITHMS = frozenset({"log", "log2", "log10"})
ROOTS = frozenset({"sqrt", "rsqrt"})
_BOUNDED = frozenset({"acos", "arccos", "asin", "arcsin", "atanh", "arctanh", "logit", "erfinv"})
CLAMPS = frozenset({"clamp", "clip", "clamp_", "clip_", "clamp_min", "clamp_min_", "clamp_max", "clamp_max_"})
_LARGEST = 1e-3
_FURTHEST = 4


class Danger(Enum):
    """What a place does with a zero."""

    LOGARITHM = "the logarithm"
    ROOT = "the root"
    QUOTIENT = "the quotient"
    BOUNDED = "the inverse function"


@dataclass(frozen=True)
class Place:
    """One such place: the expression, what it does, and the value that it does it to, names looked through."""

    node: ast.expr
    danger: Danger
    given: Operand
    value: Operand


@dataclass(frozen=True)
class Floor:
    """A floor under a value, or bounds around it.

    Attributes:
        node: the floored value.
        base: what is floored.
        added: whether the floor is added; else the value is clamped.
        low: the number from which on the value is let through, or that is added; None where there is none.
        low_node: its expression.
        high: the number up to which the value is let through.
        high_node: its expression.
    """

    node: Operand
    base: Operand
    added: bool
    low: float | None
    low_node: ast.expr | None
    high: float | None = None
    high_node: ast.expr | None = None


def places(module: Module, project: Project) -> Iterator[Place]:
    """The places of a file, in source order; without a floor only those of logarithms."""
    flow = project.flow
    floored = _floored_keys(module)
    calls = [c for c in module.syntax.calls if _danger(last_name(c.func)) is not None]
    for node in in_order(calls, module.syntax.operations):
        if isinstance(node, ast.Call):
            found = _of_call(node, floored, module, project)
        else:
            found = _of_operator(node, floored, module, flow)
        if found is not None:
            yield found


def _of_call(node: ast.Call, floored: set[str], module: Module, project: Project) -> Place | None:
    danger = _danger(last_name(node.func))
    if danger is None or (danger is not Danger.LOGARITHM and not _may_take_floor(node, floored)):
        return None
    called = operation(project.flow.operand(module, node), project)
    if called is None or (called.is_method and called.rest):
        return None
    return _place(project.flow, node, danger, called.tensor)


def _of_operator(node: ast.BinOp, floored: set[str], module: Module, flow: Flow) -> Place | None:
    if isinstance(node.op, ast.Div) and _may_be_floor(node.right, floored):
        return _place(flow, node, Danger.QUOTIENT, flow.operand(module, node.right))
    if not isinstance(node.op, ast.Pow) or isinstance(node.right, ast.Name) or not _may_be_floor(node.left, floored):
        return None
    power = number(flow, flow.operand(module, node.right))
    if power is None or power.total not in (0.5, -0.5, -1.0):
        return None
    danger = Danger.ROOT if power.total != -1.0 else Danger.QUOTIENT
    return _place(flow, node, danger, flow.operand(module, node.left))


def _floored_keys(module: Module) -> set[str]:
    """The names of a file that some statement sets to what may be a floored value, or to another name."""
    return {
        key
        for node in module.syntax.assignments
        if node.value is not None
        if key_of(node.value) is not None or _may_be_floor(node.value, set())
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if (key := key_of(target)) is not None
    }


def _may_be_floor(value: ast.expr, floored: set[str]) -> bool:
    """Whether an expression may be a floored value, or one minus it, by its syntax alone."""
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, (ast.Add, ast.Sub))
    if isinstance(value, ast.Call):
        return last_name(value.func) in CLAMPS
    return key_of(value) in floored


def _may_take_floor(call: ast.Call, floored: set[str]) -> bool:
    given = [*call.args[:1], *(k.value for k in call.keywords)]
    given += [call.func.value] if isinstance(call.func, ast.Attribute) else []
    return any(_may_be_floor(value, floored) for value in given)


def _danger(name: str) -> Danger | None:
    if name in LOGARITHMS:
        return Danger.LOGARITHM
    if name in ROOTS:
        return Danger.ROOT
    if name == "reciprocal":
        return Danger.QUOTIENT
    return Danger.BOUNDED if name in _BOUNDED else None


def _place(flow: Flow, node: ast.expr, danger: Danger, given: Operand) -> Place:
    return Place(node, danger, given, named(flow, given))


def named(flow: Flow, op: Operand) -> Operand:
    """The expression that a name of the same function stands for, where it is the only one; else the name."""
    for _ in range(_FURTHEST):
        scope, key = op.frame.scope, key_of(op.node)
        if key is None or all(b.kind is not Kind.ASSIGN for b in scope.bindings.get(key, ())):
            return op
        bindings = flow.reaching(scope).at(op.node)
        if not bindings or len(bindings) != 1:
            return op
        binding = next(iter(bindings))
        if binding.kind is not Kind.ASSIGN or binding.value is None or binding.index:
            return op
        op = op.sub(binding.value)
    return op


def constant_of(flow: Flow, op: Operand) -> float | None:
    """The number that an expression is: a literal, a named constant, ``self.eps`` set to one, a parameter's default."""
    node = op.node
    if isinstance(node, ast.Constant):
        value = node.value
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
        return None
    if isinstance(node, ast.Name):
        bindings = flow.reaching(op.frame.scope).at(node) or ()
        if any(b.kind is Kind.PARAMETER for b in bindings):
            default = flow.calls.default_of(node.id, op.frame) if len(bindings) == 1 else None
            return constant_of(flow, default) if default is not None else None
    if not isinstance(node, (ast.Name, ast.Attribute, ast.UnaryOp, ast.BinOp)):
        return None
    if any(isinstance(n, (ast.Call, ast.Subscript)) for n in ast.walk(node)):
        return None
    if isinstance(node, ast.BinOp):
        sides = [constant_of(flow, op.sub(side)) for side in (node.left, node.right)]
        if None in sides:
            return None
    found = number(flow, op)
    return found.total if found is not None else _attribute_default(flow, op)


def _attribute_default(flow: Flow, op: Operand) -> float | None:
    """``self.eps``, which the constructor sets to a parameter with a default."""
    if not isinstance(op.node, ast.Attribute):
        return None
    sources = flow.sources(op)
    if len(sources) != 1 or sources[0].operand is None or sources[0].index or sources[0].is_element:
        return None
    given = sources[0].operand
    return constant_of(flow, given) if isinstance(given.node, (ast.Name, ast.Constant)) else None


def floor_of(flow: Flow, value: Operand) -> Floor | None:
    """The floor that an expression puts under a value: ``x + eps``, ``x.clamp(min=eps)``, ``torch.clamp(x, a, b)``."""
    node = value.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        for base, added in ((node.left, node.right), (node.right, node.left)):
            low = constant_of(flow, value.sub(added))
            if low is not None and 0 < low <= _LARGEST and math.isfinite(low):
                return Floor(value, value.sub(base), True, low, added)
        return None
    called = operation(value, flow.project) if isinstance(node, ast.Call) else None
    if called is None or called.name not in CLAMPS:
        return None
    low_node = called.argument(0, "min") if "max" not in called.name else None
    high_node = called.argument(1, "max") if "max" not in called.name else called.argument(0, "max")
    low = constant_of(flow, value.sub(low_node)) if low_node is not None else None
    high = constant_of(flow, value.sub(high_node)) if high_node is not None else None
    return Floor(value, called.tensor, False, low, low_node, high, high_node)
