"""Blocks that move an image and leave behind what other blocks of the code move with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...source.scopes import Kind, Scope, last_name
from .motions import Motion, is_called_so, motion
from .pictures import Pictures

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_CASTS = frozenset({"astype", "to", "type", "view"})
_CONVERSIONS = _CASTS | {
    *("list", "tuple", "array", "asarray", "ascontiguousarray", "tensor", "as_tensor", "from_numpy", "Tensor"),
    *("copy", "deepcopy", "clone", "tolist", "numpy", "float", "int", "long", "cpu", "cuda"),
}
"""The last names of calls that leave numbers as they are."""
_NESTED = ("body", "orelse", "finalbody")


class Moved(NamedTuple):
    """``image = mirror(image)``: a statement of a block, and the name that it moves."""

    statement: ast.Assign
    image: str
    motion: Motion
    block: tuple[ast.stmt, ...]
    scope: Scope


class LeftBehind(NamedTuple):
    """A motion whose companion stays where it was; ``pattern`` is a block that moves both, and ``update`` how."""

    moved: Moved
    companion: str
    pattern: Moved
    update: ast.stmt


def left_behind(module: Module, project: Project) -> Iterator[LeftBehind]:
    """The motions of an image that a companion should have followed, as it does elsewhere in the file.

    A companion is what another block changes, from itself, where it moves an image of the same name: in the same
    function, or in another one to which both are parameters. Both must be returned together.
    """
    moved = list(_motions(module, project))
    pairs = [(m, name, update) for m in moved for name, update in _updates(m)]
    if not pairs:
        return
    for one in moved:
        changed = {name for name, _ in _updates(one)}
        if changed or _sets_more(one) or _is_told(one):
            continue
        for pattern, companion, update in pairs:
            is_same = pattern.scope is one.scope
            if companion == one.image or pattern.image != one.image:
                continue
            if not is_same and not _are_parameters(one, pattern, companion):
                continue
            if not _are_returned(one, companion) or (_is_whole(one) and _changes_somewhere(one.scope, companion)):
                continue
            yield LeftBehind(one, companion, pattern, update)
            break


def _motions(module: Module, project: Project) -> Iterator[Moved]:
    if not any(type(n) is ast.Assign and _moves(n, module) for n in module.syntax.assignments):
        return
    pictures = Pictures(project.flow)
    for scope in module.scopes():
        if not isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for block in _blocks(scope.node):
            for statement in block:
                if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                    continue
                target = statement.targets[0]
                call = statement.value
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "copy":
                    call = call.func.value
                found = motion(call, module, project, pictures) if isinstance(target, ast.Name) else None
                if found is not None and isinstance(found.image, ast.Name) and found.image.id == target.id:  # pyright: ignore[reportAttributeAccessIssue]
                    yield Moved(statement, found.image.id, found, tuple(block), scope)


def _moves(statement: ast.Assign, module: Module) -> bool:
    """Whether an assignment may be a motion, by the names alone."""
    call = statement.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "copy":
        call = call.func.value
    return isinstance(call, ast.Call) and is_called_so(call, module)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in _NESTED:
        block = getattr(node, field, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
            for statement in block:
                if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    yield from _blocks(statement)


def _updates(moved: Moved) -> Iterator[tuple[str, ast.stmt]]:
    """What the same block computes anew from itself, or writes parts of."""
    for statement in moved.block:
        for name in _updated(statement):
            if name != moved.image:
                yield name, statement


def _updated(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, (ast.Name, ast.Subscript)):
        yield from _base(statement.target)
    if isinstance(statement, ast.Assign):
        read = {n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name)}
        for target in statement.targets:
            for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                for name in _base(part):
                    if isinstance(part, ast.Subscript) or (name in read and not _is_conversion(statement.value)):
                        yield name


def _is_conversion(node: ast.expr) -> bool:
    """Whether a value is a name's own in another container or type: ``list(boxes)``, ``boxes.astype(int)``."""
    while isinstance(node, ast.Call) and last_name(node.func) in _CONVERSIONS:
        is_method = isinstance(node.func, ast.Attribute) and not node.args
        is_cast = isinstance(node.func, ast.Attribute) and node.func.attr in _CASTS
        inner = node.func.value if isinstance(node.func, ast.Attribute) and (is_method or is_cast) else None
        if inner is None and not node.args:
            return False
        node = inner if inner is not None else node.args[0]
        if isinstance(node, ast.Name):
            return True
    return False


def _base(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _sets_more(moved: Moved) -> bool:
    """Whether the block tells others of the motion: it sets a name that is read outside of it, or changes an object."""
    names = {
        n.id
        for statement in moved.block
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    } - {moved.image}
    if _is_whole(moved):
        return False
    outside = {id(n) for statement in moved.block for n in ast.walk(statement)}
    read = {
        n.id
        for n in ast.walk(moved.scope.node)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in outside
    }
    writes = any(
        isinstance(n, (ast.Attribute, ast.Subscript)) and isinstance(n.ctx, ast.Store)
        for statement in moved.block
        for n in ast.walk(statement)
    )
    calls = any(isinstance(s, (ast.Expr, ast.Return, ast.Raise)) for s in moved.block)
    return bool(names & read) or writes or calls


def _is_told(moved: Moved) -> bool:
    """Whether the condition of the block is a value that something else may read: a flag."""
    for node in ast.walk(moved.scope.node):
        if isinstance(node, ast.If) and any(s in (node.body, node.orelse) for s in (list(moved.block),)):
            flags = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
            inside = {id(n) for n in ast.walk(node)}
            others = {
                n.id
                for n in ast.walk(moved.scope.node)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in inside
            }
            drawn = {
                key
                for key in flags
                for b in moved.scope.bindings.get(key, ())
                if b.kind is Kind.ASSIGN
                and b.value is not None
                and any(isinstance(c, ast.Call) for c in ast.walk(b.value))
            }
            return bool(drawn & others)
    return False


def _is_whole(moved: Moved) -> bool:
    return list(moved.block) == getattr(moved.scope.node, "body", None)


def _changes_somewhere(scope: Scope, name: str) -> bool:
    return any(
        name in set(_updated(s)) or any(b.kind is not Kind.PARAMETER for b in scope.bindings.get(name, ()))
        for s in ast.walk(scope.node)
        if isinstance(s, ast.stmt)
    )


def _are_parameters(one: Moved, pattern: Moved, companion: str) -> bool:
    def given(scope: Scope, name: str) -> bool:
        return any(b.kind is Kind.PARAMETER for b in scope.bindings.get(name, ()))

    return all(given(m.scope, name) for m in (one, pattern) for name in (one.image, companion))


def _are_returned(moved: Moved, companion: str) -> bool:
    for node in ast.walk(moved.scope.node):
        if isinstance(node, ast.Return) and isinstance(node.value, (ast.Tuple, ast.Dict, ast.List)):
            names = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
            if {moved.image, companion} <= names:
                return True
    return False
