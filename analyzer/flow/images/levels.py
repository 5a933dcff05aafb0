"""The values of an image: their type, and the range in which they lie."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ...source.scopes import Binding
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand
from ..values.tensors import constant
from .pictures import Channels, Holder, Pictures


class Type(Enum):
    """The type of an image's values."""

    UINT8 = "uint8"
    FLOAT = "float"
    BOOL = "bool"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Level:
    """Values of a type between ``low`` and ``high``; ``whole`` where they are whole numbers, as those of a mask are.

    ``assumed``: the range is what the code makes of a usual image, and not shown by it.
    """

    type: Type
    low: float = float("-inf")
    high: float = float("inf")
    whole: bool = False
    assumed: bool = False

    @property
    def is_fraction(self) -> bool:
        """A float from 0 to 1."""
        return self.type is Type.FLOAT and self.low >= 0.0 and self.high <= 1.0


UNKNOWN: Known[Level] = Known(Level(Type.UNKNOWN))
MASK = re.compile(
    r"mask|label|(?:^|_)gt(?:$|_)|(?:^|_)segm?(?:$|_)|annot|bitmap|binary|one_?hot|palette|colou?r_?map", re.I
)
"""Names of what holds classes, not brightness: 0 and 1 survive a cast."""
_MORE_BITS = re.compile(r"int(?:16|32|64)|I;16|> ?255\b")
_SAME = frozenset(
    {
        *("copy", "cpu", "cuda", "detach", "numpy", "contiguous", "reshape", "view", "squeeze", "unsqueeze", "permute"),
        *("transpose", "flatten", "clone", "resize", "crop", "convert", "rotate", "swapaxes", "ravel", "tolist"),
    }
)
_SAME_CALLS = frozenset(
    {
        *("resize", "flip", "GaussianBlur", "blur", "warpAffine", "warpPerspective", "copyMakeBorder", "medianBlur"),
        *("fliplr", "flipud", "transpose", "squeeze", "expand_dims", "ascontiguousarray", "array", "asarray", "pad"),
        *("stack", "from_numpy", "rot90", "moveaxis", "tile", "repeat", "mean", "cvtColor", "remap"),
    }
)
_FRACTIONS = frozenset(
    {"sigmoid", "softmax", "img_as_float", "img_as_float32", "expit", "rand", "random", "random_sample"}
)
_WIDEST = frozenset({"maximum", "minimum", "where", "fmax", "fmin"})
_COMPARING = frozenset({"logical_and", "logical_or", "logical_not", "isnan", "equal", "greater", "less", "isin"})
CASTING = frozenset({"uint8", "float32", "float64", "byte", "float", "double", "half", "astype", "to", "type"})
"""The last names of the calls that :func:`cast_type` knows."""

_NAMES = (ast.Name, ast.Attribute)


