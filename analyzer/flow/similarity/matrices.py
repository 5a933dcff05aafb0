"""The similarity of a set of vectors with itself, from the product to the sums and shares made of its rows.

Such a matrix has every vector's similarity with itself on its diagonal. The domain follows the matrix as long as that
diagonal is shown to be still there; whatever it does not know (a mask, a selection, another function) ends in
``Stage.UNKNOWN``, so that only a diagonal that nobody took out is ever reported.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ...findings import Evidence
from ...source.scopes import Binding, Kind, key_of
from ..values.construction import Constructions
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand
from ..values.tensors import (
    UNCHANGED,
    Operation,
    is_called_widely,
    is_open_parameter,
    is_row_constant,
    is_scalar,
    near_sources,
    operation,
)
from .diagonal import Diagonals
from .identity import Identity, Sameness, adds_axes
from .pairs import pairs_of

_KEPT = UNCHANGED | {"clamp", "clamp_", "clamp_min", "clamp_max", "clip", "nan_to_num", "squeeze", "unsqueeze"}
_KEPT |= {"transpose", "adjoint"}
_SCALED = frozenset({"div", "true_divide", "divide", "div_", "mul", "multiply", "mul_"})
_SHIFTED = frozenset({"add", "add_", "sub", "sub_", "subtract"})
_POWERS = frozenset({"neg", "neg_", "pow", "pow_", "square", "sqrt", "abs"})
_RESHAPED = frozenset({"view", "reshape", "flatten"})
_SELECTED = frozenset(
    {"gather", "masked_select", "index_select", "take_along_dim", "mean", "view", "reshape", "flatten"}
)
_JOINED = frozenset({"cat", "concat", "concatenate", "hstack"})
_KNOWN = _KEPT | _SCALED | _SHIFTED | _POWERS | _RESHAPED | _SELECTED | {"exp", "exp_", "softmax", "sum", "log"}
_KNOWN |= {"diag", "diagonal"}
_PLAIN = Sameness()


class Stage(Enum):
    """How far a matrix is on its way into a loss."""

    LOGITS = "logits"
    EXP = "exp"
    SUM = "sum"
    """One number a row: the sum of its exponentials."""
    SHARE = "share"
    """Something divided by that sum, or the softmax."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Similarity:
    """A self-similarity at one stage.

    ``place`` is the expression that holds the whole matrix where self pairs could still be left out: of a sum the
    summed matrix, of a softmax its input; None: the value itself. ``origin`` is the call that made a sum or softmax.
    """

    stage: Stage
    sameness: Sameness = _PLAIN
    is_distance: bool = False
    is_reshaped: bool = False
    is_masked: bool = False
    """Multiplied by a mask whose diagonal is 1."""
    block: int | None = None
    """Position among the matrices joined side by side."""
    is_whole: bool = True
    is_floored: bool = False
    place: Operand | None = None
    origin: Operand | None = None


_LOST = Known(Similarity(Stage.UNKNOWN))
_MATRIX = (Stage.LOGITS, Stage.EXP)
_REDUCED = (Stage.SUM, Stage.SHARE)


