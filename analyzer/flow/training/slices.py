"""The statements of a function that some of its variables depend on, up to a place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.scopes import Kind, Scope
from ...source.written import written
from ..values.functions import own_nodes
from .step import Level, Unclear

_OWN_NAMES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try)
_READING = frozenset(
    {"train", "eval", "zero_grad", "step", "backward", "save", "close", "write", "mkdir", "unlink", "print", "info",
     "debug", "warning", "error", "log", "add_scalar", "fit", "item", "exists"}
)  # fmt: skip
_CHANGING = frozenset(
    {"update", "apply", "load_state_dict", "freeze", "defrost", "merge_from_file", "merge_from_list", "setdefault",
     "append", "extend", "pop", "to", "cuda", "requires_grad_", "register_buffer"}
)  # fmt: skip
_SEVERAL_PROCESSES = frozenset({"DistributedDataParallel", "FullyShardedDataParallel"})


@dataclass(frozen=True)
class Part:
    """Lines of code, and the local names that they need from before."""

    lines: tuple[str, ...]
    needs: frozenset[str]
    nodes: tuple[ast.AST, ...]


def slice_before(project: Project, level: Level, place: ast.AST, wanted: set[str], top: ast.AST | None = None) -> Part:
    """What makes the wanted names at a place, of the statements before it.

    Args:
        project: the project.
        level: the function.
        place: the node up to which statements count.
        wanted: local names.
        top: only statements inside of this loop count; None for the whole function.

    Raises:
        Unclear: a statement that they depend on trains, ends the loop or the function, or needs several processes.
    """
    needs = set(wanted)
    kept: list[tuple[str, ast.AST]] = []
    for node in reversed(list(_earlier(level, place, top))):
        if isinstance(node, ast.For) and node in level.module.ancestors(place):
            if needs.isdisjoint(stored(node.target)):
                continue
            needs |= local_names(level, node.iter)
            kept.append((f"{written(node.target)} = next(iter({written(node.iter)}))", node.iter))
        elif isinstance(node, ast.stmt) and _touches(project, level, node, needs):
            _refuse(project, level, node)
            needs |= local_names(level, node)
            kept.append((written(node), node))
    kept.reverse()
    return Part(tuple(text for text, _ in kept), frozenset(needs), tuple(node for _, node in kept))


def stored(node: ast.AST) -> set[str]:
    """The names that a statement or target binds; what a comprehension binds is its own."""
    if isinstance(node, _OWN_NAMES):
        return set()
    found: set[str] = set()
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        found.add(node.id)
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        found |= {a.asname or a.name.partition(".")[0] for a in node.names}
    for child in ast.iter_child_nodes(node):
        found |= stored(child)
    return found


def local_names(level: Level, node: ast.AST) -> set[str]:
    """The variables of a level's own scope that a node reads."""
    return {name for name in _read(node) if is_local(level.scope, name)}


def _read(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id}
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        found |= _read(child)
    if isinstance(node, ast.Lambda):
        own = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        return found - own
    if isinstance(node, _OWN_NAMES):
        own = {name for generator in node.generators for name in stored(generator.target)}
        return (found - own) | _read(node.generators[0].iter)
    return found


def is_local(scope: Scope, name: str) -> bool:
    """Whether a name is a variable of the scope; at the top level, whether it is assigned there."""
    bindings = scope.bindings.get(name)
    if not bindings or name in scope.foreign:
        return False
    if isinstance(scope.node, ast.Module):
        return all(b.kind not in (Kind.IMPORT, Kind.DEFINE) for b in bindings)
    return True


def _earlier(level: Level, place: ast.AST, top: ast.AST | None) -> Iterator[ast.AST]:
    """The statements that run before a place, in their order; a loop around the place stands for its first turn."""
    way = [place]
    for ancestor in level.module.ancestors(place):
        way.append(ancestor)
        if ancestor is (top or level.scope.node):
            break
    for outer, inner in zip(way[:0:-1], way[-2::-1], strict=True):
        if isinstance(outer, ast.For) and outer is not top:
            yield outer
        if isinstance(outer, (ast.With, ast.AsyncWith)):
            for item in outer.items:
                if item.optional_vars is not None:
                    yield ast.copy_location(ast.Assign([item.optional_vars], item.context_expr), item.context_expr)
        for block in ("body", "orelse", "handlers", "finalbody"):
            statements = getattr(outer, block, None)
            if isinstance(statements, list) and inner in statements:
                yield from statements[: statements.index(inner)]


def _touches(project: Project, level: Level, node: ast.stmt, needs: set[str]) -> bool:
    """Whether a statement gives a needed name its value or changes what it holds."""
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Name, ast.Attribute, ast.Subscript)) and not isinstance(inner.ctx, ast.Load):
            if _root(inner) in needs:
                return True
        elif isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call):  # noqa: SIM102 - one kind a branch
            if _changes(project, level, inner.value, needs):
                return True
    return not needs.isdisjoint(stored(node)) and not isinstance(node, ast.Expr)


def _changes(project: Project, level: Level, call: ast.Call, needs: set[str]) -> bool:
    called = project.resolve(level.module, call.func)
    given = [a for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Name) and a.id in needs]
    if isinstance(called, str):
        return bool(given) and called.startswith("torch.nn.")
    if isinstance(called, Symbol):
        return bool(given) and _changes_arguments(project, level, call, {a.id for a in given})
    return isinstance(call.func, ast.Attribute) and _root(call.func) in needs and call.func.attr not in _READING


def _changes_arguments(project: Project, level: Level, call: ast.Call, names: set[str]) -> bool:
    """Whether a function of the project changes one of the named variables that it is given."""
    frame = project.flow.frame(level.module, call)
    for module, scope in project.flow.calls.callees(project.flow.operand(level.module, call)):
        bound = project.flow.calls.bind(call, frame, scope)
        own = {p for p, op in bound.items() if isinstance(op.node, ast.Name) and op.node.id in names}
        for node in own_nodes(scope):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
                if _root(node) in own:
                    return True
            elif isinstance(node, ast.Call):
                named = project.external(module, node.func)
                if named is not None and named.startswith("torch.nn.init."):
                    return True
                if isinstance(node.func, ast.Attribute) and _root(node.func) in own and node.func.attr in _CHANGING:
                    return True
    return False


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _refuse(project: Project, level: Level, node: ast.stmt) -> None:
    line = getattr(node, "lineno", None)
    where = f"{level.module.path}:{line}" if line is not None else level.name
    own_loops = [n for n in ast.walk(node) if isinstance(n, (ast.For, ast.While))]
    looped = {id(n) for loop in own_loops for n in ast.walk(loop)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.ImportFrom) and inner.level:
            raise Unclear(f"it needs a relative import inside a function ({where})")
        if isinstance(inner, (ast.Break, ast.Continue)) and id(inner) not in looped:
            raise Unclear(f"a statement that it depends on may leave the loop ({where})")
        if isinstance(inner, (ast.Return, ast.Yield, ast.YieldFrom, ast.Await)) and isinstance(node, _COMPOUND):
            raise Unclear(f"a statement that it depends on may leave the function ({where})")
        if isinstance(inner, ast.Call):
            last = (project.external(level.module, inner.func) or "").rpartition(".")[2]
            if last in _SEVERAL_PROCESSES:
                raise Unclear(f"it is made for several processes ({where})")
            if isinstance(inner.func, ast.Attribute) and inner.func.attr == "backward":
                raise Unclear(f"a statement that it depends on trains ({where})")