class Levels(Evaluator[Level]):
    """Type and range of a value. Paths on which nothing is known count as unknown."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.pictures = Pictures(flow)

    def evaluate(self, op: Operand) -> list[Known[Level]]:
        """As the base, but a dead end is something unknown; a circle adds nothing."""
        return [] if self.is_circle(op) else self.remembered(op) or [UNKNOWN]

    def expression(self, op: Operand) -> Sequence[Known[Level]] | None:
        """Arithmetic with constants on ranges; readers, casts and bounds say what they give."""
        node = op.node
        if isinstance(node, ast.Constant):
            return [_number(node.value)] if isinstance(node.value, (int, float)) else [UNKNOWN]
        if isinstance(node, (ast.Compare, ast.BoolOp)):
            return [Known(Level(Type.BOOL, 0.0, 1.0, True), (op.module.evidence(node, f"`{op.text()}` is yes or no"),))]
        if isinstance(node, ast.UnaryOp):
            return [UNKNOWN]
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if isinstance(node, ast.Attribute) and node.attr in ("T", "data", "mT"):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Slice, ast.Tuple)):
            return self.evaluate(op.sub(node.value))
        return None

    def update(self, known: list[Known[Level]], binding: Binding, op: Operand) -> list[Known[Level]]:
        """``x /= 255`` scales; what is written into parts widens the range."""
        if isinstance(binding.node, ast.AugAssign):
            right = self.evaluate(op)
            return [_combined(a, binding.node.op, b) for a in known for b in right[:4]]
        if isinstance(op.node, ast.Call):
            return [UNKNOWN]
        return [_joined(a, b) for a in known for b in self.evaluate(op)[:4]]

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> list[Known[Level]]:
        if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            return self.evaluate(op.sub(node.left))
        left, right = self.evaluate(op.sub(node.left)), self.evaluate(op.sub(node.right))
        if isinstance(node.op, ast.Div) and constant(node.right) in (255, 256):
            step = op.module.evidence(node, f"`{op.text()}` lies between 0 and 1")
            # A full step of 256 takes 16 bits to 8, as does 255 where the code has asked for them.
            is_wide = constant(node.right) == 256 or _asks_for_more_bits(op)
            return [UNKNOWN if is_wide and k.what.type is Type.UNKNOWN else self._over_255(k).after(step) for k in left]
        return [_combined(a, node.op, b) for a in left[:4] for b in right[:4]]

    def _over_255(self, known: Known[Level]) -> Known[Level]:
        level = known.what
        if level.type is Type.UNKNOWN:
            return Known(Level(Type.FLOAT, 0.0, 1.0, assumed=True), known.trail)
        return Known(Level(Type.FLOAT, level.low / 255, level.high / 255, assumed=level.assumed), known.trail)

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Level]] | None:
        called = self.project.resolve(op.module, node.func)
        cast = cast_type(op, self)
        if cast is not None:
            return [self._cast(k, cast[1], op) for k in self.evaluate(op.sub(cast[0]))]
        if isinstance(called, str):
            return self._outside(op, node, called)
        if isinstance(node.func, ast.Call):
            made = (self.project.external(op.module, node.func.func) or "").rpartition(".")[2]
            return [self._fraction(op)] if made == "ToTensor" else None
        if called is None and isinstance(node.func, ast.Attribute):
            return self._method(op, node, node.func)
        return None

    def _fraction(self, op: Operand) -> Known[Level]:
        note = f"`{op.text()}` lies between 0 and 1"
        return Known(Level(Type.FLOAT, 0.0, 1.0), (op.module.evidence(op.node, note),))

    def _outside(self, op: Operand, node: ast.Call, called: str) -> Sequence[Known[Level]] | None:
        head, _, last = called.rpartition(".")
        first = op.sub(node.args[0]) if node.args and not isinstance(node.args[0], ast.Starred) else None
        library = called.partition(".")[0]
        if called in ("cv2.imread", "cv2.imdecode"):
            if any(_keeps_depth(flag) for flag in (*node.args[1:], *(k.value for k in node.keywords))):
                return [UNKNOWN]
            note = f"`{op.text()}` gives uint8"
            whole = self.pictures.channels(op) is Channels.ONE
            return [Known(Level(Type.UINT8, 0.0, 255.0, whole), (op.module.evidence(node, note),))]
        if library not in ("numpy", "torch", "cv2", "skimage", "scipy", "torchvision") or first is None:
            return [UNKNOWN] if library in ("numpy", "torch", "cv2") else None
        if last in ("clip", "clamp"):
            return self._bounded(op, first, node.args[1:], node)
        if last in _FRACTIONS and head != "torch.random":
            return [self._fraction(op)]
        if called == "cv2.threshold":
            top = constant(node.args[2]) if len(node.args) > 2 else None
            return [Known(Level(Type.FLOAT, 0.0, float(top), True))] if isinstance(top, (int, float)) else [UNKNOWN]
        if last in _COMPARING:
            return [Known(Level(Type.BOOL, 0.0, 1.0, True))]
        if last in ("round", "rint", "floor", "ceil"):
            return [replace(k, what=replace(k.what, whole=True)) for k in self.evaluate(first)]
        if last in ("zeros", "zeros_like", "ones", "ones_like"):
            value = 0.0 if last.startswith("zeros") else 1.0
            return [Known(Level(_dtype(node, self, op) or Type.FLOAT, value, value, True))]
        if last in _WIDEST:
            values = node.args[1:] if last == "where" else node.args[:2]
            return _widest([self.evaluate(op.sub(v)) for v in values])
        if last in ("array", "asarray") and self.pictures.holder(first) is Holder.PIL:
            note = f"`{op.text()}` is an image of uint8"
            kind = _dtype(node, self, op) or Type.UINT8
            return [Known(Level(kind, 0.0, 255.0), (op.module.evidence(node, note),))]
        if last in _SAME_CALLS:
            return self.evaluate(first)
        return [UNKNOWN]

    def _method(self, op: Operand, node: ast.Call, func: ast.Attribute) -> Sequence[Known[Level]] | None:
        receiver = op.sub(func.value)
        if func.attr in ("clip", "clamp", "clamp_", "clip_"):
            return self._bounded(op, receiver, node.args, node)
        if func.attr in ("sigmoid", "softmax"):
            return [self._fraction(op)]
        if func.attr in ("mul", "mul_", "div", "div_", "add", "sub") and node.args:
            kinds = {"mul": ast.Mult(), "div": ast.Div(), "add": ast.Add(), "sub": ast.Sub()}
            right = self.evaluate(op.sub(node.args[0]))
            return [
                _combined(a, kinds[func.attr.rstrip("_")], b) for a in self.evaluate(receiver)[:4] for b in right[:4]
            ]
        if func.attr in ("round", "rint"):
            return [replace(k, what=replace(k.what, whole=True)) for k in self.evaluate(receiver)]
        return self.evaluate(receiver) if func.attr in _SAME else None

    def _bounded(self, op: Operand, value: Operand, bounds: Sequence[ast.expr], node: ast.Call) -> list[Known[Level]]:
        by_name = {k.arg: k.value for k in node.keywords}
        low = constant(bounds[0] if bounds else by_name.get("min", by_name.get("a_min")))
        high = constant(bounds[1] if len(bounds) > 1 else by_name.get("max", by_name.get("a_max")))
        if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
            return [UNKNOWN]
        step = op.module.evidence(node, f"`{op.text()}` lies between {low:g} and {high:g}")
        found: list[Known[Level]] = []
        for known in self.evaluate(value):
            level = known.what
            kind = Type.FLOAT if level.type in (Type.UNKNOWN, Type.BOOL) else level.type
            bounded = Level(kind, max(level.low, low), min(level.high, high), level.whole)
            found.append(Known(bounded, known.trail).after(step))
        return found

    def _cast(self, known: Known[Level], to: Type, op: Operand) -> Known[Level]:
        level = known.what
        if to is Type.UINT8:
            inside = level.low >= 0 and level.high <= 255
            bounds = (level.low, level.high) if inside else (0.0, 255.0)
            whole = level.whole or level.is_fraction
            return Known(Level(to, *bounds, whole), known.trail).after(op.module.evidence(op.node, "cast to uint8"))
        if to is Type.FLOAT and level.type in (Type.UINT8, Type.FLOAT, Type.BOOL):
            return Known(replace(level, type=Type.FLOAT), known.trail)
        return UNKNOWN


def _keeps_depth(flags: ast.expr) -> bool:
    """Whether a picture is read in the depth of its file: 16 bits, or floats."""
    names = {n.attr if isinstance(n, ast.Attribute) else n.id for n in ast.walk(flags) if isinstance(n, _NAMES)}
    return constant(flags) in (-1, 2, 6) or not names.isdisjoint({"IMREAD_UNCHANGED", "IMREAD_ANYDEPTH"})


def _asks_for_more_bits(op: Operand) -> bool:
    """Whether code runs only for values of more than 8 bits: ``if image.dtype == "uint16"``."""
    inner: ast.AST = op.node
    for above in op.module.ancestors(op.node):
        if isinstance(above, ast.If) and any(inner is s for s in above.body):
            test = op.module.segment(above.test)
            if _MORE_BITS.search(test) and "!=" not in test and "not " not in test:
                return True
        inner = above
    return False


def cast_type(op: Operand, levels: Levels) -> tuple[ast.expr, Type] | None:
    """What a call casts, and to which type: ``x.astype(np.uint8)``, ``np.uint8(x)``, ``x.byte()``, ``x.to(dtype)``."""
    node = op.node
    if not isinstance(node, ast.Call):
        return None
    called = levels.project.external(op.module, node.func)
    if called in ("numpy.uint8", "numpy.float32", "numpy.float64") and len(node.args) == 1:
        return node.args[0], Type.UINT8 if called == "numpy.uint8" else Type.FLOAT
    if called is not None or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr in ("byte", "float", "double", "half") and not node.args:
        return node.func.value, Type.UINT8 if node.func.attr == "byte" else Type.FLOAT
    if node.func.attr in ("astype", "to", "type"):
        given = [*node.args, *(k.value for k in node.keywords if k.arg == "dtype")]
        kinds = [k for a in given if (k := _type_of(a, levels, op)) is not None]
        return (node.func.value, kinds[0]) if kinds else None
    return None


def _dtype(node: ast.Call, levels: Levels, op: Operand) -> Type | None:
    given = next((k.value for k in node.keywords if k.arg == "dtype"), node.args[1] if len(node.args) > 1 else None)
    return _type_of(given, levels, op) if given is not None else None


def _type_of(node: ast.expr, levels: Levels, op: Operand) -> Type | None:
    name = (
        node.value
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        else (levels.project.external(op.module, node) or "").rpartition(".")[2]
    )
    if name in ("uint8", "ByteTensor", "ubyte", "u1"):
        return Type.UINT8
    if name in ("float", "float16", "float32", "float64", "double", "half", "FloatTensor"):
        return Type.FLOAT
    return Type.BOOL if name in ("bool", "bool_") else None


def _number(value: float) -> Known[Level]:
    kind = Type.FLOAT if isinstance(value, float) else Type.UNKNOWN
    return Known(Level(kind, float(value), float(value), float(value).is_integer()))


def _combined(one: Known[Level], operator: ast.operator, other: Known[Level]) -> Known[Level]:
    """The range of ``one operator other``, as far as both are bounded."""
    a, b = one.what, other.what
    if float("inf") in (a.high, b.high) or float("-inf") in (a.low, b.low):
        return UNKNOWN
    if isinstance(operator, ast.Add):
        ends = [a.low + b.low, a.high + b.high]
    elif isinstance(operator, ast.Sub):
        ends = [a.low - b.high, a.high - b.low]
    elif isinstance(operator, ast.Mult):
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    elif isinstance(operator, ast.Div) and (b.low > 0 or b.high < 0):
        ends = [x / y for x in (a.low, a.high) for y in (b.low, b.high)]
    else:
        return UNKNOWN
    is_float = Type.FLOAT in (a.type, b.type) or isinstance(operator, ast.Div)
    is_uint8 = Type.UINT8 in (a.type, b.type)
    kind = Type.FLOAT if is_float else Type.UINT8 if is_uint8 else Type.UNKNOWN
    if kind is Type.UINT8:
        return Known(Level(kind, 0.0, 255.0, a.whole and b.whole), one.trail or other.trail)
    whole = a.whole and b.whole and not isinstance(operator, ast.Div)
    return Known(Level(kind, min(ends), max(ends), whole, a.assumed or b.assumed), one.trail or other.trail)


def _joined(one: Known[Level], other: Known[Level]) -> Known[Level]:
    """An array of which a part is overwritten: its own type, and both ranges."""
    a, b = one.what, other.what
    if Type.UNKNOWN in (a.type, b.type) and b.low != b.high:
        return UNKNOWN
    return Known(
        Level(a.type, min(a.low, b.low), max(a.high, b.high), a.whole and b.whole, a.assumed or b.assumed),
        other.trail or one.trail,
    )


def _widest(sides: list[list[Known[Level]]]) -> list[Known[Level]]:
    """All that one of several values may be; a side that is still being worked out adds nothing."""
    given = [side for side in sides if side]
    if not given:
        return []
    found = given[0]
    for side in given[1:]:
        found = [_either(a, b) for a in found[:4] for b in side[:4]]
    return found


def _either(one: Known[Level], other: Known[Level]) -> Known[Level]:
    a, b = one.what, other.what
    if (a.type is Type.UNKNOWN and a.low != a.high) or (b.type is Type.UNKNOWN and b.low != b.high):
        return UNKNOWN
    kind = Type.FLOAT if Type.FLOAT in (a.type, b.type) else a.type if a.type is not Type.UNKNOWN else b.type
    joined = Level(kind, min(a.low, b.low), max(a.high, b.high), a.whole and b.whole, a.assumed or b.assumed)
    return Known(joined, other.trail if not b.whole else one.trail or other.trail)
