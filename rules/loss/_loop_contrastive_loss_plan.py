"""The code that does at once what a loop over rows does one by one, or why there is none."""

from __future__ import annotations

import ast
from typing import Any

from ...analyzer.flow.floors.places import named
from ...analyzer.flow.values.tensors import constant, operation
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, key_of
from ._lifted_rows import Lifted, Lifter, Unlifted
from ._ranks import rank_of
from ._row_loops import RowLoop

_FURTHEST = 6
_NAMES = ("rows", "row_numbers", "each_row")


def plan(found: RowLoop, module: Module, project: Project) -> dict[str, Any] | str:
    """The repair of one loop: ``statement`` (its place) and ``lines``, without indentation; or the reason for none."""
    try:
        return {
            "statement": (found.loop.lineno, found.loop.col_offset),
            "lines": _lines(found, module, project),
        }
    except Unlifted as reason:
        return f"not written over all rows at once: {reason}"


def _lines(found: RowLoop, module: Module, project: Project) -> list[str]:
    loop = found.loop
    if loop.orelse or module.line_text(loop)[: loop.col_offset].strip():
        raise Unlifted("the loop has an else, or shares its line")
    torch = next(
        (
            n
            for n, bs in module.root_scope.bindings.items()
            if any(b.kind is Kind.IMPORT and b.target == "torch" for b in bs)
        ),
        "",
    )
    scope = module.scope_of(loop)
    rows = next((n for n in _NAMES if scope.lookup(n) is None), "")
    if not torch or not rows:
        raise Unlifted("the file does not import torch as a whole")
    _must_be_local(found, module, project)
    base, count = _all_rows(found, module, project)
    lifter = Lifter(found, module, project, rows, torch)
    lines: list[str] = []
    last = loop.lineno
    for statement in loop.body:
        comments = [module.line(n).strip() for n in range(last + 1, statement.lineno)]
        lines += [c for c in comments if c.startswith("#")]
        tail = module.line(statement.end_lineno or statement.lineno).encode()[statement.end_col_offset or 0 :].decode()
        lines += [line + tail.rstrip() for line in _statement(statement, found, lifter, module)]
        last = statement.end_lineno or statement.lineno
    if lifter.needs_rows:
        lines.insert(0, f"{rows} = {torch}.arange({count}, device={base}.device)")
    return lines


def _statement(statement: ast.stmt, found: RowLoop, lifter: Lifter, module: Module) -> list[str]:
    total = found.total
    if isinstance(statement, ast.AugAssign) and key_of(statement.target) == total:
        sign = "+" if isinstance(statement.op, ast.Add) else "-"
        if not isinstance(statement.op, (ast.Add, ast.Sub)):
            raise Unlifted(f"`{module.snippet(statement)}` does not add")
        return [f"{total} {sign}= {_summed(lifter.lift(statement.value), module, statement)}"]
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        key = key_of(statement.targets[0])
        if key == total:
            return [f"{total} = {total} + {_summed(_added(statement.value, total, lifter), module, statement)}"]
        if isinstance(statement.targets[0], ast.Name):
            return _named(statement.targets[0].id, statement.value, lifter)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        is_append = isinstance(call.func, ast.Attribute) and call.func.attr == "append" and len(call.args) == 1
        if is_append and isinstance(call.func, ast.Attribute) and key_of(call.func.value) == total:
            value = lifter.lift(call.args[0])
            if value.rank == 0 and not value.without_own:
                return [f"{total}.extend({value.code})"]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return []
    if isinstance(statement, ast.If):
        raise Unlifted("a branch decides for each row")
    if isinstance(statement, (ast.For, ast.While)):
        raise Unlifted("there is another loop inside")
    raise Unlifted(f"`{module.snippet(statement)}` has no form over all rows that is sure to be equal")


def _named(name: str, value: ast.expr, lifter: Lifter) -> list[str]:
    lifted = lifter.lift(value)
    if lifted.without_own:
        lifter.made[name] = lifted
        return []
    lifter.made[name] = Lifted(name, lifted.rank)
    return [f"{name} = {lifted.code}"]


