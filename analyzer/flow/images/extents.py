"""What a number or a tuple of numbers counts: the width or the height of an image, and in what order."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from ...graph.symbols import Symbol
from ...source.scopes import Binding, Kind, last_name
from ..values.evaluate import Evaluator, distinct
from ..values.flow import Flow
from ..values.frames import Known, Operand, Source
from ..values.tensors import constant
from .pictures import Holder, Pictures


class Axis(Enum):
    """What a number counts."""

    WIDTH = "width"
    HEIGHT = "height"
    CHANNELS = "channels"
    UNKNOWN = "unknown"


W, H, C = Axis.WIDTH, Axis.HEIGHT, Axis.CHANNELS


class Extent(NamedTuple):
    """A length along one axis, or a size: the lengths along several, in their order.

    ``assumed``: nothing shows what the image is held in, but the way it is read leaves only this. ``named``: nothing
    but the name of a parameter or an option says what it counts.
    """

    axes: tuple[Axis, ...]
    is_size: bool = False
    assumed: bool = False
    named: bool = False


UNKNOWN: Known[Extent] = Known(Extent((Axis.UNKNOWN,)))
_ROUNDING = frozenset(
    {
        *("int", "round", "float", "abs", "tuple", "list", "math.ceil", "math.floor", "numpy.ceil", "numpy.floor"),
        *("numpy.round", "numpy.int32", "numpy.array", "numpy.asarray", "numpy.rint", "numpy.int64", "math.trunc"),
    }
)
_DRAWING = frozenset(
    {
        *("random.randint", "random.uniform", "random.randrange", "numpy.random.randint", "numpy.random.uniform"),
        "random.triangular",
    }
)
"""Draws up to their last argument."""
_SIDES = frozenset({"size", "width", "height", "shape"})
"""Attributes of an image that count its sides."""
_TALL = re.compile(r"(?:^|_)(?:h|height|rows?|hgt)\d?(?:$|_)|(?:^|[a-z_])(?:Height|H)\d?$")
_WIDE = re.compile(r"(?:^|_)(?:w|width|cols?|wid)\d?(?:$|_)|(?:^|[a-z_])(?:Width|W)\d?$")


def axis_of_name(name: str) -> Axis:
    """What a variable's name says that it counts: ``img_h``, ``width``, ``H``; unknown for names that do not say."""
    tall, wide = bool(_TALL.search(name)), bool(_WIDE.search(name))
    return Axis.UNKNOWN if tall == wide else H if tall else W


