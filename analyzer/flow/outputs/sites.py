"""Every call of a module's instances in a project: those that are sure, and those that may be."""

from __future__ import annotations

import ast
from typing import NamedTuple

from ...graph.graphs import is_test
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import last_name
from ..values.flow import Flow
from ..values.instances import names_of_instances

_MOST_SITES = 60


class ModuleCalls(NamedTuple):
    """Calls of a class's instances. ``is_complete``: False where there are too many candidates to look at them."""

    sure: tuple[tuple[Module, ast.Call], ...]
    possible: tuple[tuple[Module, ast.Call], ...]
    is_complete: bool


def calls_of_module(flow: Flow, klass: Symbol, by_name: bool = False) -> ModuleCalls:
    """The calls ``model(x)``, ``model.forward(x)`` and, in its own methods, ``self(x)`` of a class's instances.

    A call by a name to which an instance is bound somewhere, whose receiver nobody knows, is possible.

    Args:
        flow: the project's value flow.
        klass: the class.
        by_name: leave out the calls of ``forward``, which may be anywhere.
    """
    project = flow.project
    sure: list[tuple[Module, ast.Call]] = []
    possible: list[tuple[Module, ast.Call]] = []
    sites = [
        (site, name) for name in sorted(names_of_instances(flow, klass)) for site in project.possible_call_sites(name)
    ]
    sites += [(site, "forward") for site in project.possible_call_sites("forward")]
    sites += [(s, "self") for s in project.possible_call_sites("self") if s.path == klass.path]
    sites = [(site, name) for site, name in sites if not is_test(site.path)]
    if len(sites) > _MOST_SITES:
        return ModuleCalls((), (), False)
    if by_name:
        sites = [(site, name) for site, name in sites if name != "forward"]
    seen: set[int] = set()
    for site, name in sites:
        module = project.try_module(site.path)
        for call in module.calls_on(site.line) if module is not None else ():
            if module is None or last_name(call.func) != name or id(call) in seen:
                continue
            seen.add(id(call))
            called = call.func.value if name == "forward" and isinstance(call.func, ast.Attribute) else call.func
            classes = flow.classes.of(flow.operand(module, called))
            if any(klass in project.symbols.ancestry(k) for k in classes):
                sure.append((module, call))
            elif not classes and name != "forward":
                possible.append((module, call))
    return ModuleCalls(tuple(sure), tuple(possible), True)
