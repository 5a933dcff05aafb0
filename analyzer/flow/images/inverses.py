"""Inverse matrices that are made for the way back, and the way forward that is taken instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...graph.graphs import is_test
from ...graph.symbols import Symbol

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

INVERSIONS = frozenset(
    {
        *("numpy.linalg.inv", "numpy.linalg.pinv", "torch.inverse", "torch.linalg.inv", "torch.linalg.pinv"),
        *("cv2.invertAffineTransform", "scipy.linalg.inv"),
    }
)


class Kept(NamedTuple):
    """An inverse and its matrix, kept side by side in a dictionary."""

    module: Module
    call: ast.Call
    key: str
    matrix_key: str
    matrix: ast.expr


class Forward(NamedTuple):
    """``matrix`` read where ``inverse`` was made for: both ways go through the same function."""

    kept: Kept
    module: Module
    read: ast.Subscript
    use: ast.Call
    there: ast.Call


def unread(project: Project) -> Iterator[Kept]:
    """The inverses under a constant key that nothing in the project reads."""
    for path, facts in project.files.items():
        if facts.names.isdisjoint(INVERSIONS) or is_test(path):
            continue
        module = project.try_module(path)
        if module is not None:
            yield from (k for k in _kept(module, project) if not _is_read(k, project))


def _kept(module: Module, project: Project) -> Iterator[Kept]:
    for node in module.nodes:
        if not isinstance(node, ast.Dict):
            continue
        pairs = [(k.value, v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)]
        for key, value in pairs:
            if not isinstance(value, ast.Call) or not value.args or not isinstance(key, str):
                continue
            if project.external(module, value.func) not in INVERSIONS:
                continue
            text = ast.unparse(value.args[0])
            beside = next((k for k, v in pairs if isinstance(k, str) and ast.unparse(v) == text), None)
            if beside is not None:
                yield Kept(module, value, key, beside, value.args[0])


def _is_read(kept: Kept, project: Project) -> bool:
    for path, facts in project.files.items():
        if is_test(path):
            continue
        if path != kept.module.path:
            if kept.key in facts.words or any(name.rpartition(".")[2] == kept.key for name in facts.names):
                return True
            continue
        for node in kept.module.nodes:
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _is(node.slice, kept.key):
                return True
            if isinstance(node, ast.Attribute) and node.attr == kept.key:
                return True
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("get", "pop"):
                asked = node.args[:1]
                if any(_is(a, kept.key) for a in asked):
                    return True
    return False


def _is(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def forward_again(kept: Kept, project: Project) -> Iterator[Forward]:
    """Reads of the matrix whose value goes into the function that also takes the targets forward."""
    forwards = [(c, s) for c in kept.module.calls() if (s := _takes(c, kept.matrix, kept.module, project)) is not None]
    for path, facts in project.files.items():
        if is_test(path) or kept.matrix_key not in facts.words or not forwards:
            continue
        module = project.try_module(path)
        for node in module.nodes if module is not None else ():
            if module is None or not isinstance(node, ast.Subscript) or not _is(node.slice, kept.matrix_key):
                continue
            if not isinstance(node.ctx, ast.Load):
                continue
            for value in _carriers(node, module):
                for call in [c for c in module.calls() if module.scope_of(c) is module.scope_of(value)]:
                    taken = _takes(call, value, module, project)
                    there = next((c for c, s in forwards if s == taken and c is not call), None)
                    if taken is not None and there is not None and _is_evaluation(call, module):
                        yield Forward(kept, module, node, call, there)


def _takes(call: ast.Call, value: ast.expr, module: Module, project: Project) -> tuple[Symbol, int] | None:
    """The project's function that a call gives a value to, and the position."""
    symbol = project.resolve(module, call.func)
    if not isinstance(symbol, Symbol) or project.symbols.function(symbol) is None:
        return None
    text = ast.unparse(value)
    places = [i for i, a in enumerate(call.args) if ast.unparse(a) == text]
    return (symbol, places[0]) if places else None


def _carriers(read: ast.Subscript, module: Module) -> Iterator[ast.expr]:
    """The read itself, the name that it is assigned to, and the loop variable that runs over it."""
    yield read
    parent = module.parent(read)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        yield parent.targets[0]
    if isinstance(parent, (ast.For, ast.comprehension)) and parent.iter is read:
        yield parent.target
    if isinstance(parent, ast.Call) and getattr(parent.func, "id", "") == "zip":
        loop = module.parent(parent)
        if isinstance(loop, (ast.For, ast.comprehension)) and isinstance(loop.target, ast.Tuple):
            place = parent.args.index(read)
            if place < len(loop.target.elts):
                yield loop.target.elts[place]


def _is_evaluation(call: ast.Call, module: Module) -> bool:
    """Whether a call stands in code that evaluates: without gradients, or after ``eval()``."""
    scope = module.scope_of(call)
    function = scope.node
    decorators = [ast.unparse(d) for d in getattr(function, "decorator_list", ())]
    if any("no_grad" in d or "inference_mode" in d for d in decorators):
        return True
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)]
    return any(getattr(c.func, "attr", "") in ("eval", "no_grad", "inference_mode") for c in calls)