class Extents(Evaluator[Extent]):
    """What a value counts. Paths on which nothing is known count as unknown."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self.pictures = Pictures(flow)

    def evaluate(self, op: Operand) -> list[Known[Extent]]:
        """As the base, but a dead end is something unknown."""
        if self.is_circle(op):
            return []
        return self.remembered(op) or ([named] if (named := self._declared(op)) is not None else [UNKNOWN])

    def _declared(self, op: Operand) -> Known[Extent] | None:
        """A parameter, or an option of the command line, that is declared as a width or a height and given nowhere."""
        node = op.node
        if isinstance(node, ast.Name):
            bindings = op.frame.scope.bindings.get(node.id, [])
            what, axis = "parameter", axis_of_name(node.id)
            is_one = axis is not Axis.UNKNOWN and len(bindings) == 1 and bindings[0].kind is Kind.PARAMETER
        elif isinstance(node, ast.Attribute):
            what, axis = "option", axis_of_name(node.attr)
            is_one = axis is not Axis.UNKNOWN and self._is_parsed(op.sub(node.value))
        else:
            return None
        if not is_one or self.flow.sources(op):
            return None
        step = op.module.evidence(node, f"`{op.text()}` is declared as the {axis.value}: the {what} is called so")
        return Known(Extent((axis,), assumed=True, named=True), (step,))

    def _is_parsed(self, options: Operand) -> bool:
        """Whether a value is what ``parse_args()`` gives, on all ways."""
        found = [s.operand for s in self.flow.sources(options)]
        return bool(found) and all(
            o is not None and isinstance(o.node, ast.Call) and last_name(o.node.func) == "parse_args" for o in found
        )

    def certain(self, op: Operand) -> Known[Extent] | None:
        """What a value counts, where that is known and the same on all paths."""
        found = self.evaluate(op)
        agreed = {(k.what.axes, k.what.is_size) for k in found}
        return found[0] if len(agreed) == 1 and Axis.UNKNOWN not in found[0].what.axes else None

    def is_open(self, op: Operand) -> bool:
        """Whether some way through names and calls ends in a constant or in nothing: then the value is not certain.

        A constant counts nothing, whole or taken apart. Asked before what is computed on the other ways.
        """
        waiting, seen = [op], set[tuple[int, int]]()
        while waiting:
            current = waiting.pop()
            node, mark = current.node, (id(current.node), current.frame.mark)
            if isinstance(node, ast.Constant):
                return True
            if mark in seen:
                continue
            seen.add(mark)
            if isinstance(node, (ast.Name, ast.Attribute)):
                sources = self.flow.sources(current)
                is_side = isinstance(node, ast.Attribute) and node.attr in _SIDES
                if not sources and not is_side and self._declared(current) is None:
                    return True
                waiting += [s.operand for s in sources if s.operand is not None and _is_handed_on(s)]
            elif isinstance(node, ast.Call) and isinstance(self.project.resolve(current.module, node.func), Symbol):
                waiting += self.flow.calls.returns(current)
        return False

    def expression(self, op: Operand) -> Sequence[Known[Extent]] | None:
        """Sizes and shapes of images, and what arithmetic and rounding keep of them."""
        node = op.node
        if isinstance(node, ast.Constant):
            return [UNKNOWN]
        if isinstance(node, ast.Attribute):
            return self._attribute(op, node)
        if isinstance(node, ast.Subscript):
            return self._subscript(op, node)
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self._together(op, node)]
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.Call):
            return self._call(op, node)
        return None

    def element(self, known: list[Known[Extent]], op: Operand, index: tuple[int, ...]) -> list[Known[Extent]]:
        """One length of a size."""
        return [_place(k, index[0]) if len(index) == 1 else UNKNOWN for k in known]

    def update(self, known: list[Known[Extent]], binding: Binding, op: Operand) -> list[Known[Extent]]:
        """``w *= scale`` counts the same; a size that is changed in place is unknown."""
        return known if isinstance(binding.node, ast.AugAssign) else [UNKNOWN]

    def _attribute(self, op: Operand, node: ast.Attribute) -> Sequence[Known[Extent]] | None:
        if node.attr not in _SIDES:
            return None
        base = op.sub(node.value)
        if self.flow.sources(op) or self.project.resolve(op.module, node) is not None:
            return None
        holder = self.pictures.holder(base)
        trail = next((k.trail for k in self.pictures.evaluate(base) if k.what.holder is holder), ())
        if node.attr == "shape":
            axes = {Holder.ARRAY: (H, W, C), Holder.TENSOR: (C, H, W)}.get(holder or Holder.OTHER)
            note = f"`{op.text()}` counts {'height, width' if holder is Holder.ARRAY else 'channels, height, width'}"
        elif holder is Holder.PIL:
            axes = {"size": (W, H), "width": (W,), "height": (H,)}[node.attr]
            note = f"`{op.text()}` counts {'width, height' if node.attr == 'size' else 'the ' + node.attr}"
        elif node.attr == "size" and holder is None and self._reads_as_pair(base, op):
            step = op.module.evidence(node, f"`{op.text()}` is a pair: width, height of a PIL picture")
            return [Known(Extent((W, H), True, True), (step,))]
        else:
            return None
        if axes is None:
            return None
        known = Known(Extent(axes, len(axes) > 1), trail)
        return [known.after(op.module.evidence(node, note))]

    def _reads_as_pair(self, base: Operand, op: Operand) -> bool:
        """Whether a ``.size`` is taken apart, which neither an array's number nor a tensor's method can be."""
        node = base.node
        if not isinstance(node, ast.Name) or node.id in ("self", "cls") or self.flow.classes.of(base):
            return False
        if not any(i.target.startswith(("PIL", "torchvision")) for i in op.module.facts.imports):
            return False
        parent = op.module.parent(op.node)
        if isinstance(parent, ast.Assign) and parent.value is op.node:
            return any(isinstance(t, (ast.Tuple, ast.List)) and len(t.elts) == 2 for t in parent.targets)
        return isinstance(parent, ast.Subscript) and constant(parent.slice) in (0, 1)

    def _subscript(self, op: Operand, node: ast.Subscript) -> Sequence[Known[Extent]] | None:
        place = constant(node.slice)
        if place in ("height", "width") and not self.flow.sources(op):
            step = op.module.evidence(node, f"`{op.text()}` is the {place}, as COCO's records call it")
            return [Known(Extent((H if place == "height" else W,), False, True), (step,))]
        if isinstance(place, int):
            whole = self.evaluate(op.sub(node.value))
            return [_place(k, place) for k in whole] if any(k.what.is_size for k in whole) else None
        if not isinstance(node.slice, ast.Slice):
            return None
        bounds = [constant(b) if b is not None else None for b in (node.slice.lower, node.slice.upper, node.slice.step)]
        given = (node.slice.lower, node.slice.upper, node.slice.step)
        if any(b is not None and not isinstance(v, int) for b, v in zip(given, bounds, strict=True)):
            return None
        whole = self.evaluate(op.sub(node.value))
        if any(k.what.is_size for k in whole):
            part = slice(*bounds)
            return [_sliced(k, part) for k in whole]
        is_shape = isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
        if is_shape and bounds[0] in (None, 0) and bounds[1:] == [2, None]:
            assert isinstance(node.value, ast.Attribute)
            if self.pictures.is_turned(op.sub(node.value.value)):
                return [UNKNOWN]
            step = op.module.evidence(node, f"`{op.text()}` counts height, width of an array")
            return [Known(Extent((H, W), True, True), (step,))]
        return None

    def _together(self, op: Operand, node: ast.Tuple | ast.List) -> Known[Extent]:
        axes: list[Axis] = []
        trail: tuple = ()
        assumed = named = False
        for element in node.elts:
            known = self.certain(op.sub(element))
            is_length = known is not None and not known.what.is_size
            axes.append(known.what.axes[0] if known is not None and is_length else Axis.UNKNOWN)
            if known is not None and is_length:
                trail = trail or known.trail
                assumed, named = assumed or known.what.assumed, named or known.what.named
        return Known(Extent(tuple(axes), True, assumed, named), trail)

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> list[Known[Extent]]:
        if not isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv)):
            return [UNKNOWN]
        left = self.certain(op.sub(node.left))
        if left is None and isinstance(node.op, (ast.Div, ast.FloorDiv)):
            return [UNKNOWN]
        right = self.certain(op.sub(node.right))
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return [_agreed([k for k in (left, right) if k is not None])]
        if isinstance(node.op, ast.Mult):
            return [left or right or UNKNOWN] if left is None or right is None else [UNKNOWN]
        return [left] if left is not None and right is None else [UNKNOWN]

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Extent]] | None:
        called = self.project.external(op.module, node.func)
        if called is None:
            is_cast = isinstance(node.func, ast.Attribute) and node.func.attr in ("astype", "item", "tolist", "copy")
            if is_cast and self.project.resolve(op.module, node.func) is None:
                assert isinstance(node.func, ast.Attribute)
                return self.evaluate(op.sub(node.func.value))
            return None
        if called in ("min", "max") and len(node.args) > 1:
            known = [self.certain(op.sub(a)) for a in node.args]
            return [_agreed([k for k in known if k is not None])]
        if called in _DRAWING and len(node.args) in (1, 2):
            return self.evaluate(op.sub(node.args[-1]))  # a place along the axis that bounds it
        if called in _ROUNDING and node.args:
            return self.evaluate(op.sub(node.args[0]))
        if called == "reversed" and node.args:
            return [_sliced(k, slice(None, None, -1)) for k in self.evaluate(op.sub(node.args[0]))]
        if called in (
            "torchvision.transforms.functional.get_image_size",
            "torchvision.transforms.functional._get_image_size",
        ):
            step = op.module.evidence(node, f"`{op.text()}` counts width, height")
            return [Known(Extent((W, H), True), (step,))]
        return [UNKNOWN]


def _is_handed_on(source: Source) -> bool:
    """Whether a source gives its value as it is, or a part of it."""
    return not source.is_element and (source.binding is None or source.binding.kind not in (Kind.UPDATE, Kind.AUGMENT))


def _place(known: Known[Extent], place: int) -> Known[Extent]:
    extent = known.what
    if not extent.is_size or not -len(extent.axes) <= place < len(extent.axes):
        return UNKNOWN
    return Known(extent._replace(axes=(extent.axes[place],), is_size=False), known.trail)


def _sliced(known: Known[Extent], part: slice) -> Known[Extent]:
    extent = known.what
    if not extent.is_size or not extent.axes[part]:
        return UNKNOWN
    return Known(extent._replace(axes=extent.axes[part], is_size=True), known.trail)


def _agreed(known: list[Known[Extent]]) -> Known[Extent]:
    """One length where all that is known counts the same."""
    one = distinct(known)
    return one[0] if one and len({k.what.axes for k in one}) == 1 and not one[0].what.is_size else UNKNOWN
