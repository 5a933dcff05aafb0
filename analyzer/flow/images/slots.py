"""Where a call takes widths and heights, and in which order it wants them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from ..values.tensors import constant
from .extents import Axis, C, H, W
from .pictures import Holder, Pictures

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

WIDE_FIRST = (W, H)
TALL_FIRST = (H, W)
_BY_NAME: dict[str, tuple[int, str, tuple[Axis, ...]]] = {
    "cv2.resize": (1, "dsize", WIDE_FIRST),
    "cv2.warpAffine": (2, "dsize", WIDE_FIRST),
    "cv2.warpPerspective": (2, "dsize", WIDE_FIRST),
    "PIL.Image.new": (1, "size", WIDE_FIRST),
    "PIL.ImageOps.fit": (1, "size", WIDE_FIRST),
    "PIL.ImageOps.pad": (1, "size", WIDE_FIRST),
    "PIL.ImageOps.contain": (1, "size", WIDE_FIRST),
    "torchvision.transforms.functional.resize": (1, "size", TALL_FIRST),
    "torchvision.transforms.functional.center_crop": (1, "output_size", TALL_FIRST),
    "torchvision.transforms.Resize": (0, "size", TALL_FIRST),
    "torchvision.transforms.CenterCrop": (0, "size", TALL_FIRST),
    "torchvision.transforms.RandomCrop": (0, "size", TALL_FIRST),
    "torchvision.transforms.RandomResizedCrop": (0, "size", TALL_FIRST),
    "torch.nn.functional.interpolate": (1, "size", TALL_FIRST),
    "torch.nn.functional.upsample": (1, "size", TALL_FIRST),
    "skimage.transform.resize": (1, "output_shape", TALL_FIRST),
}
"""Position and keyword of the argument, and its order: as documented by OpenCV (dsize), Pillow, torchvision, torch."""
_FILLED = frozenset({"numpy.zeros", "numpy.ones", "numpy.empty", "numpy.full"})
_PIL_SIZES: dict[str, tuple[int, str, tuple[Axis, ...]]] = {
    "resize": (0, "size", WIDE_FIRST),
    "thumbnail": (0, "size", WIDE_FIRST),
    "crop": (0, "box", (W, H, W, H)),
    "putpixel": (0, "xy", WIDE_FIRST),
    "getpixel": (0, "xy", WIDE_FIRST),
}
_CALLED = frozenset(_PIL_SIZES).union(name.rpartition(".")[2] for name in (*_BY_NAME, *_FILLED))


class Slot(NamedTuple):
    """An argument that is read as lengths along ``axes``, of a call that a reader knows as ``name``."""

    call: ast.Call
    value: ast.expr
    axes: tuple[Axis, ...]
    name: str

    @property
    def order(self) -> str:
        """What it wants first, in words."""
        return ", ".join(a.value for a in self.axes)


def slot(call: ast.Call, module: Module, project: Project, pictures: Pictures) -> Slot | None:
    """The size that a call takes; None for calls that take none.

    A method is known by its receiver: a PIL picture, or something unknown in a file that imports PIL and whose
    ``resize`` is given a pair.
    """
    if not module.may_be(call.func, _CALLED):
        return None
    called = project.resolve(module, call.func)
    if isinstance(called, str):
        if called in _BY_NAME:
            return _taken(call, *_BY_NAME[called], called)
        if called in _FILLED and call.args:
            return _filled(call, call.args[0], called)
        return None
    if called is None and isinstance(call.func, ast.Attribute) and call.func.attr in _PIL_SIZES:
        op = project.flow.operand(module, call.func.value)
        holder = pictures.holder(op)
        if holder is Holder.PIL or (holder is None and _looks_like_pil(call, module)):
            return _taken(call, *_PIL_SIZES[call.func.attr], f"Image.{call.func.attr}")
    return None


def _looks_like_pil(call: ast.Call, module: Module) -> bool:
    if not call.args:
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr == "crop" and len(call.args) == 1 and not call.keywords:
        # Only a picture is cropped by a box alone.
        return any(i.target.startswith(("PIL", "torchvision")) for i in module.facts.imports)
    return any(i.target.startswith("PIL") for i in module.facts.imports) and isinstance(call.args[0], ast.Tuple)


def _taken(call: ast.Call, position: int, keyword: str, axes: tuple[Axis, ...], name: str) -> Slot | None:
    if any(isinstance(a, ast.Starred) for a in call.args):
        return None
    given = call.args[position] if position < len(call.args) else None
    value = given if given is not None else next((k.value for k in call.keywords if k.arg == keyword), None)
    return Slot(call, value, axes, name) if value is not None else None


def _filled(call: ast.Call, shape: ast.expr, name: str) -> Slot | None:
    """``np.zeros((h, w, 3))``: an image, since its last dimension is a number of channels."""
    if not isinstance(shape, ast.Tuple) or len(shape.elts) != 3 or constant(shape.elts[2]) not in (1, 3, 4):
        return None
    return Slot(call, shape, (H, W, C), name)
