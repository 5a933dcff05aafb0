"""Units of angle: what is in radians, what in degrees, and how that is known."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ...graph.symbols import Symbol
from ...source.scopes import Binding, Kind, Scope
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand, Source
from ..values.functions import returned
from .documented import documented_unit
from .scales import Product, number, product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...source.module import Module

TO_RADIANS = {"deg2rad", "radians", "deg2rad_"}
TO_DEGREES = {"rad2deg", "degrees", "rad2deg_"}
INVERSE_TRIGONOMETRY = {
    *("atan2", "arctan2", "asin", "arcsin", "acos", "arccos", "atan", "arctan"),
    *("asin_", "acos_", "atan_", "atan2_", "arcsin_", "arccos_", "arctan_", "arctan2_"),
}
TRIGONOMETRY = {"sin", "cos", "tan", "sin_", "cos_", "tan_"}
_MATHS = {"math", "numpy", "torch", "jax", "cupy", "cmath", "tensorflow", "random"}
_RANGES = {"uniform", "linspace", "arange", "Uniform"}
_KEEPING = {
    *("stack", "cat", "concat", "concatenate", "hstack", "vstack", "array", "asarray", "tensor", "as_tensor"),
    *("from_numpy", "FloatTensor", "Tensor", "abs", "fabs", "neg", "negative", "float", "float32", "float64"),
    *("clamp", "clip", "where", "squeeze", "unsqueeze", "expand_dims", "ravel", "atleast_1d", "mean", "median"),
    *("min", "max", "minimum", "maximum", "nanmean", "sort", "sorted", "copy", "deepcopy", "remainder", "fmod", "mod"),
    *("reshape", "transpose", "permute", "broadcast_to", "tile", "repeat", "flatten", "flip", "roll", "unwrap"),
    *("full", "full_like", "round", "list", "tuple", "cartesian_prod", "gather", "index_select", "take", "unbind"),
    *("choice", "squeeze_", "ascontiguousarray", "meshgrid", "add", "sub", "subtract", "nan_to_num", "float16"),
}
_KEEPING_METHODS = _KEEPING | {
    *("to", "cuda", "cpu", "numpy", "detach", "clone", "item", "tolist", "view", "contiguous", "type", "astype"),
    *("double", "half", "float", "expand", "repeat_interleave", "t", "expand_as", "view_as", "reshape_as", "values"),
    *(
        "requires_grad_",
        "new_tensor",
        "new_full",
        "type_as",
        "pop",
        "get",
        "masked_select",
        "select",
        "narrow",
        "chunk",
    ),
    *(
        "split",
        "copy_",
        "bfloat16",
        "squeeze",
        "swapaxes",
        "clamp_",
        "abs_",
        "neg_",
        "numpy",
        "to_numpy",
        "share_memory_",
    ),
}
_KEEPING_ATTRIBUTES = {"T", "mT", "data", "real", "values", "flat", "grad"}
# The smallest and largest plain factor that still leaves an angle in its unit; 1/180, 90 or 360 change it.
_SMALLEST, _LARGEST = 0.2, 8.0
_CLOSE = 1e-3
_DEGREE = 3.141592653589793 / 180.0


class Unit(Enum):
    """The unit of a value."""

    RADIANS = "radians"
    DEGREES = "degrees"
    UNKNOWN = "unknown"


class Origin(Enum):
    """How the unit is known, the strongest first."""

    CONVERSION = "conversion"
    COMPUTED = "computed"
    DOCUMENTED = "documented"
    NONE = "none"


class Angle(NamedTuple):
    """A unit, how it is known, and (for conversions) the node that says so."""

    unit: Unit
    origin: Origin
    node: int = 0


class Conversion(NamedTuple):
    """A place that turns its operand from one unit into the other.

    ``scale`` is an additional plain factor of an arithmetic conversion; ``others`` are its other factors.
    """

    node: ast.expr | ast.AugAssign
    to: Unit
    operand: Operand
    scale: float = 1.0
    others: tuple[Operand, ...] = ()


UNKNOWN: Known[Angle] = Known(Angle(Unit.UNKNOWN, Origin.NONE))


def function_name(flow: Flow, op: Operand) -> str | None:
    """The last name of a mathematical function or method that a call uses; None for the project's own functions."""
    call = op.node
    assert isinstance(call, ast.Call)
    resolved = flow.project.resolve(op.module, call.func)
    if isinstance(resolved, str):
        head, _, last = resolved.rpartition(".")
        return last if not head or head.partition(".")[0] in _MATHS else None
    if resolved is None and isinstance(call.func, ast.Attribute):
        return call.func.attr
    return None


