"""Which of the project's functions a call may enter, where too many is better than too few."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.forms import parameters_of
from ...source.scopes import Scope, last_name
from .sinks import is_sink

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

Entered = list[tuple["Module", Scope]]
_MOST = 60
_STARTERS = {"spawn": 1, "Process": 0, "Thread": 0, "submit": 0, "start_processes": 1, "Timer": 0, "launch": 0}
"""Calls that start a function with a tuple of arguments, and how many they put before it."""


def entered(project: Project, module: Module, call: ast.Call) -> Entered:
    """The functions and constructors that a call may enter; of an unknown object's method, all of that name."""
    flow = project.flow
    op = flow.operand(module, call)
    found = list(flow.calls.callees(op)) or _of_symbol(project, project.resolve(module, call.func))
    if not found:
        found = _of_parent(project, module, call)
    if not found and isinstance(call.func, ast.Name):
        # `trainer = model.train`, `Exp = ExpLong if long else ExpShort`
        for source in flow.sources(op.sub(call.func)):
            if source.operand is None or source.index:
                return []
            for node in _choices(source.operand.node):
                target = project.resolve(source.operand.module, node)
                here = _of_symbol(project, target) if target is not None else []
                if not here and isinstance(node, ast.Attribute) and not isinstance(target, str):
                    here = _named(project, node.attr)
                if not here:
                    return []
                found += here
    elif not found and isinstance(call.func, ast.Attribute) and project.resolve(module, call.func) is None:
        found = _named(project, call.func.attr)
    return found


def started(project: Project, module: Module, call: ast.Call) -> tuple[Entered, int]:
    """The function that a call starts elsewhere (``mp.spawn(main, args=(cfg,))``), and which argument comes first."""
    name = last_name(call.func)
    target = next((k.value for k in call.keywords if k.arg in ("target", "fn")), call.args[0] if call.args else None)
    if name not in _STARTERS or target is None:
        return [], 0
    return _of_symbol(project, project.resolve(module, target)), _STARTERS[name]


def of_expression(project: Project, module: Module, node: ast.expr) -> Entered:
    """The function, or constructor of the class, that an expression names."""
    return _of_symbol(project, project.resolve(module, node))


def parameters(scope: Scope) -> list[str]:
    """The names of a function's parameters."""
    arguments = getattr(scope.node, "args", None)
    return list(parameters_of(arguments)) if isinstance(arguments, ast.arguments) else []


def only_passes_to_sinks(project: Project, functions: Entered) -> bool:
    """Whether functions hand their ``*args`` and ``**kwargs`` to nothing but calls that save or show."""
    for module, scope in functions:
        arguments = getattr(scope.node, "args", None)
        names = (
            {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None} if arguments is not None else set()
        )
        if not names:
            return False
        for node in ast.walk(scope.node):
            if isinstance(node, ast.Name) and node.id in names:
                call = module.parent(node)
                while call is not None and not isinstance(call, (ast.Call, ast.stmt)):
                    call = module.parent(call)
                if not isinstance(call, ast.Call) or not is_sink(project, module, call):
                    return False
    return bool(functions)


def _choices(node: ast.expr) -> list[ast.expr]:
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]


def _of_symbol(project: Project, symbol: Symbol | str | None) -> Entered:
    if not isinstance(symbol, Symbol):
        return []
    if project.symbols.klass(symbol) is not None:
        method = project.symbols.method(symbol, "__init__")
        symbol = method if method is not None else symbol
    found = project.flow.calls.function(symbol)
    return [found] if found is not None else []


def _of_parent(project: Project, module: Module, call: ast.Call) -> Entered:
    """``super().__init__(cfg)``: the method of the class above."""
    func = call.func
    if (
        not isinstance(func, ast.Attribute)
        or not isinstance(func.value, ast.Call)
        or last_name(func.value.func) != "super"
    ):
        return []
    owner = module.scope_of(call).enclosing_class
    bases = project.symbols.ancestry(Symbol(module.path, owner.qualname))[1:] if owner is not None else []
    for base in bases:
        facts = project.symbols.klass(base) if isinstance(base, Symbol) else None
        if isinstance(base, Symbol) and facts is not None and func.attr in facts.methods:
            return _of_symbol(project, Symbol(base.path, f"{base.qualname}.{func.attr}"))
    return []


def _named(project: Project, name: str) -> Entered:
    """Every method, function and class of a name."""
    found: Entered = []
    for path, facts in project.files.items():
        names = [f.qualname for f in facts.functions if f.qualname.rpartition(".")[2] == name]
        names += [c.qualname for c in facts.classes if c.qualname.rpartition(".")[2] == name]
        for qualname in names:
            found += _of_symbol(project, Symbol(path, qualname))
            if len(found) > _MOST:
                return []
    return found
