"""Where an object's attributes get their values: the methods of its class, the class body, the constructor."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.scopes import key_of, last_name
from .frames import MOST_CALLERS, Frame, Operand, Source
from .functions import body_of, self_name

if TYPE_CHECKING:
    from .flow import Flow


class Members:
    """The attributes of a project's objects and modules. A part of :class:`~.values.Flow`."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.project = flow.project

    def of_access(self, op: Operand) -> list[Source]:
        """Where the value of ``x.name`` comes from: another file's name, or an attribute of an object."""
        node = op.node
        assert isinstance(node, ast.Attribute)
        symbol = self.project.resolve(op.module, node)
        if isinstance(symbol, Symbol) and symbol.qualname and symbol.path != op.module.path:
            return self.flow.of_symbol(symbol)
        if node.attr not in self.project.symbols.attributes:
            return []  # before the class is asked for: most attributes are those of tensors and modules
        return [s for klass in self.flow.classes.of(op.sub(node.value)) for s in self.of_class(klass, node.attr)]

    def of_class(self, klass: Symbol, name: str) -> list[Source]:
        """Every place that gives an attribute of a class's instances a value: methods, class body, constructor."""
        found: list[Source] = []
        for base in self.project.symbols.ancestry(klass):
            if not isinstance(base, Symbol):
                continue
            module = self.project.try_module(base.path)
            scope = module.scope_named(base.qualname) if module is not None else None
            if module is None or scope is None:
                continue
            for method in scope.children:
                own = self_name(method)
                if own is not None:
                    for binding in method.bindings.get(f"{own}.{name}", []):
                        found += self.flow.of_binding(binding, Frame(module, method))
            for binding in scope.bindings.get(name, []):
                found += self.flow.of_binding(binding, Frame(module, scope))
            if any(isinstance(s, ast.AnnAssign) and key_of(s.target) == name for s in body_of(scope)):
                found += self._of_field(base, name)
            if found:
                break
        return found

    def _of_field(self, klass: Symbol, name: str) -> list[Source]:
        """A dataclass field's values: the keyword arguments of the calls that make an instance."""
        found: list[Source] = []
        sites = self.project.call_sites(klass)
        for site in sites[:MOST_CALLERS]:
            module = self.project.try_module(site.path)
            for call in module.calls_on(site.line) if module is not None else ():
                if module is not None and last_name(call.func) == klass.qualname.rpartition(".")[2]:
                    for keyword in call.keywords:
                        if keyword.arg == name:
                            note = f"`{name}` of `{klass.qualname}` is `{module.snippet(keyword.value)}`"
                            operand = self.flow.operand(module, keyword.value)
                            found.append(Source(operand, step=module.evidence(keyword.value, note)))
        return found
