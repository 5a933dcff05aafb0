"""Files whose keys are laid over a namespace of options: ``setattr`` in a loop, ``vars(args).update(cfg)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.reader import Unreadable
from ...source.scopes import last_name
from ..values.frames import Frame, Operand

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_WORDS = (b"setattr(", b"set_defaults(", b"__dict__", b"vars(")
_CALLS = {"setattr", "update", "set_defaults", "__setattr__", "update_from_dict"}


def overlaid(project: Project, program: str) -> Iterator[tuple[Operand, Operand | None]]:
    """What a program's code lays over its options: the mapping of keys, and the namespace (None: the parser itself)."""
    for path in [program, *sorted(project.graphs.imported_by(program))]:
        facts = project.files[path]
        if facts.called.isdisjoint(_CALLS):
            continue
        lines = sorted({c.line for c in facts.calls if c.callee.rpartition(".")[2] in _CALLS})
        module = project.try_module(path) if lines and _may_overlay(project, path) else None
        for line in lines:
            for call in module.calls_on(line) if module is not None else ():
                if module is not None and last_name(call.func) in _CALLS:
                    for mapping, namespace in _overlay(module, call):
                        for frame in _frames(project, module, call, program):
                            yield Operand(mapping, frame), None if namespace is None else Operand(namespace, frame)


def _may_overlay(project: Project, path: str) -> bool:
    """Whether a file sets attributes by name: most calls of ``update`` are a dictionary's, and opening is dear."""
    project.consulted.add(path)
    try:
        text = project.sources.read(path)
    except Unreadable:
        return False
    return any(word in text for word in _WORDS)


def _frames(project: Project, module: Module, call: ast.Call, program: str) -> list[Frame]:
    """The frames in which a program enters the function around a call: a helper may serve many programs."""
    plain = project.flow.frame(module, call)
    if not isinstance(plain.scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [plain]
    symbol = Symbol(module.path, plain.scope.qualname)
    caller = project.try_module(program)
    found: list[Frame] = []
    for site in project.call_sites(symbol) if caller is not None else ():
        if site.path != program or caller is None:
            continue
        for entering in caller.calls_on(site.line):
            if last_name(entering.func) == symbol.qualname.rpartition(".")[2]:
                outer = project.flow.frame(caller, entering)
                given = project.flow.calls.bind(entering, outer, plain.scope)
                found.append(Frame(module, plain.scope, given, 1))
    return found or [plain]


def _overlay(module: Module, call: ast.Call) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    name = last_name(call.func)
    if name == "setattr" and len(call.args) == 3:
        # for k in d: setattr(args, k, d[k]) / for k, v in d.items(): setattr(args, k, v)
        mapping = _mapping_of(module, call)
        if mapping is not None:
            yield mapping, call.args[0]
        return
    if not isinstance(call.func, ast.Attribute):
        return
    receiver = call.func.value
    if name == "set_defaults":
        for spread in call.keywords:
            if spread.arg is None:
                yield spread.value, None
        return
    if name != "update" or not (call.args or call.keywords):
        return
    namespace: ast.expr | None = None
    if isinstance(receiver, ast.Attribute) and receiver.attr == "__dict__":
        namespace = receiver.value
    elif isinstance(receiver, ast.Call) and last_name(receiver.func) == "vars" and receiver.args:
        namespace = receiver.args[0]
    if namespace is not None:
        for given in [*call.args, *(k.value for k in call.keywords if k.arg is None)]:
            yield given, namespace


def _mapping_of(module: Module, call: ast.Call) -> ast.expr | None:
    """The mapping over whose keys the loop around a ``setattr`` runs."""
    key = call.args[1]
    for above in module.ancestors(call):
        if isinstance(above, (ast.For, ast.comprehension)) and isinstance(key, ast.Name):
            names = {n.id for n in ast.walk(above.target) if isinstance(n, ast.Name)}
            if key.id in names:
                over = above.iter
                if isinstance(over, ast.Call) and last_name(over.func) in ("items", "keys"):
                    return over.func.value if isinstance(over.func, ast.Attribute) else None
                return over
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return None
    return None
