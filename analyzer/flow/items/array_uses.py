"""Which content is used like an array, an image or a sequence: a label or a row of settings is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from ...source.scopes import key_of, last_name
from ..values.flow import Flow
from ..values.functions import own_nodes
from .making import Item, Visit
from .marks import READS, Marks, touches

_ARRAY_USES = {
    *("shape", "clone", "copy", "flip", "float", "numpy", "to", "permute", "transpose", "unsqueeze", "squeeze", "mean"),
    *(
        "astype",
        "crop",
        "resize",
        "rotate",
        "convert",
        "reshape",
        "view",
        "clamp",
        "clip",
        "size",
        "dtype",
        "std",
        "roll",
    ),
    *(
        "T",
        "max",
        "min",
        "sum",
        "contiguous",
        "ndim",
        "width",
        "height",
        "new_zeros",
        "narrow",
        "pad",
        "expand",
        "numel",
    ),
}
_ARRAY_LIBRARIES = {
    "torch",
    "numpy",
    "torchvision",
    "cv2",
    "PIL",
    "scipy",
    "skimage",
    "torchaudio",
    "librosa",
    "kornia",
}
_ARRAY_TYPES = re.compile(r"Tensor|ndarray|Image|NDArray|ArrayLike")


class ArrayUses:
    """Asked once the content of every function that makes an item is known.

    Args:
        flow: the project's flow.
        item: how the dataset makes an item.
        content: the marks of content, by the identity of each function's scope.
    """

    def __init__(self, flow: Flow, item: Item, content: Mapping[int, Marks]) -> None:
        self.flow = flow
        self.item = item
        self.content = content
        self._uses: dict[int, frozenset[str]] = {}

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(use for member in self.item.order for use in self._used_as_arrays(member))

    def holds(self, visit: Visit, node: ast.expr) -> bool:
        """Whether content is used like an array, image or sequence anywhere; a label or a row of settings is not."""
        for below in ast.walk(node):
            key = key_of(below) if isinstance(below, (ast.Name, ast.Attribute)) else None
            if key is not None and f"{id(visit.scope)}:{key}" in self._names:
                return True
            if isinstance(below, ast.Call) and last_name(below.func) in READS:
                return True
            if isinstance(below, ast.Subscript) and f"entry:{key_of(below.value)}" in self._names:
                return True
        return False

    def _used_as_arrays(self, visit: Visit) -> frozenset[str]:
        """Names of content that are used as arrays, each with the function that it stands in."""
        if id(visit) not in self._uses:
            self._uses[id(visit)] = frozenset()  # functions that call each other
            self._uses[id(visit)] = frozenset(self._find_array_uses(visit))
        return self._uses[id(visit)]

    def _find_array_uses(self, visit: Visit) -> Iterator[str]:
        own = self.content[id(visit.scope)]
        here = id(visit.scope)
        arguments = getattr(visit.scope.node, "args", None)
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs] if arguments else []:
            written = ast.unparse(argument.annotation) if argument.annotation is not None else ""
            if argument.arg in own.keys and _ARRAY_TYPES.search(written):
                yield f"{here}:{argument.arg}"
        for node in own_nodes(visit.scope):
            used: list[ast.expr] = []
            if (isinstance(node, ast.Attribute) and node.attr in _ARRAY_USES) or (
                isinstance(node, ast.Subscript) and (_is_written_at(node) or _is_cut(node))
            ):
                used = [node.value]
            elif isinstance(node, ast.Call):
                used = self._given_as_arrays(visit, node)
            for value in used:
                while isinstance(value, ast.UnaryOp):
                    value = value.operand
                key = key_of(value)
                if key in own.keys:
                    yield f"{here}:{key}"
                elif isinstance(value, ast.Subscript) and id(value) in own.nodes:
                    yield f"entry:{key_of(value.value)}"
        for key, bindings in visit.scope.bindings.items():
            if key in own.keys and any(
                b.value is not None and self._comes_from_array(visit, b.value) for b in bindings
            ):
                yield f"{here}:{key}"

    def _given_as_arrays(self, visit: Visit, call: ast.Call) -> list[ast.expr]:
        """Arguments that a library of arrays takes, or that a function of the project uses as an array."""
        name = self.flow.project.external(visit.module, call.func) or ""
        if name.partition(".")[0] in _ARRAY_LIBRARIES:
            return [a for a in call.args if not isinstance(a, ast.Starred)]
        found: list[ast.expr] = []
        for inner in self.item.entered.get(id(call), ()):
            uses = {u.partition(":")[2] for u in self._used_as_arrays(inner)} if inner is not visit else set()
            bound = self.flow.calls.bind(call, visit.frame, inner.scope)
            found += [given.node for parameter, given in bound.items() if parameter in uses]
        return found

    def _comes_from_array(self, visit: Visit, value: ast.expr) -> bool:
        """Read from a file, or made by a library of arrays out of content."""
        own = self.content[id(visit.scope)]
        for node in ast.walk(value):
            if isinstance(node, ast.Attribute) and node.attr in _ARRAY_USES and touches(node.value, own, True):
                return True
            if not isinstance(node, ast.Call):
                continue
            if id(node) in own.nodes and last_name(node.func) in (READS | {"__getitem__"}):
                return True
            name = self.flow.project.external(visit.module, node.func) or ""
            if name.partition(".")[0] in _ARRAY_LIBRARIES and any(touches(a, own, True) for a in node.args):
                return True
            if id(node) in own.nodes:
                return any(self._returns_array(v) for v in self.item.entered.get(id(node), ()) if v is not visit)
        return False

    def _returns_array(self, visit: Visit) -> bool:
        own = self.content[id(visit.scope)]
        values = [n.value for n in own_nodes(visit.scope) if isinstance(n, ast.Return) and n.value is not None]
        keys = {u.partition(":")[2] for u in self._used_as_arrays(visit)}
        return any((key_of(v) in keys) or (touches(v, own, True) and self._comes_from_array(visit, v)) for v in values)


def _is_cut(node: ast.Subscript) -> bool:
    return any(isinstance(n, ast.Slice) for n in ast.walk(node.slice))


def _is_written_at(node: ast.Subscript) -> bool:
    """``tokens[i] = mask``: an entry of a sequence is replaced; a fixed entry (``row["x"] = ...``) is a record's."""
    return isinstance(node.ctx, ast.Store) and not isinstance(node.slice, ast.Constant)
