"""Where an instance is called like a function: ``self.criterion(preds, batch)`` enters the class's ``forward``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import key_of

if TYPE_CHECKING:
    from .flow import Flow

_FURTHEST = 3
_MOST_SITES = 40


def instance_calls(flow: Flow, klass: Symbol) -> list[tuple[Module, ast.Call]]:
    """The calls of instances of a class.

    Candidates are calls by a name to which an instance is bound somewhere; each is then confirmed by following the
    called value back to the class.
    """
    names = sorted(names_of_instances(flow, klass))
    sites = [(name, site) for name in names for site in flow.project.possible_call_sites(name)]
    found: list[tuple[Module, ast.Call]] = []
    for name, site in sites if len(sites) <= _MOST_SITES else ():
        module = flow.project.try_module(site.path)
        for call in module.calls_on(site.line) if module is not None else ():
            if (
                module is not None
                and _last(call.func) == name
                and klass in flow.classes.of(flow.operand(module, call.func))
            ):
                found.append((module, call))
    return found


def names_of_instances(flow: Flow, klass: Symbol) -> set[str]:
    """Names and attributes that hold an instance where it is made or handed over."""
    names: set[str] = set()
    for module, call in _calls_of(flow, klass):
        names |= set(_receivers(flow, module, call, _FURTHEST))
    return names


def _calls_of(flow: Flow, symbol: Symbol) -> Iterator[tuple[Module, ast.Call]]:
    last = symbol.qualname.rpartition(".")[2]
    for site in flow.project.call_sites(symbol):
        module = flow.project.try_module(site.path)
        for call in module.calls_on(site.line) if module is not None else ():
            if module is not None and _last(call.func) == last:
                yield module, call


def _receivers(flow: Flow, module: Module, call: ast.Call, left: int) -> Iterator[str]:
    """What takes a call's value: assigned names, the parameter of a call around it, the callers of a function."""
    node: ast.AST = call
    for above in module.ancestors(call):
        if isinstance(above, (ast.Assign, ast.AnnAssign)):
            for target in above.targets if isinstance(above, ast.Assign) else [above.target]:
                for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                    yield (key_of(part) or "").rpartition(".")[2]
            return
        if isinstance(above, ast.Return) and left:
            scope = module.scope_of(above)
            for outer, made in _calls_of(flow, Symbol(module.path, scope.qualname)):
                yield from _receivers(flow, outer, made, left - 1)
            return
        if isinstance(above, ast.Call) and node is not above.func:
            yield from _parameters(flow, module, above, node)
        elif isinstance(above, ast.keyword) and above.arg:
            yield above.arg
        if isinstance(above, ast.stmt):
            return
        node = above


def _parameters(flow: Flow, module: Module, call: ast.Call, argument: ast.AST) -> Iterator[str]:
    symbol = flow.project.resolve(module, call.func)
    if not isinstance(symbol, Symbol) or argument not in call.args:
        return
    if flow.project.symbols.klass(symbol) is not None:
        symbol = flow.project.symbols.method(symbol, "__init__") or symbol
    opened = flow.calls.function(symbol)
    if opened is not None:
        bound = flow.calls.bind(call, flow.frame(module, call), opened[1])
        yield from (name for name, given in bound.items() if given.node is argument)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
