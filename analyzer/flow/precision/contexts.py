"""Which autocast a context manager is: ``torch.autocast(...)``, a partial of it, or a helper that returns one."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from ...graph.symbols import Symbol
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand

_GENERAL = frozenset(
    {"torch.autocast", "torch.amp.autocast", "torch.amp.autocast_mode.autocast", "torch.autocast_mode.autocast"}
)
_OF_DEVICE = {
    "torch.cuda.amp.autocast": "float16",
    "torch.cuda.amp.autocast_mode.autocast": "float16",
    "torch.cpu.amp.autocast": "bfloat16",
    "torch.cpu.amp.autocast_mode.autocast": "bfloat16",
    "ultralytics.utils.torch_utils.autocast": "float16",
}
AUTOCASTS = _GENERAL | set(_OF_DEVICE)
"""The names of autocast, as a context manager and as a decorator."""
_NOTHING = frozenset({"contextlib.suppress", "contextlib.nullcontext", "contextlib.ExitStack"})
LOWER_TYPES = {"torch.float16": "float16", "torch.half": "float16", "torch.bfloat16": "bfloat16"}
"""The types that autocast computes in."""


class Autocast(NamedTuple):
    """One autocast context.

    Attributes:
        is_on: whether it computes in a lower type; False for ``enabled=False`` and for contexts that do nothing.
        type: ``float16`` or ``bfloat16``, "" where the code chooses at run time.
        switch: what decides at run time whether it is on, as written; "" where it always is.
        path: the file of the call that makes it.
        line: its line.
    """

    is_on: bool
    type: str = ""
    switch: str = ""
    path: str = ""
    line: int = 0


OFF = Autocast(False)


class Contexts(Evaluator[Autocast]):
    """Which autocast a context manager, or the function that makes it, may be; [] for anything else."""

    def expression(self, op: Operand) -> Sequence[Known[Autocast]] | None:
        """Autocast and the contexts that do nothing are known; what makes them is looked through."""
        node = op.node
        if isinstance(node, (ast.Name, ast.Attribute)):
            named = self._named(self.project.external(op.module, node), op)
            return [named] if named is not None else None
        if not isinstance(node, ast.Call):
            return None
        called = self.project.resolve(op.module, node.func)
        if isinstance(called, str):
            if called.rpartition(".")[2] == "partial" and node.args:
                inner = self.project.external(op.module, node.args[0])
                made = self._made(inner, op, node.args[1:], node.keywords)
                return [made] if made is not None else self.evaluate(op.sub(node.args[0]))
            made = self._made(called, op, node.args, node.keywords)
            return [made] if made is not None else []
        if called is None:
            found = self.evaluate(op.sub(node.func))
            return found or None
        return None

    def _named(self, name: str | None, op: Operand) -> Known[Autocast] | None:
        return self._made(name, op, [], []) if name is not None else None

    def _made(
        self, name: str | None, op: Operand, arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword]
    ) -> Known[Autocast] | None:
        if name in _NOTHING:
            return Known(OFF, (op.module.evidence(op.node, f"`{op.text()}` does nothing"),))
        if name not in AUTOCASTS:
            return None
        order = ("device_type", "dtype", "enabled") if name in _GENERAL else ("enabled", "dtype")
        given: dict[str, ast.expr] = dict(zip(order, arguments, strict=False))
        given.update({k.arg: k.value for k in keywords if k.arg is not None})
        default = _OF_DEVICE.get(name, "float16")
        device = given.get("device_type")
        if isinstance(device, ast.Constant) and device.value == "cpu":
            default = "bfloat16"
        lower = self._type(op.sub(given["dtype"])) if "dtype" in given else default
        switch, is_on = "", lower is not None
        if "enabled" in given:
            enabled = given["enabled"]
            if isinstance(enabled, ast.Constant):
                is_on = is_on and bool(enabled.value)
            else:
                switch = op.module.snippet(enabled)
                is_on = is_on and not self._is_never(op.sub(enabled))
        where = Autocast(is_on, lower or "", switch, op.module.path, op.node.lineno)
        return Known(where, (op.module.evidence(op.node, f"`{op.text()}`"),))

    def _type(self, op: Operand) -> str | None:
        """The type named by an expression: "" where it is not known, None where it is no lower type."""
        known = {k.what for k in Types(self.flow).evaluate(op)}
        lower = known & set(LOWER_TYPES.values())
        if known and not lower:
            return None
        return next(iter(lower)) if len(known) == 1 else ""

    def _is_never(self, op: Operand) -> bool:
        """Whether a switch is False wherever it comes from."""
        values = [s.operand.node if s.operand is not None else None for s in self.flow.sources(op)]
        return bool(values) and all(isinstance(v, ast.Constant) and not v.value for v in values)


class Types(Evaluator[str]):
    """Which type of ``torch`` an expression names: ``float16``, ``bfloat16``, ``float32``, ``int64``, ..."""

    def expression(self, op: Operand) -> Sequence[Known[str]] | None:
        """``torch.float16`` by its name; a function or table that chooses is looked through."""
        node = op.node
        if isinstance(node, ast.Constant):
            return []
        if isinstance(node, (ast.Name, ast.Attribute)):
            name = self.project.resolve(op.module, node)
            if isinstance(name, str) and name.startswith("torch."):
                last = name.rpartition(".")[2]
                return [Known(_SHORT.get(last, last), (op.module.evidence(node, f"`{op.text()}`"),))]
            if isinstance(name, Symbol):
                return None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            return [k for v in node.value.values for k in self.evaluate(op.sub(v))]
        return None


_SHORT = {
    "half": "float16",
    "HalfTensor": "float16",
    "float": "float32",
    "FloatTensor": "float32",
    "double": "float64",
    "DoubleTensor": "float64",
    "long": "int64",
    "LongTensor": "int64",
    "int": "int32",
    "BFloat16Tensor": "bfloat16",
}
