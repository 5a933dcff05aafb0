"""MLF701: a loop over the slices of a tensor that one call on a larger batch replaces."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.slices.fixed import is_fixed, varying_of
from ...analyzer.flow.slices.loops import JOINS, SliceLoop, is_single, slice_loops
from ...analyzer.flow.slices.per_item import PER_ITEM, all_per_item, is_known_per_item, operations
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.nodes import walk
from ...analyzer.source.scopes import key_of
from ._slice_loop_op_cases import INVALID, VALID
from ._slice_loop_op_proof import PROOF

_FOLDED_AXES = (1, 2)


class SliceLoopOp(Rule):
    """What it does
    ------------
    Finds loops and comprehensions over all slices of a tensor along an axis (``for z in range(x.size(2))``) that call
    an operation on images or a layer for each slice (``x[:, :, z]``, ``x[:, z : z + 1]``), where no slice sees what an
    earlier one left, and that put the results together with ``torch.stack`` or ``torch.cat``. The operation may stand
    in a helper or a method of another file. Functions of torchvision count where all arguments but the picture are the
    same for every slice: a blur of a width of its own for each is left alone. Confidence is low where one item of a
    batch is taken at a time and stays a batch (``x[i : i + 1]``): that saves memory.

    Why it is bad
    -------------
    Each slice costs a launch of its own, of kernels that are too small to fill a GPU, and as many nodes of the autograd
    graph. The same operation takes all slices at once when their axis is folded into the batch.

    What you see
    ------------
    Time a step that grows with the depth while the GPU stays idle.

    Example
    -------
    Bad::

        planes = []
        for z in range(x.shape[2]):
            planes.append(F.avg_pool2d(x[:, :, z], 3, stride=1, padding=1))
        x = torch.stack(planes, dim=2)

    Good::

        planes = F.avg_pool2d(x.transpose(1, 2).flatten(0, 1), 3, stride=1, padding=1)
        x = planes.unflatten(0, (x.size(0), x.size(2))).transpose(1, 2)

    Fix safety
    ----------
    Unsafe: equal but for rounding, at the memory of all slices at once. Offered where every operation on the slice is
    known to work on each item of a batch alone; a batch norm would see other statistics, a layer of the project may do
    anything.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/generated/torch.flatten.html
    - https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html
    """

    name: ClassVar[str] = "slice-loop-op"
    code: ClassVar[str] = "MLF701"
    level: ClassVar[Level] = Level.WASTES
    symptom: ClassVar[str] = "The time a step grows with the number of slices while the GPU has little to do."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = (b"torch.stack(", b"torch.cat(")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A function that counts and joins."""
        counting = {call.scope for call in facts.calls if call.callee == "range"}
        return any(call.callee in JOINS and call.scope in counting for call in facts.calls)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a loop."""
        for loop in slice_loops(module, project):
            frame = project.flow.frame(module, loop.join)
            work: list[ast.expr] = [loop.element]
            if isinstance(loop.loop, ast.For):
                work += [s.value for s in loop.loop.body if isinstance(s, ast.Assign)]
            varying = varying_of(loop.variable, loop.loop)
            names = list(dict.fromkeys(n for part in work for n in operations(Operand(part, frame), project, varying)))
            if not names:
                continue
            planned = _plan(loop, module, project)
            yield self.finding(
                module,
                loop.loop,
                f"`{names[0]}` is called for each slice of `{module.segment(loop.tensor)}` along axis {loop.axis}, "
                "and no slice needs another one's result",
                evidence=_evidence(loop, module),
                confidence=_confidence(loop, names),
                repair=None if isinstance(planned, str) else planned,
                no_fix=planned if isinstance(planned, str) else "",
            )


def _confidence(loop: SliceLoop, names: list[str]) -> Confidence:
    if loop.axis == 0 and _keeps_axis(loop):
        return Confidence.LOW  # a batch of one at a time is how memory is saved
    return Confidence.HIGH if set(names) <= PER_ITEM else Confidence.MEDIUM


def _keeps_axis(loop: SliceLoop) -> bool:
    """Whether a slice still has the axis that it was taken along: ``x[:, i : i + 1]``."""
    parts = loop.slices[0].slice
    return any(is_single(part) for part in (parts.elts if isinstance(parts, ast.Tuple) else [parts]))


def _evidence(loop: SliceLoop, module: Module) -> tuple[Evidence, ...]:
    first = loop.slices[0]
    found = [
        module.evidence(first, f"each turn works on the slice `{module.snippet(first)}` alone"),
        module.evidence(loop.join, f"the results are put together by `{module.snippet(loop.join)}`"),
    ]
    return tuple(found)


def _plan(loop: SliceLoop, module: Module, project: Project) -> dict[str, Any] | str:
    """What the codemod needs to know, or why there is no fix."""
    call = loop.element
    if not isinstance(call, ast.Call) or (isinstance(loop.loop, ast.For) and len(loop.loop.body) > 1):
        return "more than one call is made of a slice: fold the axis into the batch by hand"
    if len(loop.slices) != 1 or call.args[:1] != [loop.slices[0]]:
        return "the slice is not the call's first argument: fold the axis into the batch by hand"
    if _keeps_axis(loop):
        return "the slice keeps its axis: fold the axis into the batch by hand"
    if loop.axis not in _FOLDED_AXES or loop.dim != loop.axis or loop.how != "stack":
        return "the results are put together along another axis: fold the axis into the batch by hand"
    operand = project.flow.operand(module, call)
    varying = varying_of(loop.variable, loop.loop)
    if not all(is_fixed(a, varying) for a in (*call.args[1:], *(k.value for k in call.keywords))):
        return "an argument may differ from slice to slice: look, then fold the axis into the batch"
    if not is_known_per_item(project.external(module, call.func)) and not all_per_item(operand, project):
        return "whether the operation works on each item of a batch alone is not in the code: look, then fold the axis"
    reads = [n for n in walk(call) if isinstance(n, ast.Name) and n.id == loop.variable]
    if len(reads) != 1 or key_of(loop.tensor) is None:
        return "the slice's number is used otherwise: fold the axis into the batch by hand"
    if loop.start is not None and (
        loop.join.args[0] is None or module.parent(loop.start) is not module.parent(loop.loop)
    ):
        return "the list is made elsewhere than its loop: fold the axis into the batch by hand"
    if loop.start is None and module.parent(loop.loop) is not loop.join:
        return "the list has a name of its own: fold the axis into the batch by hand"
    listed = loop.join.args[0]
    if isinstance(listed, ast.Name):
        scope = module.scope_of(loop.join)
        loads = [n for n in walk(scope.node) if isinstance(n, ast.Name) and n.id == listed.id]
        if len(loads) != 3:
            return "the list of slices is read elsewhere too: fold the axis into the batch by hand"
    return {
        "loop": module.span(loop.loop),
        "start": module.span(loop.start) if loop.start is not None else None,
        "join": module.span(loop.join),
        "call": module.span(call),
        "slice": module.span(loop.slices[0]),
        "tensor": module.segment(loop.tensor),
        "axis": loop.axis,
        "name": listed.id if isinstance(listed, ast.Name) else "",
    }
