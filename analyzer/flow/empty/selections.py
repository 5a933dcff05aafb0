"""Selections that may come out empty: entries where a condition holds, and whether it must hold somewhere."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from ...findings import Confidence
from ...source.scopes import Kind
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand, Source
from ..values.origins import origin
from .arrays import array_call, is_own_method

_PLACES = frozenset({"argwhere", "nonzero", "flatnonzero"})
_SAME_ENTRIES = frozenset(
    {
        *("float", "double", "long", "int", "to", "astype", "type", "cpu", "cuda", "numpy", "detach", "clone", "copy"),
        *("array", "asarray", "tensor", "as_tensor", "stack", "squeeze", "reshape", "view", "unsqueeze", "t"),
        *("transpose", "contiguous", "from_numpy"),
    }
)
_UNIQUE = frozenset({"unique", "set", "sorted", "list", "tolist", "unique_consecutive", "tuple"})
_CHOICES = frozenset({"argmin", "argmax", "predict", "fit_predict"})
_DEEPEST = 8


class Selection(NamedTuple):
    """What a condition selects. ``place`` is the selecting expression, ``condition`` the condition itself."""

    place: Operand
    condition: Operand


class Selections(Evaluator[Selection]):
    """The selections that a value may be, through names, conversions and helpers."""

    def expression(self, op: Operand) -> Sequence[Known[Selection]] | None:
        """``x[mask]``, ``np.argwhere(mask)``, ``torch.nonzero(mask)``, ``[v for v in xs if ...]``."""
        node = op.node
        if isinstance(node, ast.Subscript):
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
            found = conditions(self.flow, op.sub(first))
            if found:
                return [self._known(op, c) for c in found]
            return None if isinstance(node.slice, ast.Constant) else []
        if isinstance(node, ast.ListComp) and len(node.generators) == 1 and len(node.generators[0].ifs) == 1:
            return [self._known(op, op.sub(node.generators[0].ifs[0]))]
        if isinstance(node, ast.Call):
            call = array_call(op, self.project)
            if call is None:
                return None if is_followed(self.flow, op) else []
            if call.name in _PLACES or (call.name == "where" and call.library and not call.rest):
                return [self._known(op, c) for c in conditions(self.flow, call.array)]
            if call.name == "masked_select" and call.rest:
                return [self._known(op, c) for c in conditions(self.flow, op.sub(call.rest[0]))]
            if call.name == "index_select" and len(call.rest) > 1:
                return [self._known(op, c) for c in conditions(self.flow, op.sub(call.rest[1]))]
            return self.evaluate(call.array) if call.name in _SAME_ENTRIES else []
        return None

    def _known(self, op: Operand, condition: Operand) -> Known[Selection]:
        return Known(Selection(op, condition))


def is_followed(flow: Flow, op: Operand) -> bool:
    """Whether a call enters a function of the project that is named outright, or a method of its own class."""
    call = op.node
    assert isinstance(call, ast.Call)
    is_named = flow.project.resolve(op.module, call.func) is not None
    return (is_named or is_own_method(op)) and bool(flow.calls.callees(op))


def conditions(flow: Flow, op: Operand, depth: int = 0) -> list[Operand]:
    """The comparisons that a mask is, through names, ``~``, ``&`` and ``np.where(..)[0]``; [] for anything else."""
    node = op.node
    if depth > _DEEPEST:
        return []
    if isinstance(node, (ast.Compare, ast.BoolOp)):
        return [op]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not)):
        return [op] if conditions(flow, op.sub(node.operand), depth + 1) else []
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        sides = (node.left, node.right)
        return [op] if all(conditions(flow, op.sub(s), depth + 1) for s in sides) else []
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return conditions(flow, op.sub(node.value), depth + 1)
    if isinstance(node, ast.Call):
        call = array_call(op, flow.project)
        if call is None:
            return []
        is_places = call.name in _PLACES or (call.name == "where" and bool(call.library) and not call.rest)
        is_same = call.name in ("bool", "to", "astype", "cpu", "numpy", "squeeze", "flatten", "view", "reshape")
        return conditions(flow, call.array, depth + 1) if is_places or is_same else []
    if isinstance(node, (ast.Name, ast.Attribute)):
        found: list[Operand] = []
        for source in flow.sources(op):
            changed = source.binding is not None and source.binding.kind in (Kind.UPDATE, Kind.AUGMENT)
            if source.operand is None or source.is_element or changed:
                return []
            found += conditions(flow, source.operand, depth + 1)
        return found
    return []


def emptiness(flow: Flow, condition: Operand) -> tuple[Confidence, str] | None:
    """How sure it is that a condition may hold nowhere, and why; None where nothing says so.

    ``labels == k`` over the numbers of ``unique(labels)`` holds somewhere, over those of another array it need not; a
    cluster that an ``argmin`` assigns to may lose all of its points.
    """
    node = condition.node
    text = condition.text()
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
        return Confidence.MEDIUM, f"nothing may fulfil `{text}`"
    if isinstance(node.ops[0], (ast.Lt, ast.Gt, ast.LtE, ast.GtE)):
        return Confidence.MEDIUM, f"nothing may fulfil `{text}`"
    if not isinstance(node.ops[0], ast.Eq):
        return None
    left, right = condition.sub(node.left), condition.sub(node.comparators[0])
    if isinstance(right.node, ast.Constant):
        return (Confidence.MEDIUM, f"nothing may fulfil `{text}`") if _is_cut(flow, left) else None
    for array, number in ((left, right), (right, left)):
        runs = _runs_over(flow, number)
        for over in runs:
            told = _numbers_of(flow, array, over, text)
            if told is not None:
                return told
        if runs:
            return None
    return None


def _numbers_of(flow: Flow, array: Operand, over: Operand, text: str) -> tuple[Confidence, str] | None:
    """Whether the numbers over which a loop runs may be missing in an array."""
    listed = _uniques(flow, over)
    if listed is not None:
        if _is_same(flow, array, listed) or not (_is_cut(flow, array) and _is_cut(flow, listed)):
            return None
        told = f"the numbers are those of `{listed.text()}`, and `{array.text()}` need not hold each of them"
        return Confidence.HIGH, told
    is_range = isinstance(over.node, ast.Call) and isinstance(over.node.func, ast.Name) and over.node.func.id == "range"
    if is_range and _is_assignment(flow, array):
        return Confidence.HIGH, f"a cluster may be left without any point, and then `{text}` holds nowhere"
    return None


def _runs_over(flow: Flow, number: Operand, depth: int = 0) -> list[Operand]:
    """What the loop runs over whose variable a value is."""
    if not isinstance(number.node, ast.Name) or depth > _DEEPEST:
        return []
    found: list[Operand] = []
    for source in flow.sources(number):
        if source.operand is None:
            continue
        if source.is_element and not source.index:
            found.append(source.operand)
        elif source.is_element:
            found += _enumerated(source)
        elif not source.index:
            found += _runs_over(flow, source.operand, depth + 1)
    return found


def _enumerated(source: Source) -> list[Operand]:
    """``for i, label in enumerate(labels)``."""
    op = source.operand
    call = op.node if op is not None else None
    if op is None or not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "enumerate" or not call.args:
        return []
    return [op.sub(call.args[0])] if source.index == (1,) else []


def _uniques(flow: Flow, op: Operand, depth: int = 0) -> Operand | None:
    """The array whose different numbers a value holds: ``np.unique(x)``, ``sorted(set(x))``, ``x[x > 0].unique()``."""
    node = op.node
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in _UNIQUE:
            return None
        call = array_call(op, flow.project)
        inner = call.array if call is not None else op.sub(node.args[0]) if node.args else None
        if inner is None:
            return None
        below = _uniques(flow, inner, depth + 1)
        return below if below is not None else _unmasked(flow, inner) if "unique" in name or name == "set" else None
    if isinstance(node, ast.Subscript):
        return _uniques(flow, op.sub(node.value), depth + 1)
    if isinstance(node, ast.Name):
        found = [_uniques(flow, s.operand, depth + 1) for s in flow.sources(op) if s.operand is not None]
        return found[0] if len(found) == 1 else None
    return None


def _unmasked(flow: Flow, op: Operand) -> Operand:
    """``x`` of ``x[x > 0]``: the numbers that are left are still numbers of x."""
    node = op.node
    if isinstance(node, ast.Subscript) and conditions(flow, op.sub(node.slice)):
        return op.sub(node.value)
    return op


def _is_same(flow: Flow, one: Operand, other: Operand) -> bool:
    if ast.dump(one.node) == ast.dump(other.node) and one.frame.scope is other.frame.scope:
        return True
    first, second = origin(flow, one), origin(flow, other)
    return first is not None and first == second


def _is_cut(flow: Flow, op: Operand, depth: int = 0) -> bool:
    """Whether a value is cut out of a larger array by a window: ``volume[window]``, ``image[y0:y1, x0:x1]``."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
        return not conditions(flow, op.sub(node.slice))
    if isinstance(node, ast.Name):
        return any(
            s.operand is not None and not s.index and not s.is_element and _is_cut(flow, s.operand, depth + 1)
            for s in flow.sources(op)
        )
    return False