def conversion(flow: Flow, op: Operand) -> Conversion | None:
    """The conversion that an expression is, None where it is none.

    Library functions and methods, ``x * pi / 180`` in any order and through named constants, and functions of the
    project whose only statement is such a conversion of their parameter.
    """
    node = op.node
    if isinstance(node, ast.Call):
        name = function_name(flow, op)
        if name in TO_RADIANS or name in TO_DEGREES:
            given = _argument(flow, op)
            unit = Unit.RADIANS if name in TO_RADIANS else Unit.DEGREES
            return None if given is None else Conversion(node, unit, given)
        return _helper(flow, op) if name is None else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        return _arithmetic(node, product(flow, op))
    return None


def in_place_conversion(flow: Flow, module: Module, node: ast.AugAssign) -> Conversion | None:
    """``x *= pi / 180``; the operand is the target itself, read before the change."""
    if not isinstance(node.op, (ast.Mult, ast.Div)) or not isinstance(node.target, (ast.Name, ast.Attribute)):
        return None
    factor = number(flow, flow.operand(module, node.value))
    if factor is None or factor.total == 0:
        return None
    total = factor.total if isinstance(node.op, ast.Mult) else 1.0 / factor.total
    unit = _direction(total)
    return None if unit is None else Conversion(node, unit, flow.operand(module, node.target))


def _direction(total: float) -> Unit | None:
    if abs(total / _DEGREE - 1.0) < _CLOSE:
        return Unit.RADIANS
    return Unit.DEGREES if abs(total * _DEGREE - 1.0) < _CLOSE else None


def _argument(flow: Flow, op: Operand) -> Operand | None:
    """What a function or method is applied to: its first argument, or the value that has the method."""
    call = op.node
    assert isinstance(call, ast.Call)
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else op.sub(call.args[0])
    if isinstance(call.func, ast.Attribute) and flow.project.resolve(op.module, call.func) is None:
        return op.sub(call.func.value)
    return None


def _arithmetic(node: ast.expr, chain: Product) -> Conversion | None:
    if not chain.above or abs(chain.scale.power) != 1 or not chain.scale.value:
        return None
    for factor in (1.0, -1.0, 0.5, 2.0):
        unit = _direction(chain.scale.total / factor)
        if unit is not None:
            return Conversion(node, unit, chain.above[0], factor, (*chain.above[1:], *chain.below))
    return None


def _helper(flow: Flow, op: Operand) -> Conversion | None:
    """A call, by its name, of a project function that does nothing but convert one of its parameters."""
    call = op.node
    assert isinstance(call, ast.Call)
    symbol = flow.project.resolve(op.module, call.func)
    opened = flow.calls.function(symbol) if isinstance(symbol, Symbol) else None
    if opened is None:
        return None
    converted = converted_parameter(flow, *opened)
    given = flow.calls.bind(call, op.frame, opened[1]).get(converted[0]) if converted is not None else None
    return None if converted is None or given is None else Conversion(call, converted[1], given)


def converted_parameter(flow: Flow, module: Module, scope: Scope) -> tuple[str, Unit] | None:
    """The parameter that a function converts and the unit that it gives, None where it does more than that."""
    values = returned(scope)
    if len(values) != 1 or not isinstance(scope.node, (ast.FunctionDef, ast.Lambda)):
        return None
    body = [] if isinstance(scope.node, ast.Lambda) else scope.node.body
    if any(not isinstance(s, (ast.Return, ast.Expr)) for s in body):
        return None
    inner = conversion(flow, flow.operand(module, values[0]))
    name = inner.operand.node if inner is not None and inner.scale == 1.0 and not inner.others else None
    if inner is None or not isinstance(name, ast.Name):
        return None
    is_parameter = any(b.kind is Kind.PARAMETER for b in scope.bindings.get(name.id, ()))
    return (name.id, inner.to) if is_parameter else None