class Similarities(Evaluator[Similarity]):
    """Follows self-similarity matrices whose diagonal is still in.

    Args:
        flow: the project's value flow.
        tokens: trigger bytes of which a file holds at least one if it can make such a matrix; calls of functions in
            other files are not entered. Empty: every call is.
    """

    remembers = True

    def __init__(self, flow: Flow, tokens: frozenset[bytes] = frozenset()) -> None:
        super().__init__(flow)
        self.tokens = tokens
        self.identity = Identity(flow.project)

    def expression(self, op: Operand) -> Sequence[Known[Similarity]] | None:
        """Products of a set with itself, and the operations of which it is known what they do to the diagonal."""
        node = op.node
        if isinstance(node, (ast.Constant, ast.Lambda, ast.Compare, ast.Dict, ast.JoinedStr)):
            return []
        pair = pairs_of(op, self.project)
        if pair is not None:
            same = self.identity.compare(*pair.sides)
            if same is not None and (same.is_row or not pair.is_paired):
                return [Known(Similarity(Stage.LOGITS, same, pair.is_distance), (self._origin(op, same),))]
            return [_LOST]
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.UnaryOp):
            return self.evaluate(op.sub(node.operand)) if isinstance(node.op, ast.USub) else []
        if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Subscript) and key_of(node) is None:
            return self._subscript(op, node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._name(op)
        return self._call(op) if isinstance(node, ast.Call) else None

    def element(self, known: list[Known[Similarity]], op: Operand, index: tuple[int, ...]) -> list[Known[Similarity]]:
        """One part of a matrix is no longer the matrix; of a row sum or a share it still tells of the whole row."""
        return [k if k.what.stage in _REDUCED else _LOST for k in known]

    def update(self, known: list[Known[Similarity]], binding: Binding, op: Operand) -> list[Known[Similarity]]:
        """Scaling in place keeps the diagonal; any other change may be the mask."""
        if isinstance(binding.node, ast.AugAssign) and key_of(binding.node.target) is not None:
            return [self._scaled(k, type(binding.node.op), op) for k in known]
        called = operation(op, self.project)
        chained = called is not None and key_of(called.tensor.node) is None
        if called is None or chained or binding.kind is not Kind.UPDATE or not called.is_method:
            return [_LOST for _ in known]
        return self._operated(known, called, op)

    # Names.

    def _name(self, op: Operand) -> Sequence[Known[Similarity]] | None:
        if is_open_parameter(op, self.project) and is_called_widely(op, self.project):
            return []
        sources = near_sources(op, self.project)
        if not sources:
            return None
        parts = [self._from(s) for s in sources]
        if not any(k.what.stage is not Stage.UNKNOWN for known in parts for k in known):
            return [_LOST] if any(parts) else []
        # What only some callers pass is no fact about this function.
        given = [p for s, p in zip(sources, parts, strict=True) if s.binding and s.binding.kind is Kind.PARAMETER]
        if (len(given) > 1 and not all(given)) or self._is_changed_elsewhere(op):
            return [_LOST]
        return list(dict.fromkeys(k for known in parts for k in known))

    def _is_changed_elsewhere(self, op: Operand) -> bool:
        """Whether a view of the name, or a function that is given it, changes it where no binding shows."""
        key = key_of(op.node)
        for node in ast.walk(op.frame.scope.node):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = node.func.attr
                in_place = name.endswith("_") and not name.endswith("__") and name not in ("div_", "mul_")
                if in_place and key_of(node.func.value) == key and not self._is_statement(op, node):
                    return True
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Call)
                and self._writes(op, node.value, str(key))
            ):
                return True
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and self._is_view(node.value, str(key)):
                alias = key_of(node.targets[0])
                changes = op.frame.scope.bindings.get(alias or "", [])
                if alias != key and any(b.kind in (Kind.UPDATE, Kind.AUGMENT) for b in changes):
                    return True
        return False

    def _is_statement(self, op: Operand, node: ast.Call) -> bool:
        return isinstance(op.module.parent(node), ast.Expr)

    def _writes(self, op: Operand, call: ast.Call, key: str) -> bool:
        """Whether a function of the project changes the argument ``key`` in place."""
        if not any(key_of(a) == key for a in call.args):
            return False
        for _, scope in self.flow.calls.callees(op.sub(call)):
            for parameter, argument in self.flow.calls.bind(call, op.frame, scope).items():
                bindings = scope.bindings.get(parameter, [])
                if key_of(argument.node) == key and any(b.kind is Kind.UPDATE for b in bindings):
                    return True
        return False

    @staticmethod
    def _is_view(node: ast.expr, key: str) -> bool:
        """``key`` itself, or a view of it."""
        views = ("diagonal", "view", "flatten", "T", "t", "transpose", "detach")
        while key_of(node) != key:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in views:
                node = node.args[0] if node.args and key_of(node.args[0]) == key else node.func.value
            elif isinstance(node, ast.Subscript):
                node = node.value
            else:
                return False
        return True

    # Arithmetic.

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> list[Known[Similarity]]:
        left, right = self.evaluate(op.sub(node.left)), self.evaluate(op.sub(node.right))
        other = op.sub(node.left)
        if _is_lost(left) and (_is_lost(right) or not isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div))):
            return [_LOST] if left or right else []
        if isinstance(node.op, ast.Div) and right:
            return [_share(k) if k.what.stage is Stage.SUM else _LOST for k in right]
        if not _is_lost(left):
            return [self._scaled(k, type(node.op), op.sub(node.right)) for k in left]
        if (
            isinstance(node.op, ast.Sub)
            and not is_scalar(other, self.project)
            and not is_row_constant(other, self.project)
        ):
            return [_LOST]
        return [self._scaled(k, type(node.op), other) for k in right]

    def _scaled(self, known: Known[Similarity], how: type[ast.operator], other: Operand) -> Known[Similarity]:
        """What one operand of an operation becomes; ``other`` is the one that is no such matrix."""
        stage = known.what.stage
        if stage is Stage.UNKNOWN or how is ast.Div or how is ast.Pow:
            return known
        if how is ast.Mult:
            if stage is Stage.SHARE:
                return known
            if is_scalar(other, self.project):
                return known
            if stage is Stage.EXP and Diagonals(self.flow).value(other) == 1:
                return replace(known, what=replace(known.what, is_masked=True))
            return _LOST
        if how is ast.Add and stage in _REDUCED:
            return replace(known, what=replace(known.what, is_floored=True))
        if how in (ast.Add, ast.Sub) and stage in _MATRIX:
            fixed = is_scalar(other, self.project) or (stage is Stage.LOGITS and is_row_constant(other, self.project))
            return known if fixed else _LOST
        return _LOST

    def _subscript(self, op: Operand, node: ast.Subscript) -> list[Known[Similarity]]:
        known = self.evaluate(op.sub(node.value))
        if adds_axes(node.slice):
            return known
        part = self.identity.row_of(op)
        if part is not None:
            return [_row(k, part[1]) for k in known]
        return [replace(k, what=replace(k.what, is_whole=False)) if k.what.stage in _REDUCED else _LOST for k in known]

    # Calls.

    def _call(self, op: Operand) -> Sequence[Known[Similarity]] | None:
        called = operation(op, self.project)
        if called is not None and called.name in _JOINED:
            return self._joined(called)
        if called is not None and (not called.is_method or called.name in _KNOWN):
            known = self.evaluate(called.tensor)
            if known or not called.is_method:
                return self._operated(known, called, op) or [_LOST]
        return self._called_project(op)

    def _operated(self, known: list[Known[Similarity]], called: Operation, op: Operand) -> list[Known[Similarity]]:
        return [self._operated_one(k, called, op) for k in known]

    def _operated_one(self, known: Known[Similarity], called: Operation, op: Operand) -> Known[Similarity]:
        name, what = called.name, known.what
        other = called.argument(0, "other", "value")
        if what.stage is Stage.UNKNOWN or name in _KEPT or (name in _POWERS and what.stage is Stage.LOGITS):
            return known
        if other is not None and (name in _SCALED or name in _SHIFTED):
            how = ast.Div if "div" in name else ast.Mult if "mul" in name else ast.Add if "add" in name else ast.Sub
            return self._scaled(known, how, op.sub(other))
        if what.stage is Stage.LOGITS and name in ("exp", "exp_"):
            return replace(known, what=replace(what, stage=Stage.EXP))
        if what.stage is Stage.LOGITS and name == "softmax":
            return self._softmax(known, called.tensor, op)
        along = called.argument(0, "dim", "axis") is not None or what.sameness.is_row
        if what.stage is Stage.EXP and name == "sum" and along:
            return replace(known, what=replace(what, stage=Stage.SUM, place=called.tensor, origin=op, is_whole=False))
        beside = name in ("diag", "diagonal") and called.argument(0, "offset", "diagonal") is not None
        if what.stage in _REDUCED and (name in _SELECTED or name == "sum" or beside):
            return replace(known, what=replace(what, is_whole=False))
        if what.stage in _MATRIX and name in _RESHAPED:
            return replace(known, what=replace(what, is_reshaped=True))
        return _LOST

    def _joined(self, called: Operation) -> list[Known[Similarity]]:
        """Matrices side by side (``cat([ab, aa], dim=1)``): each keeps its place among them."""
        if not isinstance(called.tensor.node, (ast.List, ast.Tuple)):
            return []
        found: list[Known[Similarity]] = []
        parts = [(called.tensor.sub(e), self.evaluate(called.tensor.sub(e))) for e in called.tensor.node.elts]
        for position, (part, known) in enumerate(parts):
            if known and all(k.what.stage in _MATRIX for k in known):
                found += [replace(k, what=replace(k.what, block=position, place=k.what.place or part)) for k in known]
        return found or [known[0] for _, known in parts if known and known[0].what.stage in _REDUCED] or [_LOST]

    def _called_project(self, op: Operand) -> Sequence[Known[Similarity]] | None:
        """Look into a function of the project; of anything else the result is not known."""
        node = op.node
        assert isinstance(node, ast.Call)
        callees = self.flow.calls.callees(op)
        if callees:
            enter = not self.tokens or any(not m.facts.tokens.isdisjoint(self.tokens) for m, _ in callees)
            return None if enter else [_LOST]
        if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
            made = {m.what.name for m in Constructions(self.flow).evaluate(op.sub(node.func))}
            if made == {"Softmax"}:
                given = op.sub(node.args[0])
                return [self._softmax(k, given, op) for k in self.evaluate(given)]
        return [_LOST]

    @staticmethod
    def _softmax(known: Known[Similarity], given: Operand, op: Operand) -> Known[Similarity]:
        if known.what.stage is not Stage.LOGITS:
            return _LOST
        what = replace(known.what, stage=Stage.SHARE, place=known.what.place or given, origin=op)
        return replace(known, what=what)

    def _origin(self, op: Operand, same: Sameness) -> Evidence:
        what = "a row of " if same.is_row else ""
        return op.module.evidence(op.node, f"`{op.text()}` is {what}the similarity of one set with itself")


def _is_lost(known: list[Known[Similarity]]) -> bool:
    return all(k.what.stage is Stage.UNKNOWN for k in known)


def _row(known: Known[Similarity], number: str) -> Known[Similarity]:
    """One whole row of a square matrix, with the name of its number."""
    what = known.what
    if what.stage in _REDUCED:
        return replace(known, what=replace(what, is_whole=False))
    if what.stage not in _MATRIX or what.sameness.is_row or what.is_reshaped or what.block is not None:
        return _LOST
    return replace(known, what=replace(what, sameness=replace(what.sameness, is_row=True, row=number)))


def _share(known: Known[Similarity]) -> Known[Similarity]:
    """Something divided by a row sum."""
    return replace(known, what=replace(known.what, stage=Stage.SHARE))
