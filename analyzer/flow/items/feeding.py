"""The code that makes what a dataset is given: functions whose results are passed to its constructor."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...graph.graphs import is_test
from ...source.module import Module
from ...source.scopes import Binding, Scope, last_name
from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand
from .making import items_of

if TYPE_CHECKING:
    from ...graph.project import Project

_PUTS = frozenset({"append", "extend", "insert", "add", "setdefault"})


def feeds_items(project: Project, module: Module, scope: Scope) -> bool:
    """Whether what a function returns is part of what some dataset of the project is made of.

    Args:
        project: the project.
        module: the function's file.
        scope: the function.
    """
    wanted, makers = (module.path, scope.qualname), _Makers(project.flow)
    return any(known.what == wanted for op in _given(project) for known in makers.evaluate(op))


def _given(project: Project) -> Iterator[Operand]:
    """What the constructors of the project's datasets are given; tests are left out."""
    for klass in dict.fromkeys(item.klass for item in items_of(project)):
        for site in project.call_sites(klass):
            module = project.try_module(site.path) if not is_test(site.path) else None
            for call in module.calls_on(site.line) if module is not None else ():
                if module is not None and project.resolve(module, call.func) == klass:
                    op = project.flow.operand(module, call)
                    yield from (op.sub(value) for value in _arguments(call))


def _arguments(call: ast.Call) -> list[ast.expr]:
    given = [a.value if isinstance(a, ast.Starred) else a for a in call.args]
    return [*given, *(k.value for k in call.keywords)]


class _Makers(Evaluator[tuple[str, str]]):
    """The functions of the project, as path and qualified name, whose results a value is made of."""

    def expression(self, op: Operand) -> Sequence[Known[tuple[str, str]]] | None:
        node = op.node
        if isinstance(node, ast.Call):
            inside = self.flow.calls.callees(op)
            if inside:
                found = [Known((module.path, scope.qualname)) for module, scope in inside]
                return [*found, *(k for r in self.flow.calls.returns(op) for k in self.evaluate(r))]
            receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            return self._all(op, [*receiver, *_arguments(node)])
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return self._all(op, node.elts)
        if isinstance(node, ast.Dict):
            return self._all(op, node.values)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            return self.evaluate(op.sub(node.elt))
        if isinstance(node, ast.DictComp):
            return self.evaluate(op.sub(node.value))
        return None

    def update(
        self, known: list[Known[tuple[str, str]]], binding: Binding, op: Operand
    ) -> list[Known[tuple[str, str]]]:
        """``volumes[name] = read(name)`` and ``volumes.append(read(name))`` put in what is read."""
        node = op.node
        if isinstance(node, ast.Call) and binding.value is node and last_name(node.func) in _PUTS:
            return [*known, *self._all(op, node.args)]
        return [*known, *self.evaluate(op)]

    def _all(self, op: Operand, nodes: Sequence[ast.expr]) -> list[Known[tuple[str, str]]]:
        return [k for n in nodes for k in self.evaluate(op.sub(n))]