class Angles(Evaluator[Angle]):
    """The unit of a value. Paths on which nothing is known count as unknown, so that ``all radians`` means all."""

    def unit(self, op: Operand) -> list[Known[Angle]]:
        """What the value may be; never empty, except inside a cycle."""
        return self.evaluate(op)

    def evaluate(self, op: Operand) -> list[Known[Angle]]:
        """As the base, but a dead end is an unknown unit, and documents speak where the code says nothing."""
        mark = (id(op.node), id(op.frame.scope) ^ op.frame.depth)
        if mark in self._active:
            return []
        found = super().evaluate(op)
        if found and any(k.what.unit is not Unit.UNKNOWN for k in found):
            return found
        written = documented_unit(self.flow, op)
        if written is not None:
            unit, evidence = written
            return [Known(Angle(Unit(unit), Origin.DOCUMENTED), (evidence,))]
        return found or [UNKNOWN]

    def _from(self, source: Source) -> list[Known[Angle]]:
        return [UNKNOWN] if source.operand is None else super()._from(source)

    def expression(self, op: Operand) -> Sequence[Known[Angle]] | None:
        """Conversions and inverse functions state a unit; arithmetic and tensor operations hand it on."""
        node = op.node
        if isinstance(node, ast.Constant):
            return [UNKNOWN]
        turned = conversion(self.flow, op) if isinstance(node, (ast.Call, ast.BinOp)) else None
        if turned is not None:
            note = f"`{op.text()}` is in {turned.to.value}"
            return [Known(Angle(turned.to, Origin.CONVERSION, id(node)), (op.module.evidence(node, note),))]
        constant = number(self.flow, op) if not isinstance(node, (ast.Call, ast.Tuple, ast.List)) else None
        if constant is not None:
            return [self._computed(op)] if constant.power == 1 else [UNKNOWN]
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.UnaryOp):
            return self.evaluate(op.sub(node.operand))
        if isinstance(node, (ast.List, ast.Tuple)):
            return _merged([self.evaluate(op.sub(e)) for e in node.elts if not isinstance(e, ast.Constant)])
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self.evaluate(op.sub(node.elt))
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if isinstance(node, ast.Attribute) and node.attr in _KEEPING_ATTRIBUTES:
            return self.evaluate(op.sub(node.value))
        return None

    def update(self, known: list[Known[Angle]], binding: Binding, op: Operand) -> list[Known[Angle]]:
        """``x *= pi / 180`` converts; ``x += y`` and stores into parts keep what both agree on."""
        if binding.kind is Kind.AUGMENT and isinstance(binding.node, ast.AugAssign):
            turned = in_place_conversion(self.flow, op.module, binding.node)
            if turned is not None:
                note = f"`{binding.key}` is turned into {turned.to.value}"
                step = op.module.evidence(binding.node, note)
                return [Known(Angle(turned.to, Origin.CONVERSION, id(binding.node)), (step,))]
            if isinstance(binding.node.op, (ast.Add, ast.Sub, ast.Mod)):
                return known
            return [UNKNOWN]
        if isinstance(op.node, ast.Call) and isinstance(op.node.func, ast.Attribute):
            name = op.node.func.attr
            if name in ("deg2rad_", "rad2deg_"):
                unit = Unit.RADIANS if name == "deg2rad_" else Unit.DEGREES
                step = op.module.evidence(op.node, f"`{binding.key}` is turned into {unit.value}")
                return [Known(Angle(unit, Origin.CONVERSION, id(op.node)), (step,))]
            if name in ("append", "add", "insert", "extend") and op.node.args:
                return _merged([known, self.evaluate(op.sub(op.node.args[-1]))])
            return known
        return _merged([known, self.evaluate(op)])

    def _computed(self, op: Operand) -> Known[Angle]:
        note = f"`{op.text()}` is in radians"
        return Known(Angle(Unit.RADIANS, Origin.COMPUTED), (op.module.evidence(op.node, note),))

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> list[Known[Angle]]:
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return _merged([self.evaluate(op.sub(s)) for s in (node.left, node.right)], optional=True)
        if isinstance(node.op, ast.Mod):
            return self.evaluate(op.sub(node.left))
        if not isinstance(node.op, (ast.Mult, ast.Div)):
            return [UNKNOWN]
        chain = product(self.flow, op)
        factors = [k for f in chain.above for k in self.evaluate(f)]
        if chain.scale.power == 1 and abs(chain.scale.value) > 0.05:
            # A share of the circle: only where no factor is in degrees already.
            known = any(k.what.unit is Unit.DEGREES for k in factors)
            return [UNKNOWN] if known else [self._computed(op)]
        is_plain = chain.scale.power == 0 and len(chain.above) == 1 and not chain.below
        return factors if is_plain and _SMALLEST <= abs(chain.scale.value) <= _LARGEST else [UNKNOWN]

    def _call(self, op: Operand, node: ast.Call) -> list[Known[Angle]] | None:
        name = function_name(self.flow, op)
        if name is None:
            return None
        if name in INVERSE_TRIGONOMETRY or (name == "phase" and len(node.args) == 1):
            return [self._computed(op)]
        if name == "angle" and isinstance(self.flow.project.resolve(op.module, node.func), str):
            in_degrees = next((k.value for k in node.keywords if k.arg == "deg"), None) or (node.args[1:2] or [None])[0]
            return [UNKNOWN] if in_degrees is not None else [self._computed(op)]
        if name in _RANGES:
            return self._range(op, node)
        if name in TRIGONOMETRY:
            return [UNKNOWN]
        method = isinstance(node.func, ast.Attribute) and self.flow.project.resolve(op.module, node.func) is None
        if method and name in _KEEPING_METHODS:
            assert isinstance(node.func, ast.Attribute)
            if name in ("new_tensor", "get", "pop"):
                return None if name != "new_tensor" or not node.args else self.evaluate(op.sub(node.args[0]))
            return self.evaluate(op.sub(node.func.value))
        if not method and name in _KEEPING and node.args:
            given = node.args[1:3] if name in ("where", "full", "full_like") else node.args[:1]
            return _merged([self.evaluate(op.sub(a)) for a in given if not isinstance(a, ast.Constant)])
        return None

    def _range(self, op: Operand, node: ast.Call) -> list[Known[Angle]]:
        """``uniform(-pi, pi)``, ``linspace(0, 2 * pi, n)``: in the unit of the bounds, where one is named."""
        bounds = [*node.args, *(k.value for k in node.keywords if k.arg in ("low", "high", "start", "end"))]
        scales = [number(self.flow, op.sub(b)) for b in bounds[:2] if not isinstance(b, ast.Starred)]
        if any(s is not None and s.power == 1 for s in scales):
            return [self._computed(op)]
        known = [self.evaluate(op.sub(b)) for b in bounds[:2] if not isinstance(b, (ast.Starred, ast.Constant))]
        return _merged(known, optional=True)


def _merged(parts: Sequence[list[Known[Angle]]], *, optional: bool = False) -> list[Known[Angle]]:
    """What several parts of one value are together; ``optional``: unknown parts say nothing against the rest."""
    telling = [part for part in parts if any(k.what.unit is not Unit.UNKNOWN for k in part)]
    return list(dict.fromkeys(k for part in (telling if optional else parts) for k in part)) or [UNKNOWN]


def conversions_in(flow: Flow, module: Module) -> Iterator[Conversion]:
    """Every conversion of a file, the outermost node of each arithmetic chain."""
    for node in module.nodes:
        if isinstance(node, ast.AugAssign):
            found = in_place_conversion(flow, module, node)
        elif isinstance(node, ast.Call) or (isinstance(node, ast.BinOp) and not _is_inner(module, node)):
            found = conversion(flow, flow.operand(module, node))
        else:
            continue
        if found is not None:
            yield found


def _is_inner(module: Module, node: ast.BinOp) -> bool:
    above = module.parent(node)
    return isinstance(above, ast.BinOp) and isinstance(above.op, (ast.Mult, ast.Div))