def _is_assignment(flow: Flow, op: Operand) -> bool:
    """Whether numbers come out of a choice: the nearest centre of each point."""
    return bool(_Assigned(flow).evaluate(op))


class _Assigned(Evaluator[str]):
    """Whether a value is chosen by ``argmin`` or ``argmax``."""

    def expression(self, op: Operand) -> Sequence[Known[str]] | None:
        node = op.node
        if isinstance(node, ast.ListComp):
            return self.evaluate(op.sub(node.elt))
        if not isinstance(node, ast.Call):
            return None
        call = array_call(op, self.project)
        if call is None:
            return None if is_followed(self.flow, op) else []
        if call.name in _CHOICES:
            return [Known(call.name)]
        return self.evaluate(call.array) if call.name in _SAME_ENTRIES or call.name == "flatten" else []

    def update(self, known: list[Known[str]], binding: object, op: Operand) -> list[Known[str]]:
        """``assigned[i] = np.argmin(...)`` and ``assigned.append(np.argmin(...))``."""
        given = op.node.args if isinstance(op.node, ast.Call) and op.node.args else [op.node]
        is_append = isinstance(op.node, ast.Call) and getattr(op.node.func, "attr", "") in ("append", "extend")
        inside = self.evaluate(op.sub(given[0])) if is_append else self.evaluate(op)
        return [*known, *inside]
