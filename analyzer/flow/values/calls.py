"""From a call to the functions it may enter and what they return, and from a function back to its callers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Scope, last_name
from .frames import DEEPEST_CALL, MOST_CALLERS, Frame, Operand
from .functions import defaults, is_static, returned
from .instances import instance_calls

if TYPE_CHECKING:
    from ...graph.project import CallSite
    from .flow import Flow

MOST_POSSIBLE_CALLERS = 30
"""Calls of a method's name on unknown receivers; a more common name is not followed to its callers."""
_MODULE_BASES = frozenset(
    {
        "torch.nn.Module",
        "torch.nn.modules.Module",
        "pytorch_lightning.LightningModule",
        "lightning.LightningModule",
        "lightning.pytorch.LightningModule",
    }
)


class Calls:
    """The calls of a project, followed either way. A part of :class:`~.values.Flow`."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.project = flow.project
        self._returned: dict[int, tuple[Scope, list[ast.expr]]] = {}
        self._called_instances: dict[Symbol, list[tuple[Module, ast.Call]]] = {}
        self._object_sites: dict[Symbol, list[CallSite]] = {}
        self._bound: dict[tuple[int, int, int], tuple[ast.Call, Scope, dict[str, Operand]]] = {}

    def forget(self) -> None:
        """Drop what was computed from files that are closed."""
        self._returned.clear()
        self._called_instances.clear()
        self._object_sites.clear()
        self._bound.clear()

    # Into a function.

    def callees(self, op: Operand) -> list[tuple[Module, Scope]]:
        """The project's functions that a call may enter: by name, ``self.method``, known receiver, module call."""
        call = op.node
        assert isinstance(call, ast.Call)
        symbols: list[Symbol] = []
        direct = self.project.resolve(op.module, call.func)
        if isinstance(direct, Symbol):
            symbols.append(direct)
        elif isinstance(call.func, ast.Attribute) and call.func.attr in self.project.symbols.attributes:
            for klass in self.flow.classes.of(op.sub(call.func.value)):
                method = self.project.symbols.method(klass, call.func.attr)
                if method is not None:
                    symbols.append(method)
        if not symbols and direct is None:
            # An instance that is called: a module's forward.
            for klass in self.flow.classes.of(op.sub(call.func)):
                for name in ("forward", "__call__") if self.is_module(klass) else ("__call__",):
                    method = self.project.symbols.method(klass, name)
                    if method is not None:
                        symbols.append(method)
                        break
        return [found for s in symbols if (found := self.function(s)) is not None]

    def is_module(self, klass: Symbol) -> bool:
        """Whether a class is a ``torch.nn.Module``."""
        return self.project.symbols.is_subclass(klass, _MODULE_BASES)

    def function(self, symbol: Symbol) -> tuple[Module, Scope] | None:
        """The file and scope of a function of the project; None for a class or anything else."""
        if self.project.symbols.function(symbol) is None:
            return None
        module = self.project.try_module(symbol.path)
        scope = module.scope_named(symbol.qualname) if module is not None else None
        return (module, scope) if module is not None and scope is not None else None

    def returns(self, op: Operand) -> list[Operand]:
        """The expressions that a call of the project's functions may return, in the callee's frame."""
        call = op.node
        if not isinstance(call, ast.Call) or op.frame.depth >= DEEPEST_CALL:
            return []
        found: list[Operand] = []
        for module, scope in self.callees(op):
            arguments = self.bind(call, op.frame, scope)
            given = self._with_defaults(arguments, Frame(module, scope))
            frame = Frame(module, scope, given, op.frame.depth + 1, op)
            found += [Operand(value, frame) for value in self._returned_by(scope)]
        return found

    def _returned_by(self, scope: Scope) -> list[ast.expr]:
        kept = self._returned.get(id(scope))
        if kept is None:
            kept = self._returned[id(scope)] = (scope, returned(scope))
        return kept[1]

    def _with_defaults(self, arguments: dict[str, Operand], frame: Frame) -> dict[str, Operand]:
        outer = _around(frame)
        for name, value in defaults(frame.scope).items():
            if name not in arguments:
                arguments[name] = Operand(value, outer)
        return arguments

    def default_of(self, parameter: str, frame: Frame) -> Operand | None:
        """The default of a function's parameter, None where it has none."""
        value = defaults(frame.scope).get(parameter)
        return Operand(value, _around(frame)) if value is not None else None

    # Back to the callers.

    def callers(self, frame: Frame) -> Iterator[tuple[dict[str, Operand], ast.Call, Module]]:
        """The calls that enter a frame's function: arguments by parameter, the call, its file. None if too many."""
        if frame.depth >= DEEPEST_CALL or not isinstance(frame.scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        symbol = Symbol(frame.module.path, frame.scope.qualname)
        owner = frame.scope.parent if frame.scope.parent is not None and frame.scope.parent.is_class else None
        name = frame.scope.qualname.rpartition(".")[2]
        targets = [symbol]
        if owner is not None and name == "__init__":
            targets = [Symbol(symbol.path, owner.qualname)]
        sites = [s for t in targets for s in self.project.call_sites(t)]
        if owner is not None and not sites and name not in ("__init__", "forward", "__call__"):
            sites = self._sites_on_objects(symbol, name)
        if owner is not None and name in ("forward", "__call__"):
            for module, call in self._instance_calls(Symbol(symbol.path, owner.qualname)):
                yield self._given(module, call, frame), call, module
        if len(sites) > MOST_CALLERS:
            return
        for site in sites:
            module = self.project.try_module(site.path)
            if module is None:
                continue
            for call in module.calls_on(site.line):
                if last_name(call.func) != (
                    owner.qualname.rpartition(".")[2] if owner and name == "__init__" else name
                ):
                    continue
                yield self._given(module, call, frame), call, module

    def _given(self, module: Module, call: ast.Call, frame: Frame) -> dict[str, Operand]:
        """What a caller gives to a frame's function, bound once: it is asked for each of the parameters."""
        mark = (id(call), id(frame.scope), frame.depth)
        kept = self._bound.get(mark)
        if kept is None:
            outer = Frame(module, module.scope_of(call), None, frame.depth + 1)
            kept = self._bound[mark] = (call, frame.scope, self.bind(call, outer, frame.scope))
        return kept[2]

    def _instance_calls(self, klass: Symbol) -> list[tuple[Module, ast.Call]]:
        if klass not in self._called_instances:
            self._called_instances[klass] = []  # a class that is looked for while it is looked for adds nothing
            self._called_instances[klass] = instance_calls(self.flow, klass)
        found = self._called_instances[klass]
        self.project.consulted.update(module.path for module, _ in found)
        return found if len(found) <= MOST_CALLERS else []

    def _sites_on_objects(self, symbol: Symbol, name: str) -> list[CallSite]:
        """Where a method is called on another object of its class than ``self``; [] where such calls are common."""
        possible = self.project.call_sites_on_objects(name)
        if len(possible) > MOST_POSSIBLE_CALLERS:
            return []
        self.project.consulted.update(site.path for site in possible)
        if symbol not in self._object_sites:
            self._object_sites[symbol] = [s for s in possible if self._may_enter(s.path, s.line, name, symbol)]
        return self._object_sites[symbol]

    def _may_enter(self, path: str, line: int, name: str, symbol: Symbol) -> bool:
        """Whether the receiver of ``x.name(...)`` is an instance of the method's class (or its subclass)."""
        module = self.project.try_module(path)
        if module is None:
            return False
        for call in module.calls_on(line):
            if isinstance(call.func, ast.Attribute) and call.func.attr == name:
                for klass in self.flow.classes.of(self.flow.operand(module, call.func.value)):
                    if self.project.symbols.method(klass, name) == symbol:
                        return True
        return False

    def bind(self, call: ast.Call, caller: Frame, callee: Scope) -> dict[str, Operand]:
        """The argument of each of a function's parameters in one call. ``*args`` and ``**kwargs`` stay unknown."""
        node = callee.node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return {}
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        is_method = callee.parent is not None and callee.parent.is_class and not is_static(node)
        through_class = is_method and isinstance(call.func, ast.Attribute) and self._is_class(call.func.value, caller)
        if is_method and names and not through_class:
            names = names[1:]
        given: dict[str, Operand] = {}
        for position, argument in enumerate(call.args):
            if isinstance(argument, ast.Starred):
                break
            if position < len(names):
                given[names[position]] = Operand(argument, caller)
        for keyword in call.keywords:
            if keyword.arg is not None:
                given[keyword.arg] = Operand(keyword.value, caller)
        return given

    def _is_class(self, node: ast.expr, frame: Frame) -> bool:
        symbol = self.project.resolve(frame.module, node)
        return isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None


def _around(frame: Frame) -> Frame:
    """The frame in which a function is defined, and its defaults are evaluated."""
    return Frame(frame.module, frame.scope.parent or frame.scope, None, frame.depth)
