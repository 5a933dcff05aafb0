"""How often a call runs in a training: the loops and guards around it, followed up through its callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

from ...graph.graphs import is_test
from ...source.module import Module
from ...source.nodes import branches
from ...source.scopes import key_of
from ..values.flow import Flow
from ..values.frames import Frame, Operand

if TYPE_CHECKING:
    from ...graph.project import Project

Loop = ast.For | ast.AsyncFor | ast.While
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_MOST_FUNCTIONS = 5
_MOST_PATHS = 8
_DEEPEST_WORK = 3
_BACKWARD = {"backward", "manual_backward"}


@dataclass(frozen=True, eq=False)
class Around:
    """One thing that a call stands in: a loop, an ``if`` (with the branch's truth), or a ``with`` item's expression."""

    module: Module
    node: ast.AST
    test: ast.expr | None = None
    holds: bool = True

    @property
    def operand(self) -> Operand:
        """The test or context expression."""
        assert self.test is not None
        return Operand(self.test, Frame(self.module, self.module.scope_of(self.test)))


@dataclass(frozen=True, eq=False)
class Path:
    """Everything around a call, innermost first, through its callers; ``calls`` are the calls passed on the way."""

    around: tuple[Around, ...]
    calls: tuple[tuple[Module, ast.Call], ...] = ()

    @property
    def loops(self) -> list[Around]:
        """The loops, innermost first."""
        return [a for a in self.around if isinstance(a.node, _LOOPS)]

    def inside(self, loop: Around) -> list[Around]:
        """What stands between the call and a loop."""
        return list(self.around[: self.around.index(loop)])


def paths_to(flow: Flow, module: Module, node: ast.AST, depth: int = 0) -> list[Path]:
    """Every way in which control comes to a node, from the callers of its function down."""
    around = tuple(_around(module, node))
    home = module.scope_of(node)
    found: list[Path] = []
    if depth < _MOST_FUNCTIONS and home.is_function:
        callers = [(c, m) for _, c, m in flow.calls.callers(Frame(module, home)) if not is_test(m.path)]
        for call, caller in callers[:_MOST_PATHS]:
            for path in paths_to(flow, caller, call, depth + 1):
                found.append(replace(path, around=around + path.around, calls=((caller, call), *path.calls)))
    return found[:_MOST_PATHS] or [Path(around)]


def _around(module: Module, node: ast.AST) -> Iterator[Around]:
    """Loops and conditions around a node inside its function, innermost first; early ``continue`` counts as one."""
    below: ast.AST = node
    for above in module.ancestors(node):
        if isinstance(above, _FUNCTIONS):
            yield from _skipped(module, above, below)
            return
        if isinstance(above, ast.If) and below is not above.test:
            yield from _skipped(module, above, below)
            yield Around(module, above, above.test, below in above.body)
        elif isinstance(above, _LOOPS):
            yield from _skipped(module, above, below)
            if below in above.body:
                if isinstance(above, ast.While):
                    yield Around(module, above, above.test)
                else:
                    yield Around(module, above)
        elif isinstance(above, (ast.With, ast.AsyncWith)):
            yield from _skipped(module, above, below)
            for item in above.items:
                yield Around(module, above, item.context_expr)
        elif isinstance(above, ast.IfExp) and below is not above.test:
            yield Around(module, above, above.test, below is above.body)
        below = above


def _skipped(module: Module, above: ast.AST, below: ast.AST) -> Iterator[Around]:
    """``if not ready: continue`` before a statement of the same block guards it."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(above, name, None)
        if isinstance(block, list) and below in block:
            for earlier in reversed(block[: block.index(below)]):
                if isinstance(earlier, ast.If) and isinstance(earlier.body[-1], (ast.Continue, ast.Return)):
                    yield Around(module, earlier, earlier.test, False)


@dataclass(frozen=True, eq=False)
class Work:
    """A backward pass or a ``step`` call that a loop's body comes to, and the loops in between, outermost first."""

    kind: str
    module: Module
    call: ast.Call
    loops: tuple[tuple[Module, Loop], ...] = ()


class Worker:
    """Finds what a loop's body does, through the functions that it calls."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._leading = _names_that_lead_to_backward(flow.project)

    def work(self, module: Module, loop: ast.AST) -> list[Work]:
        """The backward passes and step calls that one turn of a loop comes to."""
        return list(self._in(module, getattr(loop, "body", []), (), 0))

    def _in(
        self, module: Module, body: list[ast.stmt], loops: tuple[tuple[Module, Loop], ...], depth: int
    ) -> Iterator[Work]:
        stack: list[tuple[ast.AST, tuple[tuple[Module, Loop], ...]]] = [(s, loops) for s in reversed(body)]
        while stack:
            node, inside = stack.pop()
            if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                continue
            if isinstance(node, _LOOPS):
                inside = (*inside, (module, node))
            if isinstance(node, ast.Call):
                yield from self._of_call(module, node, inside, depth)
            stack.extend((child, inside) for child in reversed(branches(node)))

    def _of_call(
        self, module: Module, call: ast.Call, loops: tuple[tuple[Module, Loop], ...], depth: int
    ) -> Iterator[Work]:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if isinstance(call.func, ast.Attribute) and name in _BACKWARD:
            yield Work("backward", module, call, loops)
        elif isinstance(call.func, ast.Attribute) and name == "step":
            yield Work("step", module, call, loops)
        if depth < _DEEPEST_WORK and name in self._leading:
            for callee, scope in self.flow.calls.callees(self.flow.operand(module, call)):
                if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield from self._in(callee, scope.node.body, loops, depth + 1)


def _names_that_lead_to_backward(project: Project) -> set[str]:
    """Last names of the project's functions in which, or below which, a backward pass or a step is taken."""
    found: set[str] = set()
    wanted = _BACKWARD | {"step"}
    for _ in range(_DEEPEST_WORK):
        scopes = {s.scope.rpartition(".")[2] for name in wanted for s in project.possible_call_sites(name) if s.scope}
        wanted = scopes - found
        found |= scopes
    return found


def every(flow: Flow, guard: Around) -> Operand | None:
    """The number K of a guard that lets control pass once in K turns: ``(i + 1) % K == 0`` and its variants."""
    return _every(flow, guard.operand, guard.holds, 0) or _counted(guard)


def _every(flow: Flow, op: Operand, holds: bool, depth: int) -> Operand | None:
    node = op.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _every(flow, op.sub(node.operand), not holds, depth)
    if isinstance(node, ast.BoolOp):
        # "Every K, or at the loop's end" still is every K; "every K, or before step N" is not.
        if isinstance(node.op, ast.Or) is holds and any(_is_early(value, holds) for value in node.values):
            return None
        parts = [_every(flow, op.sub(value), holds, depth) for value in node.values]
        return next((p for p in parts if p is not None), None)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and not holds:
        return op.sub(node.right)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(op, node, holds)
    if isinstance(node, (ast.Name, ast.Attribute)) and depth < _DEEPEST_WORK:
        sources = [s.operand for s in flow.sources(op) if s.operand is not None and not s.is_element and not s.index]
        found = [_every(flow, s, holds, depth + 1) for s in sources]
        return next((f for f in found if f is not None), None)
    if isinstance(node, ast.Call) and depth < _DEEPEST_WORK:
        if key_of(node.func) is not None and getattr(node.func, "id", "") == "bool" and node.args:
            return _every(flow, op.sub(node.args[0]), holds, depth + 1)
        found = [_every(flow, r, holds, depth + 1) for r in flow.calls.returns(op)]
        return next((f for f in found if f is not None), None)
    return None


def _is_early(test: ast.expr, holds: bool) -> bool:
    """``step < warmup``: lets control pass on many turns."""
    many = (ast.Lt, ast.LtE, ast.NotEq) if holds else (ast.GtE, ast.Gt, ast.Eq)
    is_guard = isinstance(test, ast.Compare) and isinstance(test.left, ast.BinOp) and isinstance(test.left.op, ast.Mod)
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], many) and not is_guard


