"""Where a loss is computed in lower precision: after autocast on what came out of it, or by hand inside of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ...findings import Evidence
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Kind, Scope
from ..values.construction import Constructions
from ..values.flow import Flow
from ..values.frames import Frame, Known, Operand, Source
from ..values.functions import own_calls, own_nodes, returned
from .ambient import Ambient, ambients, opens_autocast
from .operations import Operations, tensors_given
from .precision import Number, Precision
from .values import Precisions

_DEEPEST = 3
_MOST_TERMS = 24
_SHRINKING = frozenset({"to", "half", "bfloat16", "type", "type_as"})
_WORDS = ("loss", "criterion", "objective")


class Where(Enum):
    """Where a loss stands to the autocast that its inputs came through."""

    AFTER = "after"
    INSIDE = "inside"


@dataclass(frozen=True)
class LowerLoss:
    """A loss in lower precision.

    Attributes:
        call: the call that computes it.
        where: whether it runs after autocast or inside of it.
        known: the type, with what led to it.
        inputs: the arguments in lower precision.
        is_torch: whether it is a loss of torch, which takes tensors and nothing else.
        has_other: whether the loss may have another type by another way.
        signs: for a loss written by hand, the lines that lose digits.
    """

    call: Operand
    where: Where
    known: Known[Precision]
    inputs: tuple[ast.expr, ...]
    is_torch: bool
    has_other: bool = False
    signs: tuple[Evidence, ...] = field(default=())


class LowerLosses:
    """The losses of a file that are computed in lower precision.

    Args:
        flow: the project's value flow.
        operations: what torch's operations do.
    """

    def __init__(self, flow: Flow, operations: Operations) -> None:
        self.flow = flow
        self.operations = operations
        self._blocks: dict[tuple[Scope, ast.AST], list[Ambient]] = {}

    def of(self, module: Module) -> Iterator[LowerLoss]:
        """Each loss in a function that enters autocast."""
        for scope in module.scopes():
            if scope.is_class or not opens_autocast(module, scope.node, own=True):
                continue
            calls = own_calls(scope) if scope.is_function else _top_calls(module)
            for call in calls:
                yield from self._of_call(Operand(call, Frame(module, scope)))

    def _of_call(self, op: Operand) -> Iterator[LowerLoss]:
        around = self._ambients(op)
        is_after = all(a.is_off for a in around)
        if not (_takes_tensors(op.node) if is_after else any(a.is_on for a in around)):
            return
        kind = self._loss(op)
        if kind is None or (kind and not is_after):
            return
        found = self._after(op, is_torch=kind) if is_after else self._by_hand(op)
        if found is not None:
            yield found

    def _ambients(self, op: Operand) -> list[Ambient]:
        """What autocast does at a call of a file's own function: asked once for each block."""
        block = (op.frame.scope, _block(op))
        if block not in self._blocks:
            self._blocks[block] = ambients(self.flow, op)
        return self._blocks[block]

    def _loss(self, op: Operand) -> bool | None:
        """Whether a call is a loss of torch (True) or of the project (False); None for all else."""
        call = op.node
        assert isinstance(call, ast.Call)
        called = self.flow.project.resolve(op.module, call.func)
        if isinstance(called, str):
            head, _, name = called.rpartition(".")
            return True if head.startswith("torch") and self.operations.is_loss(name) else None
        if isinstance(called, Symbol):
            is_function = self.flow.project.symbols.klass(called) is None
            return False if is_function and _says_loss(called.qualname) else None
        made = [k.what for k in Constructions(self.flow).evaluate(op.sub(call.func))]
        if any(isinstance(m.of, str) and m.of.startswith("torch.") and m.name in self.operations.losses for m in made):
            return True
        if any(isinstance(m.of, Symbol) and _says_loss(m.name) for m in made):
            return False
        is_named = isinstance(call.func, ast.Attribute) and _says_loss(call.func.attr)  # as what it enters is
        callees = self.flow.calls.callees(op) if is_named and not made else []
        return False if any(_says_loss(scope.qualname.rpartition(".")[2]) for _, scope in callees) else None

    def _after(self, op: Operand, *, is_torch: bool) -> LowerLoss | None:
        known = Precisions(self.flow, self.operations).evaluate(op)
        lower = [k for k in known if k.what.number is Number.LOWER]
        if not is_torch:  # what it does is only known where its inputs are
            lower = [k for k in lower if k.what.is_sure]
        if not lower:
            return None
        best = next((k for k in lower if k.what.is_sure), lower[0])
        call = op.node
        assert isinstance(call, ast.Call)
        given = tensors_given(call) if is_torch else _all_given(call)
        inputs = tuple(a for a in given if self._is_lower(op.sub(a)))
        if not inputs or _is_widened(op):
            return None
        return LowerLoss(op, Where.AFTER, best, inputs, is_torch, len(known) > len(lower))

    def _is_lower(self, op: Operand) -> bool:
        return any(k.what.number is Number.LOWER for k in Precisions(self.flow, self.operations).evaluate(op))

    def _by_hand(self, op: Operand) -> LowerLoss | None:
        """A loss of the project that runs under autocast, a term of which is made in lower precision."""
        for frame in self._frames(op):
            for value in returned(frame.scope):
                term = self._term(Operand(value, frame))
                if term is not None:
                    signs = self._signs(frame)
                    call = op.node
                    assert isinstance(call, ast.Call)
                    name = frame.scope.qualname
                    step = frame.module.evidence(
                        value, f"`{name}` returns `{frame.module.snippet(value)}` in that type"
                    )
                    return LowerLoss(op, Where.INSIDE, term.after(step), (), False, False, (step, *signs))
        return None

    def _term(self, op: Operand) -> Known[Precision] | None:
        """What a returned value is, where that is one number in lower precision on all paths."""
        precisions = Precisions(self.flow, self.operations)
        if not all(_are_lower(precisions.follow(s)) for s in self._ways(op)):
            return None
        known = precisions.evaluate(op)
        return known[0] if known and _are_lower(known) and known[0].what.is_single else None

    def _ways(self, op: Operand) -> Iterator[Source]:
        """Where a value comes from, plain assignments before changes, which take in what was there before."""
        node = op.node
        for side in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
            sources = self.flow.sources(op.sub(side)) if isinstance(side, ast.Name) else []
            yield from sorted(sources, key=lambda s: s.binding is not None and s.binding.kind is Kind.AUGMENT)

    def _frames(self, op: Operand) -> Iterator[Frame]:
        """The functions that a call goes through, with what they are given."""
        waiting, seen = [(op, 0)], set[int]()
        while waiting and len(seen) < _MOST_TERMS:
            call, depth = waiting.pop(0)
            for result in self.flow.calls.returns(call):
                frame = result.frame
                if id(frame.scope) in seen:
                    continue
                seen.add(id(frame.scope))
                yield frame
                if depth < _DEEPEST:
                    waiting += [(Operand(inner, frame), depth + 1) for inner in own_calls(frame.scope)]

    def _signs(self, frame: Frame) -> tuple[Evidence, ...]:
        """The lines of a function that lose digits: a value brought down to the lower type, a difference from one."""
        found: list[Evidence] = []
        for node in own_nodes(frame.scope):
            op = Operand(node, frame) if isinstance(node, ast.expr) else None
            if op is not None and isinstance(node, ast.Call) and self._shrinks(op, node):
                found.append(frame.module.evidence(node, f"`{op.text()}` rounds the target to the lower type as well"))
            elif op is not None and isinstance(node, ast.BinOp) and self._cancels(op, node):
                note = f"`{op.text()}`: what is left near 0 has no digits"
                found.append(frame.module.evidence(node, note))
        return tuple(found)

    def _shrinks(self, op: Operand, node: ast.Call) -> bool:
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in _SHRINKING:
            return False
        return self._is_lower(op) and not self._is_lower(op.sub(node.func.value))

    def _cancels(self, op: Operand, node: ast.BinOp) -> bool:
        left = node.left.value if isinstance(node.left, ast.Constant) else None
        return isinstance(node.op, ast.Sub) and left in (1, 1.0) and self._is_lower(op.sub(node.right))


