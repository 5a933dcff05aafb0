"""Whether the code around a value that may be NaN asks for the empty case, or for NaN, itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...source.scopes import Scope, key_of, last_name
from ..values.frames import Operand
from ..values.functions import own_nodes
from .nans import Nan

_NAN_CALLS = frozenset(
    {
        *("isnan", "isfinite", "isinf", "nan_to_num", "nan_to_num_", "nanargmin", "nanargmax", "nanmin", "nanmax"),
        *("notna", "isna", "notnull", "isnull", "masked_invalid", "dropna", "fillna"),
    }
)
_MEASURES = frozenset(
    {"len", "any", "all", "sum", "count_nonzero", "numel", "max", "size", "nonzero", "isin", "bincount", "unique"}
)
_ATTRIBUTES = frozenset({"size", "shape", "empty"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Module)
_DEEPEST = 6


def is_handled(found: Nan, sink: Operand) -> bool:
    """Whether NaN is asked for on the way, or the selection is measured before it is used.

    Args:
        found: where NaN comes up.
        sink: the expression that must not meet it.
    """
    scopes = {id(s): s for s in (sink.frame.scope, *(op.frame.scope for op in _entries(found.place)))}
    if any(_asks_for_nan(scope) for scope in scopes.values()):
        return True
    place, keys = found.place, _keys(found.place.frame.scope, found.place.node) | _of_condition(found)
    for _ in range(_DEEPEST):
        keys |= _derived(place.frame.scope, keys)
        if _is_measured_before(place, keys):
            return True
        outer = _given(place, keys)
        if not outer:
            return False
        place, keys = outer[0], {k for op in outer for k in _keys(op.frame.scope, op.node)}
    return False


def _of_condition(found: Nan) -> set[str]:
    """The names of the condition, where it stands in the function of the place."""
    is_here = found.condition.frame.scope is found.place.frame.scope
    return _keys(found.condition.frame.scope, found.condition.node) if is_here else set()


def _entries(place: Operand) -> Iterator[Operand]:
    """A place, and the arguments of the calls that led into its function."""
    for _ in range(_DEEPEST):
        yield place
        arguments = place.frame.arguments
        if not arguments:
            return
        place = next(iter(arguments.values()))


def _given(place: Operand, keys: set[str]) -> list[Operand]:
    """The arguments, in the caller, that a function's own names stand for."""
    arguments = place.frame.arguments or {}
    return [op for name, op in arguments.items() if name in {k.partition(".")[0].partition("[")[0] for k in keys}]


def _asks_for_nan(scope: Scope) -> bool:
    return any(isinstance(n, ast.Call) and last_name(n.func) in _NAN_CALLS for n in own_nodes(scope))


def _keys(scope: Scope, node: ast.AST) -> set[str]:
    """The values that an expression names, as long chains: ``self.labels`` and not ``self``; no imported modules."""
    key = key_of(node)
    if key is not None:
        is_module = scope.import_target(key.partition(".")[0].partition("[")[0]) is not None
        return set() if is_module else {key}
    if isinstance(node, ast.Call):
        method = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts: list[ast.AST] = [*method, *node.args, *(k.value for k in node.keywords)]
        return {k for part in parts for k in _keys(scope, part)}
    return {k for part in ast.iter_child_nodes(node) for k in _keys(scope, part)}


def _derived(scope: Scope, keys: set[str]) -> set[str]:
    """Names that are set from a comparison or a count of the selection: ``inside = labels == k``, ``n = m.sum()``."""
    found: set[str] = set()
    for key, bindings in scope.bindings.items():
        for binding in bindings:
            value = binding.value
            if value is None or not (_keys(scope, value) & keys):
                continue
            if isinstance(value, ast.Compare) or any(_is_measure(n) for n in ast.walk(value)):
                found.add(key)
    return found


def _is_measure(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return last_name(node.func) in _MEASURES
    return isinstance(node, ast.Attribute) and node.attr in _ATTRIBUTES


def _is_measured_before(place: Operand, keys: set[str]) -> bool:
    """Whether a test around a place, or one before it in its function, measures what is selected."""
    below: ast.AST = place.node
    scope = place.frame.scope
    for above in place.module.ancestors(place.node):
        if isinstance(above, _FUNCTIONS):
            return any(_measures(scope, t, keys) for t in _tests_before(above, place.node))
        if isinstance(above, (ast.If, ast.IfExp, ast.While)) and below is not above.test:
            if _measures(scope, above.test, keys):
                return True
        elif isinstance(above, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            if any(_measures(scope, t, keys) for g in above.generators for t in g.ifs if t is not below):
                return True
        elif isinstance(above, ast.Try) and below in above.body:
            return True
        below = above
    return False


def _tests_before(function: ast.AST, node: ast.AST) -> Iterator[ast.expr]:
    """Tests that end the function or the loop's turn, or mend the value, on lines before a node."""
    line = getattr(node, "lineno", 0)
    for other in ast.walk(function):
        if isinstance(other, (ast.If, ast.Assert)) and other.lineno < line:
            yield other.test


def _measures(scope: Scope, test: ast.expr, keys: set[str]) -> bool:
    """Whether a test measures one of some values: its length, its sum, or the plain truth of it."""
    plain = test.operand if isinstance(test, ast.UnaryOp) else test
    if isinstance(plain, (ast.Name, ast.Attribute)) and key_of(plain) in keys:
        return True
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and _is_measure(node) and _keys(scope, node) & keys:
            return True
        if isinstance(node, ast.Attribute) and node.attr in _ATTRIBUTES and _keys(scope, node.value) & keys:
            return True
        is_bounded = isinstance(node, ast.Compare) and any(isinstance(c, ast.Constant) for c in node.comparators)
        if is_bounded and key_of(node.left) in keys:  # pyright: ignore[reportAttributeAccessIssue]
            return True
    return False