def _compared(op: Operand, node: ast.Compare, holds: bool) -> Operand | None:
    """``x % K == 0``, ``x % K == K - 1``, ``x % K != 0``, ``x % K > 0``."""
    left, operator = node.left, node.ops[0]
    right = node.comparators[0]
    if not (isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod)):
        left, right = right, left
    if not (isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod)):
        return None
    passes = isinstance(operator, ast.Eq) if holds else isinstance(operator, (ast.NotEq, ast.Gt))
    return op.sub(left.right) if passes else None


def _counted(guard: Around) -> Operand | None:
    """``waiting += 1; if waiting == K: ...; waiting = 0``."""
    node, test = guard.node, guard.test
    if not (isinstance(node, ast.If) and guard.holds and isinstance(test, ast.Compare) and len(test.ops) == 1):
        return None
    counter = key_of(test.left)
    if counter is None or not isinstance(test.ops[0], (ast.Eq, ast.GtE)):
        return None
    for statement in node.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
            continue
        if statement.value.value == 0 and any(key_of(t) == counter for t in statement.targets):
            return guard.operand.sub(test.comparators[0])
    return None


def ends(loop: Around) -> Iterator[ast.Compare]:
    """How a training ends by a counter: ``if counter >= bound: break`` (or return), ``while counter < bound``."""
    node = loop.node
    if isinstance(node, ast.While) and _compares(node.test, (ast.Lt, ast.LtE)):
        yield node.test
    for below in ast.walk(node):
        if not isinstance(below, ast.If) or not isinstance(below.body[-1], (ast.Break, ast.Return)):
            continue
        if _compares(below.test, (ast.GtE, ast.Gt, ast.Eq)):
            yield below.test


def _compares(test: ast.expr, operators: tuple[type[ast.cmpop], ...]) -> TypeGuard[ast.Compare]:
    return isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], operators)


def increment(loop: ast.AST, counter: str | None) -> ast.AugAssign | None:
    """``counter += 1`` inside a loop."""
    for node in ast.walk(loop):
        if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add) or counter is None:
            continue
        if key_of(node.target) == counter and isinstance(node.value, ast.Constant) and node.value.value == 1:
            return node
    return None
