"""Loops that take a tensor apart along an axis, work on each slice alone, and put the results together again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Kind, key_of, last_name
from ..values.frames import Operand
from ..values.tensors import constant, operation

JOINS = {"torch.stack": "stack", "torch.cat": "cat", "torch.concat": "cat", "torch.concatenate": "cat"}
"""Functions that put a list of tensors together, along a new axis or an old one."""
_OF_TENSORS = frozenset({"shape", "size", "dim", "ndim", "dtype", "device", "permute", "view", "reshape", "transpose"})

_TENSORS = frozenset({"torch", "torchvision", "torchaudio", "kornia", "einops", "monai", "timm"})


class SliceLoop(NamedTuple):
    """A loop over all slices of a tensor.

    ``loop`` is the loop or comprehension, ``element`` what it makes of one slice, ``variable`` the slice's number,
    ``tensor`` and ``slices`` the tensor and its subscripts, ``axis`` the axis, ``join`` the call that puts the results
    together, along ``dim``. ``start`` is the statement that makes the empty list (None for a comprehension).
    """

    loop: ast.For | ast.ListComp
    element: ast.expr
    variable: str
    tensor: ast.expr
    slices: tuple[ast.Subscript, ...]
    axis: int
    join: ast.Call
    how: str
    dim: int | None
    start: ast.stmt | None


def slice_loops(module: Module, project: Project) -> Iterator[SliceLoop]:
    """The slice loops of a file."""
    for call in module.calls():
        if last_name(call.func) not in ("stack", "cat", "concat", "concatenate") or not call.args:
            continue
        how = JOINS.get(project.external(module, call.func) or "")
        if how is not None:
            found = _joined(module, project, call, how)
            if found is not None:
                yield found


def _joined(module: Module, project: Project, call: ast.Call, how: str) -> SliceLoop | None:
    given = call.args[0]
    if isinstance(given, ast.ListComp):
        return _comprehension(module, project, given, call, how)
    if not isinstance(given, ast.Name):
        return None
    scope = module.scope_of(call)
    bindings = scope.bindings.get(given.id, [])
    plain = [b for b in bindings if b.kind is Kind.ASSIGN]
    changes = [b for b in bindings if b.kind is Kind.UPDATE]
    if len(bindings) != len(plain) + len(changes) or len(plain) != 1 or plain[0].value is None:
        return None
    value = plain[0].value
    if isinstance(value, ast.ListComp) and not changes:
        return _comprehension(module, project, value, call, how)
    if not (isinstance(value, ast.List) and not value.elts and len(changes) == 1):
        return None
    added = changes[0].node
    loop = module.parent(added)
    appended = added.value if isinstance(added, ast.Expr) else None
    if not isinstance(loop, ast.For) or loop.orelse or not isinstance(appended, ast.Call) or len(appended.args) != 1:
        return None
    if last_name(appended.func) != "append" or loop.body[-1] is not added or not _is_straight(loop):
        return None
    start = plain[0].node
    if not isinstance(start, ast.stmt) or not isinstance(loop.target, ast.Name):
        return None
    return _seen(module, project, loop, appended.args[0], loop.target.id, loop.iter, call, how, start)


def _comprehension(module: Module, project: Project, made: ast.ListComp, call: ast.Call, how: str) -> SliceLoop | None:
    generator = made.generators[0]
    if len(made.generators) != 1 or generator.ifs or not isinstance(generator.target, ast.Name):
        return None
    return _seen(module, project, made, made.elt, generator.target.id, generator.iter, call, how, None)


def _is_straight(loop: ast.For) -> bool:
    """Whether the body only names what it makes, and reads no name before that: no slice sees an earlier one's."""
    own: set[str] = set()
    names = {n.id for s in loop.body for n in walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for statement in loop.body[:-1]:
        if not isinstance(statement, ast.Assign) or not all(isinstance(t, ast.Name) for t in statement.targets):
            return False
        if _loads(statement.value) & (names - own):
            return False
        own |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return not _loads(loop.body[-1]) & (names - own)


def _loads(node: ast.AST) -> set[str]:
    return {n.id for n in walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _seen(
    module: Module,
    project: Project,
    loop: ast.For | ast.ListComp,
    element: ast.expr,
    variable: str,
    over: ast.expr,
    join: ast.Call,
    how: str,
    start: ast.stmt | None,
) -> SliceLoop | None:
    """The loop, where its number is used for slices of a tensor alone, and counts that tensor's axis."""
    if not isinstance(over, ast.Call) or last_name(over.func) != "range" or len(over.args) != 1:
        return None
    body: list[ast.AST] = [*loop.body] if isinstance(loop, ast.For) else [loop.elt]
    uses = [n for part in body for n in walk(part) if isinstance(n, ast.Name) and n.id == variable]
    slices = [found for use in uses if (found := _slice(module, use)) is not None]
    if not slices or len(slices) != len(uses):
        return None
    counted = _axis_of(project.flow.operand(module, over.args[0]), project)
    for tensor, axis, subscript in slices:
        if counted is None or counted[0] != key_of(tensor):
            continue
        if counted[1] not in (axis, -1) or not (axis or _is_tensor(tensor, module, project)):
            return None
        if any(place != axis for _, place, _ in slices):
            return None
        dim = constant(next((k.value for k in join.keywords if k.arg in ("dim", "axis")), None))
        if len(join.args) > 1:
            dim = constant(join.args[1])
        number = (
            dim if isinstance(dim, int) else 0 if dim is None and len(join.args) == 1 and not join.keywords else None
        )
        subscripts = tuple(dict.fromkeys(s for t, _, s in slices if key_of(t) == key_of(tensor)))
        if any(_is_read(module, project, s) for s in subscripts):
            return None
        del subscript
        return SliceLoop(loop, element, variable, tensor, subscripts, axis, join, how, number, start)
    return None


def _is_read(module: Module, project: Project, part: ast.Subscript) -> bool:
    """Whether what a loop takes out is no slice of a tensor: ``cv2.imread(paths[i])``, ``open(files[i])``."""
    call = module.parent(part)
    if not isinstance(call, ast.Call) or part is call.func:
        return False
    name = project.external(module, call.func)
    return name is not None and name.partition(".")[0] not in _TENSORS


def _slice(module: Module, use: ast.Name) -> tuple[ast.expr, int, ast.Subscript] | None:
    """``x`` and 2 of ``x[:, :, i]``, and of ``x[:, :, i : i + 1]``, which keeps the axis."""
    place = _place(module, use)
    parent = module.parent(place)
    if isinstance(parent, ast.Tuple):
        before = parent.elts[: parent.elts.index(place)]
        outer = module.parent(parent)
        if not all(_is_full(e) for e in before) or not isinstance(outer, ast.Subscript):
            return None
        if not all(_is_full(e) or constant(e) is Ellipsis for e in parent.elts if e is not place):
            return None
        return (outer.value, len(before), outer) if key_of(outer.value) is not None else None
    if isinstance(parent, ast.Subscript) and parent.slice is place and key_of(parent.value) is not None:
        return parent.value, 0, parent
    return None


def _place(module: Module, use: ast.Name) -> ast.expr:
    """``i : i + 1`` for either ``i`` of it; otherwise the name itself."""
    for above in (module.parent(use), module.parent(module.parent(use) or use)):
        if isinstance(above, ast.Slice) and is_single(above):
            return above
    return use


def is_single(part: ast.expr) -> bool:
    """Whether a part of a subscript takes one place and keeps the axis: ``i : i + 1``."""
    if not isinstance(part, ast.Slice) or not isinstance(part.lower, ast.Name) or part.step is not None:
        return False
    end = part.upper
    if not isinstance(end, ast.BinOp) or not isinstance(end.op, ast.Add):
        return False
    for name, one in ((end.left, end.right), (end.right, end.left)):
        if isinstance(name, ast.Name) and name.id == part.lower.id and isinstance(one, ast.Constant):
            return type(one.value) is int and one.value == 1
    return False


def _is_full(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) and node.lower is None and node.upper is None and node.step is None


def _axis_of(count: Operand, project: Project, depth: int = 0) -> tuple[str, int] | None:
    """The tensor and axis whose size a number is: ``x.size(2)``, ``x.shape[2]``, ``len(x)``, or a name of one."""
    node = count.node
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        return _sized(node.value.value, constant(node.slice))
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "size" and len(node.args) == 1:
            return _sized(node.func.value, constant(node.args[0]))
        if isinstance(node.func, ast.Name) and node.func.id == "len" and node.args:
            return _sized(node.args[0], 0)
    if isinstance(node, ast.Name) and depth < 2:
        bindings = project.flow.reaching(count.frame.scope).at(node)
        found = {_unpacked(count, b.value, b.index, project, depth) for b in bindings or () if b.kind is Kind.ASSIGN}
        return found.pop() if len(found) == 1 and len(bindings or ()) == 1 else None
    return None


def _unpacked(
    count: Operand, value: ast.expr | None, index: tuple[int, ...], project: Project, depth: int
) -> tuple[str, int] | None:
    """``b, c, d, h, w = x.shape``."""
    if value is None:
        return None
    if not index:
        return _axis_of(count.sub(value), project, depth + 1)
    if len(index) != 1:
        return None
    if isinstance(value, ast.Attribute) and value.attr == "shape":
        return _sized(value.value, index[0])
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "size":
        return _sized(value.func.value, index[0]) if not value.args else None
    return None


def _is_tensor(value: ast.expr, module: Module, project: Project) -> bool:
    """Whether what is counted and indexed by one number is known to be a tensor: lists of feature maps are so, too."""
    scope = module.scope_of(value)
    key = str(key_of(value))
    for node in walk(scope.node):
        if isinstance(node, ast.Attribute) and node.attr in _OF_TENSORS and key_of(node.value) == key:
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and key_of(node.value) == key:
            return True
        if isinstance(node, ast.arg) and node.arg == key and node.annotation is not None:
            return project.external(module, node.annotation) == "torch.Tensor"
    sources = project.flow.sources(project.flow.operand(module, value))
    made = [s.operand for s in sources if s.operand is not None]
    return bool(made) and all(isinstance(m.node, ast.Call) and operation(m, project) is not None for m in made)


def _sized(tensor: ast.expr, axis: object) -> tuple[str, int] | None:
    key = key_of(tensor)
    return (key, axis) if key is not None and isinstance(axis, int) else None