def _is_widened(op: Operand) -> bool:
    """Whether what came out of autocast is made float32 before a loss, under the switch that turned autocast on."""
    module, nodes = op.module, list(own_nodes(op.frame.scope))
    switches: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.With):
            contexts = [i.context_expr for i in node.items if isinstance(i.context_expr, ast.Call)]
            given = [v for c in contexts for v in (*c.args, *(k.value for k in c.keywords if k.arg == "enabled"))]
            ends = node.end_lineno or node.lineno
            switches.update({module.segment(v): ends for v in given if not isinstance(v, ast.Constant)})
    return any(
        isinstance(node, ast.If)
        and switches.get(module.segment(node.test), node.lineno) < node.lineno < op.node.lineno
        and any(_widens(statement) for statement in node.body)
        for node in nodes
    )


def _widens(node: ast.stmt) -> bool:
    """``x = x.float()``."""
    value = node.value if isinstance(node, ast.Assign) else None
    if not isinstance(node, ast.Assign) or not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    to = [ast.unparse(a).rpartition(".")[2] for a in (*value.args, *(k.value for k in value.keywords))]
    is_cast = value.func.attr in {"to", "type"} and not {"float32", "float"}.isdisjoint(to)
    makes = value.func.attr == "float" or is_cast
    return makes and ast.unparse(node.targets[0]) == ast.unparse(value.func.value)


def _are_lower(known: Sequence[Known[Precision]]) -> bool:
    return all(k.what.number is Number.LOWER and k.what.is_sure for k in known)


def _block(op: Operand) -> ast.AST:
    """The innermost ``with`` in whose body an expression stands, else the function or the file."""
    child: ast.AST = op.node
    for above in op.module.ancestors(op.node):
        if isinstance(above, (ast.With, ast.AsyncWith)) and child in above.body:
            return above
        child = above
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            break
    return child


def _all_given(call: ast.Call) -> list[ast.expr]:
    """What a call is given, by place or by any name."""
    return [*(a for a in call.args if not isinstance(a, ast.Starred)), *(k.value for k in call.keywords if k.arg)]


def _takes_tensors(node: ast.expr) -> bool:
    """Whether a call is given something that may be a tensor."""
    return isinstance(node, ast.Call) and not all(isinstance(a, ast.Constant) for a in _all_given(node))


def _says_loss(name: str) -> bool:
    return any(word in name.lower() for word in _WORDS)


def _top_calls(module: Module) -> list[ast.Call]:
    """The calls of a file's top level, outside of functions and classes."""
    return [
        call
        for statement in module.tree.body
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for call in walk(statement)
        if isinstance(call, ast.Call)
    ]
