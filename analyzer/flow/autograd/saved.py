"""Which values autograd has saved as the result of the operation that made them: of ``exp``, ``softmax``, ``relu``."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeGuard

from ...graph.symbols import Symbol
from ...source.scopes import Binding, Kind, key_of, last_name
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand, Source
from ..values.tensors import Operation, constant, is_open_parameter, operation

WEIGHTED = "weighted"
"""The operation of a layer with weights, which saves its input for them."""
VIEWS = frozenset(
    {
        *("view", "t", "transpose", "swapaxes", "swapdims", "permute", "squeeze", "unsqueeze", "flatten", "narrow"),
        *("select", "diagonal", "expand", "expand_as", "view_as", "reshape", "unfold", "movedim", "unbind", "chunk"),
        *("split", "detach", "unflatten"),
    }
)
"""Methods whose result is the same memory: a write into it counts as one into the tensor."""
VIEWING = frozenset({"T", "mT", "H", "mH"})
"""Attributes of the same kind."""
_CHANGES = (Kind.UPDATE, Kind.AUGMENT)
_CONTAINERS = (ast.Tuple, ast.List, ast.Dict)


class Table(NamedTuple):
    """What each operation saves, by its last name, and which layers of ``torch.nn`` apply it."""

    results: frozenset[str]
    inputs: frozenset[str]
    layers: Mapping[str, str]


class Saved(NamedTuple):
    """A value that is the saved result of an operation ``made`` there. ``is_view``: it is a view of that result."""

    operation: str
    made: Operand
    is_view: bool = False


def applied(op: Operand, table: Table, flow: Flow, first: bool = False) -> tuple[str, Operand] | None:
    """The operation of one tensor that a call applies, with the tensor: a function, a method or a layer.

    ``first``: of layers in a sequence the first one counts, which is given the tensor; else the last one, which makes
    the result.
    """
    call = op.node
    if not isinstance(call, ast.Call):
        return None
    layer = layer_name(op, flow)
    if layer:
        layer = _in_sequence(op, flow, 0 if first else -1) if layer == "Sequential" else layer
        name = table.layers.get(layer, "")
        return (name, op.sub(call.args[0])) if name and len(call.args) == 1 else None
    called = operation(op, flow.project)
    if called is None or (called.is_method and _is_own(called)):
        return None
    return called.name, called.tensor


def layer_name(op: Operand, flow: Flow) -> str:
    """The class in ``torch.nn`` of the layer that a call applies; "" for any other call."""
    call = op.node
    assert isinstance(call, ast.Call)
    if isinstance(call.func, ast.Call):
        name = flow.project.external(op.module, call.func.func) or ""
        return name.rpartition(".")[2] if name.startswith("torch.nn.") else ""
    if not isinstance(call.func, (ast.Name, ast.Attribute)) or flow.project.resolve(op.module, call.func) is not None:
        return ""
    values = [b.value for b in given(op, call.func, flow)]
    names = {flow.project.external(op.module, v.func) or "" if isinstance(v, ast.Call) else "" for v in values}
    name = names.pop() if len(names) == 1 else ""
    return name.rpartition(".")[2] if name.startswith("torch.nn.") else ""


def _in_sequence(op: Operand, flow: Flow, place: int) -> str:
    """The class in ``torch.nn`` of one layer of an ``nn.Sequential`` whose layers are written out; "" for any other."""
    call = op.node
    func = call.func if isinstance(call, ast.Call) else None
    made = [func] if isinstance(func, ast.Call) else [b.value for b in given(op, func, flow)] if _is_named(func) else []
    sequence = made[0] if len(made) == 1 else None
    layer = sequence.args[place] if isinstance(sequence, ast.Call) and sequence.args else None
    name = (flow.project.external(op.module, layer.func) or "") if isinstance(layer, ast.Call) else ""
    return name.rpartition(".")[2] if name.startswith("torch.nn.") else ""


def _is_named(func: ast.expr | None) -> TypeGuard[ast.Name | ast.Attribute]:
    return isinstance(func, (ast.Name, ast.Attribute))


def given(op: Operand, func: ast.Name | ast.Attribute, flow: Flow) -> list[Binding]:
    """What gives a layer's name its value: the methods of the same class for ``self.act``, else the function itself.

    Looked up by name alone: this is asked of every call, and the layers that matter are made where they are used.
    """
    key = key_of(func)
    if key is None:
        return []
    scope = op.frame.scope
    owner = scope.enclosing_class if key.startswith("self.") else None
    if owner is not None:
        return [b for method in owner.children for b in method.bindings.get(key, ())]
    home = scope.lookup(key)
    return list(flow.reaching(scope).at(func) or (home.bindings[key] if home is not None else ()))


def _is_own(called: Operation) -> bool:
    """``self.norm(x)`` is no operation on ``self``."""
    return isinstance(called.tensor.node, ast.Name) and called.tensor.node.id in ("self", "cls")


def makes_result(op: Operand, table: Table, flow: Flow) -> bool:
    """Whether a call is an operation that saves its result, in memory of its own or in place."""
    found = applied(op, table, flow)
    return (found is not None and found[0] in table.results) or _saves_in_place(op.node, table)


def _saves_in_place(call: ast.AST, table: Table) -> bool:
    """``x.exp_()``, which saves its result anew."""
    name = call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""
    return name.endswith("_") and name[:-1] in table.results


class SavedResults(Evaluator[Saved | None]):
    """Whether a value's memory is the saved result of the operation that made it; None says that it is not."""

    def __init__(self, flow: Flow, table: Table) -> None:
        super().__init__(flow)
        self.table = table

    def expression(self, op: Operand) -> Sequence[Known[Saved | None]] | None:
        """Operations that save their result end the search; views are looked through; all else is another tensor."""
        node = op.node
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if is_open_parameter(op, self.project):
            return [Known(None)]  # the caller's own; to look for all callers is dear, and nothing could be mended
        if isinstance(node, ast.IfExp):
            # ``relu(layer(x)) if i < last else layer(x)`` in a loop: what comes last decides, and is not known.
            known = [k for part in (node.body, node.orelse) for k in self.evaluate(op.sub(part))]
            return known if known and all(k.what is not None for k in known) else [Known(None)]
        if isinstance(node, ast.Attribute) and node.attr in VIEWING:
            return _viewed(self.evaluate(op.sub(node.value)))
        if isinstance(node, ast.Attribute) and node.attr == "data":
            return [Known(None)]
        if isinstance(node, ast.Attribute) and not self.flow.reaching(op.frame.scope).at(node):
            return [Known(None)]  # set elsewhere: a buffer, a cache, a setting
        if isinstance(node, ast.Subscript) and key_of(node) is None:
            return _viewed(self.evaluate(op.sub(node.value))) if _is_basic(node.slice) else [Known(None)]
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, *_CONTAINERS)):
            return [Known(None)]
        return None

    def _from(self, source: Source) -> list[Known[Saved | None]]:
        """A change in place decides on its own: what the value was before is not asked."""
        if source.operand is not None and source.binding is not None and source.binding.kind in _CHANGES:
            return self.update([], source.binding, source.operand)
        return super()._from(source)

    def element(
        self, known: list[Known[Saved | None]], op: Operand, index: tuple[int, ...]
    ) -> list[Known[Saved | None]]:
        """A part of a tensor is a view of it; a part of anything else is not known."""
        return _viewed(known)

    def update(self, known: list[Known[Saved | None]], binding: Binding, op: Operand) -> list[Known[Saved | None]]:
        """A write into a saved value was the bug already; ``x.exp_()`` saves its result anew."""
        call = op.node
        if not _saves_in_place(call, self.table):
            return [Known(None)]
        assert isinstance(call, ast.Call)
        name = last_name(call.func)
        step = op.module.evidence(call, f"`{name}` saves its result for the backward pass")
        return [Known(Saved(name, op), (step,))]

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Saved | None]] | None:
        found = applied(op, self.table, self.flow)
        if found is None:
            return None if not layer_name(op, self.flow) and self._is_in_sight(op, node) else [Known(None)]
        name, tensor = found
        if name in self.table.results and not _is_hard(node):
            step = op.module.evidence(
                node, f"`{op.text()}`: autograd saves the result of `{name}` for the backward pass"
            )
            return [Known(Saved(name, op), (step,))]
        if name in VIEWS:
            return _viewed(self.evaluate(tensor))
        return None if self._is_in_sight(op, node) else [Known(None)]

    def _is_in_sight(self, op: Operand, node: ast.Call) -> bool:
        """Whether a call enters a function, method or module of the project that is named or made right here.

        To ask for the class of any receiver would be dear, and most are modules that a caller chose.
        """
        if isinstance(self.project.resolve(op.module, node.func), Symbol):
            return True
        if not isinstance(node.func, (ast.Name, ast.Attribute)):
            return False
        owner = op.frame.scope.enclosing_class
        is_own = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "self"
        if (
            is_own
            and owner is not None
            and any(m.qualname.endswith(f".{last_name(node.func)}") for m in owner.children)
        ):
            return True
        made = [b.value for b in given(op, node.func, self.flow)]
        classes = [self.project.resolve(op.module, v.func) for v in made if isinstance(v, ast.Call)]
        return bool(classes) and all(isinstance(c, Symbol) for c in classes)


def _viewed(known: list[Known[Saved | None]]) -> list[Known[Saved | None]]:
    return [Known(Saved(k.what.operation, k.what.made, True) if k.what is not None else None, k.trail) for k in known]


def _is_hard(node: ast.Call) -> bool:
    """``gumbel_softmax(hard=True)`` gives another tensor."""
    return any(k.arg == "hard" for k in node.keywords)


def _is_basic(index: ast.expr) -> bool:
    """An index of numbers and slices, which gives a view; masks and index tensors copy."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(isinstance(p, ast.Slice) or _is_number(p) for p in parts)


def _is_number(node: ast.expr) -> bool:
    """A literal number, ``None`` or ``...`` in an index."""
    return isinstance(node, ast.Constant) or constant(node) is not None
