"""Of which classes of the project a value may be an instance."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Scope, key_of
from .evaluate import Evaluator
from .frames import Known, Operand
from .functions import body_of, self_name

if TYPE_CHECKING:
    from .flow import Flow

_KEEPING = {"to", "cuda", "cpu", "train", "eval", "half", "float"}
_WRAPPERS = {"DataParallel", "DistributedDataParallel", "compile", "FullyShardedDataParallel", "script", "deepcopy"}


class Classes:
    """The classes of values, each asked for once. A part of :class:`~.values.Flow`."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._known: dict[tuple[int, int], tuple[ast.expr, list[Symbol]]] = {}
        self._asked: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """Drop what was computed from files that are closed."""
        self._known.clear()

    def of(self, op: Operand) -> list[Symbol]:
        """The project's classes of which a value may be an instance."""
        mark = (id(op.node), op.frame.mark)
        if mark in self._known:
            return self._known[mark][1]
        if mark in self._asked:  # an attribute that is set from itself, through another instance
            self.flow.cut += 1
            return []
        self._asked.add(mark)
        cut = self.flow.cut
        try:
            found = list(dict.fromkeys(k.what for k in _Instances(self.flow).evaluate(op)))
        finally:
            self._asked.discard(mark)
        if cut == self.flow.cut:  # what was found with a circle cut short holds inside that circle only
            self._known[mark] = (op.node, found)
        return found


class _Instances(Evaluator[Symbol]):
    """Of which classes of the project a value may be an instance."""

    def expression(self, op: Operand) -> Sequence[Known[Symbol]] | None:
        node = op.node
        if isinstance(node, ast.Name):
            scope = op.frame.scope.lookup(node.id)
            if scope is not None and scope.method is scope and self_name(scope) == node.id and scope.parent is not None:
                return [Known(Symbol(op.module.path, scope.parent.qualname))]
            annotated = self._annotated(op, scope)
            if annotated is not None:
                return [Known(annotated)]
        if isinstance(node, ast.Call):
            symbol = self.project.resolve(op.module, node.func)
            if isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None:
                return [Known(symbol, (op.module.evidence(node, f"`{symbol.qualname}` is made here"),))]
            if isinstance(node.func, ast.Attribute) and node.func.attr in _KEEPING:
                return self.evaluate(op.sub(node.func.value))
            if isinstance(symbol, str) and node.args and symbol.rpartition(".")[2] in _WRAPPERS:
                return self.evaluate(op.sub(node.args[0]))
        if isinstance(node, ast.Attribute) and node.attr in self.project.symbols.attributes:
            fields = [k for owner in self.flow.classes.of(op.sub(node.value)) for k in self._of_field(owner, node.attr)]
            return fields or None
        return None

    def _of_field(self, owner: Symbol, name: str) -> list[Known[Symbol]]:
        """The class that a class body declares an attribute to be: ``optim: OptimConfig``."""
        for base in self.project.symbols.ancestry(owner):
            module = self.project.try_module(base.path) if isinstance(base, Symbol) else None
            scope = module.scope_named(base.qualname) if module is not None and isinstance(base, Symbol) else None
            for statement in body_of(scope) if scope is not None else ():
                if module is None or not isinstance(statement, ast.AnnAssign) or key_of(statement.target) != name:
                    continue
                symbol = self._named_by(module, statement.annotation)
                return [Known(symbol, (module.evidence(statement, f"`{name}` is declared here"),))] if symbol else []
        return []

    def _annotated(self, op: Operand, scope: Scope | None) -> Symbol | None:
        for binding in scope.bindings[op.node.id] if scope is not None and isinstance(op.node, ast.Name) else ():
            annotation = getattr(binding.node, "annotation", None)
            symbol = self._named_by(op.module, annotation) if isinstance(annotation, ast.expr) else None
            if symbol is not None:
                return symbol
        return None

    def _named_by(self, module: Module, annotation: ast.expr) -> Symbol | None:
        """The project's class that an annotation names."""
        symbol: Symbol | str | None = None
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            symbol = self.project.symbols.local(module.path, annotation.value)
        elif isinstance(annotation, (ast.Name, ast.Attribute)):
            symbol = self.project.resolve(module, annotation)
        return symbol if isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None else None
