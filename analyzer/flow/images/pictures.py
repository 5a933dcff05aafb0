"""What holds an image: a PIL picture, an array or a tensor, and in what order its channels are."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ...source.scopes import Kind as Bound
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand
from ..values.tensors import constant


class Holder(Enum):
    """What an image is held in; the order of its sides follows from it."""

    PIL = "PIL picture"
    ARRAY = "array"
    TENSOR = "tensor"
    OTHER = "other"
    """Something whose sides are turned or that is no image: nothing is said about it."""


class Channels(Enum):
    """The order of the channels."""

    RGB = "RGB"
    BGR = "BGR"
    ONE = "one"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Picture:
    """An image. Arrays have their height first and their channels last, tensors their channels first.

    ``is_said``: code says so, which is more than that nothing is known.
    """

    holder: Holder
    channels: Channels = Channels.UNKNOWN
    is_said: bool = True


UNKNOWN: Known[Picture] = Known(Picture(Holder.OTHER, is_said=False))

_PIL_MAKERS = frozenset({"open", "new", "frombytes", "frombuffer", "merge", "blend", "composite", "alpha_composite"})
_PIL_METHODS = frozenset(
    {
        *("convert", "resize", "crop", "rotate", "transpose", "copy", "filter", "point", "quantize", "transform"),
        *("getchannel", "reduce", "effect_spread", "remap_palette"),
    }
)
_READERS = frozenset(
    {
        *("skimage.io.imread", "imageio.imread", "imageio.v2.imread", "imageio.v3.imread", "scipy.misc.imread"),
        *("matplotlib.pyplot.imread", "matplotlib.image.imread", "scipy.ndimage.imread", "cv2.merge"),
    }
)
_CV2_KEEPING = frozenset(
    {
        *("resize", "flip", "GaussianBlur", "medianBlur", "blur", "bilateralFilter", "copyMakeBorder", "warpAffine"),
        *("warpPerspective", "addWeighted", "add", "subtract", "filter2D", "dilate", "erode", "convertScaleAbs"),
        *("normalize", "LUT", "remap", "fastNlMeansDenoisingColored", "bitwise_and", "multiply"),
    }
)
_NUMPY_COPIES = frozenset({"array", "asarray", "ascontiguousarray", "copy", "float32", "uint8", "asanyarray"})
_NUMPY_KEEPING = frozenset({"fliplr", "flipud", "clip", "pad", "round", "rint", "abs", "where", "maximum", "minimum"})
_ARRAY_METHODS = frozenset({"astype", "copy", "clip", "round", "numpy"})
_TO_TENSOR = frozenset({"ToTensor", "PILToTensor", "ToImageTensor", "to_tensor", "pil_to_tensor", "read_image"})
_TO_PIL = frozenset({"ToPILImage", "to_pil_image", "ToPIL"})
_EXCHANGED = {Channels.RGB: Channels.BGR, Channels.BGR: Channels.RGB}
_ANNOTATED = {
    "PIL.Image.Image": Holder.PIL,
    "PIL.Image": Holder.PIL,
    "torch.Tensor": Holder.TENSOR,
    "numpy.ndarray": Holder.ARRAY,
}
_ONE_CHANNEL = frozenset({"IMREAD_GRAYSCALE", "CV_LOAD_IMAGE_GRAYSCALE"})
_COLOUR = frozenset({"IMREAD_COLOR", "CV_LOAD_IMAGE_COLOR"})


class Pictures(Evaluator[Picture]):
    """What a value holds an image in. Paths on which nothing is known count as other, so that ``all`` means all."""

    def evaluate(self, op: Operand) -> list[Known[Picture]]:
        """As the base, but a dead end is something unknown."""
        return [] if self.is_circle(op) else self.remembered(op) or [UNKNOWN]

    def holder(self, op: Operand) -> Holder | None:
        """What certainly holds the value: None where that is not known, or not the same on all paths."""
        found = {k.what.holder for k in self.evaluate(op)}
        only = found.pop() if len(found) == 1 else Holder.OTHER
        return None if only is Holder.OTHER and not self.is_turned(op) else only

    def is_turned(self, op: Operand) -> bool:
        """Whether something is known of a value after all: that its sides are exchanged, or that it is no image."""
        return any(k.what.holder is Holder.OTHER and k.what.is_said for k in self.evaluate(op))

    def channels(self, op: Operand) -> Channels:
        """The order of the channels, where it is the same on all paths."""
        found = {k.what.channels for k in self.evaluate(op)}
        return found.pop() if len(found) == 1 else Channels.UNKNOWN

    def expression(self, op: Operand) -> Sequence[Known[Picture]] | None:
        """Readers and conversions say what they give; most operations hand on what they are given."""
        node = op.node
        if isinstance(node, ast.Name):
            declared = self._declared(op, node)
            return None if declared is None else [declared]
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Slice, ast.Tuple)):
            return self._part(op, node)
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            return [self._said(op, Holder.OTHER)]
        if isinstance(node, ast.BinOp):
            left = self.evaluate(op.sub(node.left))
            return left if any(k.what.holder is not Holder.OTHER for k in left) else self.evaluate(op.sub(node.right))
        return None

    def _said(self, op: Operand, holder: Holder, channels: Channels = Channels.UNKNOWN) -> Known[Picture]:
        kind = f"{holder.value}, {channels.value}" if channels in (Channels.RGB, Channels.BGR) else holder.value
        note = f"`{op.text()}` gives a {kind}" if holder is not Holder.OTHER else f"`{op.text()}` turns the sides"
        return Known(Picture(holder, channels), (op.module.evidence(op.node, note),))

    def _declared(self, op: Operand, node: ast.Name) -> Known[Picture] | None:
        scope = op.frame.scope.lookup(node.id)
        for binding in scope.bindings[node.id] if scope is not None else ():
            annotation = getattr(binding.node, "annotation", None)
            if binding.kind is not Bound.PARAMETER or not isinstance(annotation, (ast.Name, ast.Attribute)):
                continue
            holder = _ANNOTATED.get(self.project.external(op.module, annotation) or "")
            if holder is Holder.PIL:
                note = f"`{node.id}` is declared a PIL picture"
                return Known(Picture(holder), (op.module.evidence(annotation, note),))
        return None

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Picture]] | None:
        called = self.project.resolve(op.module, node.func)
        if isinstance(called, str):
            return self._outside(op, node, called)
        if isinstance(node.func, ast.Call):
            made = self.project.external(op.module, node.func.func) or ""
            last = made.rpartition(".")[2]
            if made.startswith("torchvision.") and last in _TO_TENSOR:
                return [self._said(op, Holder.TENSOR, Channels.RGB)]
            if made.startswith("torchvision.") and last in _TO_PIL:
                return [self._said(op, Holder.PIL)]
            return None
        if called is None and isinstance(node.func, ast.Attribute):
            return self._method(op, node, node.func)
        return None

    def _outside(self, op: Operand, node: ast.Call, called: str) -> Sequence[Known[Picture]] | None:
        head, _, last = called.rpartition(".")
        first = op.sub(node.args[0]) if node.args and not isinstance(node.args[0], ast.Starred) else None
        if called == "PIL.Image.fromarray" and first is not None:
            return [self._said(op, Holder.PIL, self.channels(first))]
        if head == "PIL.Image" and last in _PIL_MAKERS:
            return [self._said(op, Holder.PIL, Channels.RGB if last == "open" else Channels.UNKNOWN)]
        if head in ("PIL.ImageOps", "PIL.ImageChops", "PIL.ImageGrab"):
            return [self._said(op, Holder.PIL)]
        if called in ("cv2.imread", "cv2.imdecode"):
            return [self._said(op, Holder.ARRAY, _read_as(node))]
        if called in _READERS:
            return [self._said(op, Holder.ARRAY, Channels.RGB if called != "cv2.merge" else Channels.UNKNOWN)]
        if called == "cv2.cvtColor":
            return [self._said(op, Holder.ARRAY, self._converted(first, node))]
        if head == "cv2" and last in _CV2_KEEPING and first is not None:
            given = self.evaluate(first)
            return [replace(k, what=replace(k.what, holder=Holder.ARRAY)) for k in given]
        if head == "numpy" and first is not None:
            if last in _NUMPY_COPIES:
                return self._as_array(self.evaluate(first), op)
            return self.evaluate(first) if last in _NUMPY_KEEPING else [self._said(op, Holder.OTHER)]
        if called.startswith(("torchvision.transforms", "torchvision.io")):
            if last in _TO_TENSOR:
                return [self._said(op, Holder.TENSOR, Channels.RGB)]
            if last in _TO_PIL:
                return [self._said(op, Holder.PIL)]
            return self.evaluate(first) if first is not None and last[:1].islower() else None
        return None

    def _converted(self, given: Operand | None, node: ast.Call) -> Channels:
        """``RGB2BGR`` and ``BGR2RGB`` both exchange red and blue, whatever there was; others say what they give."""
        name = _code(node)
        known = self.channels(given) if given is not None else Channels.UNKNOWN
        if name in ("RGB2BGR", "BGR2RGB") and known in _EXCHANGED:
            return _EXCHANGED[known]
        if name == "RGB2BGR":
            return Channels.UNKNOWN
        to = name.rpartition("2")[2]
        return {"RGB": Channels.RGB, "BGR": Channels.BGR, "GRAY": Channels.ONE}.get(to, Channels.UNKNOWN)

    def _as_array(self, given: list[Known[Picture]], op: Operand) -> list[Known[Picture]]:
        step = op.module.evidence(op.node, f"`{op.text()}` makes an array of it")
        return [
            replace(k, what=replace(k.what, holder=Holder.ARRAY)).after(step) if k.what.holder is Holder.PIL else k
            for k in given
        ]

    def _method(self, op: Operand, node: ast.Call, func: ast.Attribute) -> Sequence[Known[Picture]] | None:
        if func.attr in ("transpose", "swapaxes", "permute", "reshape", "view", "moveaxis"):
            given = self.evaluate(op.sub(func.value))
            is_picture = all(k.what.holder is Holder.PIL for k in given)
            return given if is_picture else [self._said(op, Holder.OTHER)]
        if func.attr in _PIL_METHODS or func.attr in _ARRAY_METHODS:
            given = self.evaluate(op.sub(func.value))
            if any(k.what.holder is not Holder.OTHER for k in given):
                return given
            return None
        if func.attr == "enhance" and isinstance(func.value, ast.Call):
            made = self.project.external(op.module, func.value.func) or ""
            return [self._said(op, Holder.PIL)] if made.startswith("PIL.ImageEnhance.") else None
        return None

    def _part(self, op: Operand, node: ast.Subscript) -> list[Known[Picture]]:
        """``x[..., ::-1]`` exchanges the channels, ``x[a:b, c:d]`` crops; a single channel or row is no image."""
        given = self.evaluate(op.sub(node.value))
        places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if all(isinstance(p, ast.Slice) for p in places[:2]) and len(places) <= 2:
            return given
        last = places[-1]
        keeps = all(isinstance(p, ast.Slice) or _is_dots(p) for p in places[:-1])
        if keeps and _is_reversed(last) and (len(places) == 3 or _is_dots(places[0])):
            step = op.module.evidence(node, f"`{op.text()}` exchanges the channels")
            return [
                replace(k, what=replace(k.what, channels=_EXCHANGED.get(k.what.channels, k.what.channels))).after(step)
                for k in given
            ]
        if keeps and isinstance(last, ast.Slice) and len(places) == 3:
            return [replace(k, what=replace(k.what, channels=Channels.UNKNOWN)) for k in given]
        return [UNKNOWN]


def _is_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_reversed(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) and constant(node.step) == -1


def _read_as(node: ast.Call) -> Channels:
    given = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "flags"), None)
    if given is None or constant(given) == 1:
        return Channels.BGR
    if constant(given) == 0:
        return Channels.ONE
    name = given.attr if isinstance(given, ast.Attribute) else getattr(given, "id", "")
    return Channels.ONE if name in _ONE_CHANNEL else Channels.BGR if name in _COLOUR else Channels.UNKNOWN


def _code(node: ast.Call) -> str:
    """``BGR2RGB`` of ``cv2.cvtColor(x, cv2.COLOR_BGR2RGB)``."""
    code = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "code"), None)
    name = code.attr if isinstance(code, ast.Attribute) else getattr(code, "id", "")
    return name.removeprefix("COLOR_")
