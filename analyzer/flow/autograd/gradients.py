"""Whether a tensor needs a gradient: it comes from weights, from data alone, or from something that is not known."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from enum import Enum

from ...graph.symbols import Symbol
from ...source.scopes import Binding
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand
from ..values.tensors import operation
from .saved import Table, layer_name

_MADE = frozenset(
    {
        *("zeros", "ones", "eye", "arange", "linspace", "full", "rand", "randn", "randint", "randperm", "empty"),
        *("zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "empty_like", "tensor", "as_tensor"),
        *("new_zeros", "new_ones", "new_full", "new_tensor", "new_empty", "from_numpy", "meshgrid", "one_hot"),
        *("tril_indices", "triu_indices", "logspace", "Tensor", "FloatTensor", "LongTensor", "BoolTensor", "load"),
        *("normal", "bernoulli", "multinomial", "hann_window", "bartlett_window", "hamming_window"),
    }
)
CUTTING = frozenset(
    {
        *("detach", "item", "tolist", "numpy", "argmax", "argmin", "argsort", "nonzero", "long", "int", "bool", "eq"),
        *("ne", "gt", "ge", "lt", "le", "isnan", "isinf", "isfinite", "any", "all", "size", "numel", "dim", "round"),
        *("floor", "ceil", "sign", "logical_and", "logical_or", "logical_not", "unique", "bincount", "searchsorted"),
        *("bucketize", "print", "len", "float", "str", "format", "isinstance", "range", "byte", "stride", "data_ptr"),
        *("detach_", "type", "is_cuda", "get_device", "count_nonzero", "histc", "isclose", "allclose", "equal", "info"),
    }
)
"""Operations through which no gradient flows back, by last name (``float`` as a function: see :func:`cuts`)."""
_CUTTING_METHODS = CUTTING - {"float", "type"}
_CUT_ATTRIBUTES = frozenset({"data", "grad", "shape", "dtype", "device", "ndim", "indices", "requires_grad"})
_PARAMETERS = frozenset({"torch.nn.Parameter", "torch.nn.parameter.Parameter"})
_WEIGHTLESS = frozenset({"Dropout", "Flatten", "Identity", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "Upsample"})


class Need(Enum):
    """Why a tensor needs a gradient, or that it does not."""

    TRAINED = "trained"
    UNKNOWN = "unknown"
    NONE = "none"


def cuts(node: ast.Call) -> bool:
    """Whether no gradient flows back through a call, by its name."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in _CUTTING_METHODS
    return isinstance(node.func, ast.Name) and node.func.id in CUTTING


class Needs(Evaluator[Need]):
    """Whether a tensor needs a gradient. What nothing is known of is ``UNKNOWN``."""

    def __init__(self, flow: Flow, table: Table) -> None:
        super().__init__(flow)
        self.table = table

    def of(self, op: Operand) -> Need:
        """The strongest need that a value may have."""
        found = {k.what for k in self.evaluate(op)}
        return min(found, key=list(Need).index, default=Need.UNKNOWN)

    def expression(self, op: Operand) -> Sequence[Known[Need]] | None:
        """Weights and layers need one; numbers, comparisons and made tensors do not; the rest takes after its parts."""
        node = op.node
        if isinstance(node, (ast.Constant, ast.Compare, ast.JoinedStr)):
            return [Known(Need.NONE)]
        if isinstance(node, ast.BinOp):
            return self._parts(op, [node.left, node.right])
        if isinstance(node, ast.UnaryOp):
            return self._parts(op, [node.operand])
        if isinstance(node, (ast.Tuple, ast.List)):
            return self._parts(op, node.elts)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self._parts(op, [node.elt])
        if isinstance(node, ast.Attribute):
            if node.attr in _CUT_ATTRIBUTES:
                return [Known(Need.NONE)]
            if node.attr in ("T", "mT"):
                return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Call):
            return self._call(op, node)
        return None

    def update(self, known: list[Known[Need]], binding: Binding, op: Operand) -> list[Known[Need]]:
        """What is written in counts as well."""
        node = op.node
        parts = node.args if isinstance(node, ast.Call) else [node]
        return [*known, *self._parts(op, parts)]

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Need]] | None:
        if cuts(node):
            return [Known(Need.NONE)]
        called = self.project.resolve(op.module, node.func)
        last = called.rpartition(".")[2] if isinstance(called, str) else getattr(node.func, "attr", "")
        if called in _PARAMETERS:
            frozen = any(k.arg == "requires_grad" for k in node.keywords) or len(node.args) > 1
            return [Known(Need.UNKNOWN if frozen else Need.TRAINED)]
        if last in _MADE:
            asks = any(k.arg == "requires_grad" for k in node.keywords)
            return [Known(Need.UNKNOWN if asks else Need.NONE)]
        layer = layer_name(op, self.flow)
        if layer:
            passes = layer in self.table.layers and self.table.layers[layer] != "weighted"
            return self._parts(op, node.args) if passes or layer in _WEIGHTLESS else [self._trained(op)]
        if called is None and self._is_module(op, node):
            return [self._trained(op)]
        if isinstance(called, str) or operation(op, self.project) is not None:
            if self.flow.calls.callees(op):
                return None
            receiver = [node.func.value] if called is None and isinstance(node.func, ast.Attribute) else []
            return self._parts(op, [*receiver, *node.args])
        return None

    def _is_module(self, op: Operand, node: ast.Call) -> bool:
        """A call of an instance of a module of the project that holds layers or weights."""
        classes = self.flow.classes.of(op.sub(node.func))
        return any(self.flow.calls.is_module(c) and self._holds_weights(c) for c in classes)

    def _holds_weights(self, klass: Symbol) -> bool:
        module = self.project.try_module(klass.path)
        scope = module.scope_named(f"{klass.qualname}.__init__") if module is not None else None
        if module is None or scope is None:
            return False
        for node in ast.walk(scope.node):
            if not isinstance(node, ast.Call):
                continue
            name = self.project.external(module, node.func) or ""
            last = name.rpartition(".")[2]
            if name in _PARAMETERS or (name.startswith("torch.nn.") and self.table.layers.get(last) == "weighted"):
                return True
        return False

    def _trained(self, op: Operand) -> Known[Need]:
        return Known(Need.TRAINED, (op.module.evidence(op.node, f"`{op.text()}` comes from trained weights"),))

    def _parts(self, op: Operand, nodes: Sequence[ast.expr]) -> list[Known[Need]]:
        """The strongest need of several parts; a part of which nothing is known is unknown."""
        best: Known[Need] | None = None
        for node in nodes:
            for known in self.evaluate(op.sub(node)) or [Known(Need.UNKNOWN)]:
                if best is None or list(Need).index(known.what) < list(Need).index(best.what):
                    best = known
        return [best] if best is not None else [Known(Need.NONE)]