def _added(value: ast.expr, total: str, lifter: Lifter) -> Lifted:
    """What ``total + a - b`` adds to the total."""
    terms: list[tuple[str, ast.expr]] = []
    node = value
    while isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        terms.append(("+" if isinstance(node.op, ast.Add) else "-", node.right))
        node = node.left
    if key_of(node) != total:
        raise Unlifted("the total is not only added to")
    code = ""
    for sign, term in reversed(terms):
        lifted = lifter.lift(term)
        if lifted.rank != 0 or lifted.without_own:
            raise Unlifted("what is added is not one number a row")
        code += f" {sign} {lifted.inner}" if code or sign == "-" else lifted.inner
    return Lifted(code.strip(), 0, False)


def _summed(lifted: Lifted, module: Module, statement: ast.stmt) -> str:
    if lifted.rank != 0 or lifted.without_own:
        raise Unlifted(f"`{module.snippet(statement)}` does not add one number a row")
    return f"{lifted.inner}.sum()"


def _must_be_local(found: RowLoop, module: Module, project: Project) -> None:
    """What the body names must not be read after the loop, but for the total."""
    loop = found.loop
    inside = {id(n) for n in ast.walk(loop)}
    scope = module.scope_of(loop)
    reaching = project.flow.reaching(scope)
    for node in ast.walk(scope.node):
        if not isinstance(node, ast.Name) or id(node) in inside or node.id == found.total:
            continue
        if any(id(b.node) in inside for b in reaching.at(node) or ()):
            raise Unlifted(f"`{node.id}` of the last row is read after the loop")


def _all_rows(found: RowLoop, module: Module, project: Project) -> tuple[str, str]:
    """A tensor of all rows, and the code of their number; the loop must run over all of them.

    Raises:
        Unlifted: it may run over some of the rows only.
    """
    if found.rows:
        source = next(iter(found.rows.values()))
        text = module.segment(source)
        return text, f"len({text})"
    assert found.count is not None
    counted = _counted(found.count, module, project)
    own = {n.id for n in ast.walk(found.loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    tensor = ""
    for node in ast.walk(found.loop):
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name) or node.value.id in own:
            continue
        first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        if not isinstance(first, ast.Name) or first.id != found.index:
            continue
        bases = _with_as_many_rows(node.value, module, project)
        if rank_of(node.value, module, project) == 1:
            continue  # another length would not fit, and say so
        if counted is None or counted not in bases:
            raise Unlifted(f"whether the loop runs over all rows of `{node.value.id}` cannot be told")
        tensor = tensor or node.value.id
    if not tensor:
        raise Unlifted("no tensor of all rows is named")
    return tensor, module.segment(found.count)


def _counted(count: ast.expr, module: Module, project: Project) -> str | None:
    """The tensor whose rows a number counts: ``len(z)``, ``z.size(0)``, ``z.shape[0]``, or a name of that."""
    node = named(project.flow, project.flow.operand(module, count)).node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
        return key_of(node.args[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "size":
        return key_of(node.func.value) if [constant(a) for a in node.args] == [0] else None
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        return key_of(node.value.value) if constant(node.slice) == 0 else None
    return None


def _with_as_many_rows(node: ast.expr, module: Module, project: Project) -> set[str]:
    """The names of tensors that have as many rows as one: itself, and those of which it is made row by row."""
    found: set[str] = set()
    op = project.flow.operand(module, node)
    for _ in range(_FURTHEST):
        key = key_of(op.node)
        if key is not None:
            found.add(key)
            inner = named(project.flow, op)
            if inner.node is op.node:
                break
            op = inner
        if isinstance(op.node, ast.BinOp):
            op = op.sub(op.node.left)
            continue
        called = operation(op, project) if isinstance(op.node, ast.Call) else None
        if called is None or called.name not in _BY_ROW:
            break
        op = called.tensor
    return found


_BY_ROW = frozenset(
    {
        *("mm", "matmul", "mv", "normalize", "exp", "log", "div", "mul", "clone", "detach", "float", "softmax"),
        *("log_softmax", "to", "cuda", "contiguous", "cdist", "clamp", "masked_fill"),
    }
)
