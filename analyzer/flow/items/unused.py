"""Values that a function computes and that nothing of what it does depends on."""

from __future__ import annotations

import ast

from ...source.module import Module
from ...source.scopes import Binding, Scope, key_of
from ..values.flow import Flow
from ..values.functions import own_nodes

_SEES_ALL = frozenset({"locals", "vars", "eval", "exec", "globals"})
_STATEMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class Liveness:
    """Which values of one function reach what it returns, decides, stores or calls for their effect.

    Args:
        flow: the project's value flow.
        module: the file.
        scope: the function.
    """

    def __init__(self, flow: Flow, module: Module, scope: Scope) -> None:
        self.module = module
        self.scope = scope
        self._loads: dict[int, list[ast.expr]] = {}
        reaching = flow.reaching(scope)
        self.sees_all = False
        for node in own_nodes(scope):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SEES_ALL:
                self.sees_all = True
            if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Load):
                for binding in reaching.at(node) or ():
                    self._note(binding, node, set())
        self._inside = {n.id for child in scope.children for n in ast.walk(child.node) if isinstance(n, ast.Name)}
        self._live: dict[int, bool] = {}

    def _note(self, binding: Binding, load: ast.expr, seen: set[int]) -> None:
        """A load of a changed value is one of what it was before, too."""
        if id(binding) in seen:
            return
        seen.add(id(binding))
        self._loads.setdefault(id(binding.node), []).append(load)
        for before in binding.previous:
            self._note(before, load, seen)

    def is_live(self, name: str) -> bool:
        """Whether anything depends on any value that a name is given."""
        if self.sees_all or name in self._inside or name in self.scope.foreign:
            return True
        return any(self._is_used(b.node, name) for b in self.scope.bindings.get(name, []))

    def _is_used(self, statement: ast.AST, name: str) -> bool:
        mark = hash((id(statement), name))
        if mark in self._live:
            return self._live[mark]
        self._live[mark] = False  # what only feeds itself in a loop is not used
        found = any(self._matters(n) for n in self._loads.get(id(statement), []) if key_of(n) == name)
        self._live[mark] = found
        return found

    def _matters(self, load: ast.expr) -> bool:
        """Whether what a load goes into matters: it is assigned to what matters, or is no plain assignment."""
        for above in self.module.ancestors(load):
            if isinstance(above, ast.comprehension):
                return True
            if isinstance(above, _STATEMENTS):
                targets = above.targets if isinstance(above, ast.Assign) else [above.target]
                names = [key_of(part) for t in targets for part in _parts(t)]
                if any(n is None or "." in n or "[" in n for n in names):
                    return True
                return any(self.is_given(above, n) for n in names if n is not None)
            if isinstance(above, ast.stmt):
                return True
        return True

    def is_given(self, statement: ast.AST, name: str) -> bool:
        """Whether what one statement gives a name is used."""
        return self.sees_all or name in self._inside or self._is_used(statement, name)


def _parts(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        return [p for e in target.elts for p in _parts(e)]
    return [target.value] if isinstance(target, ast.Starred) else [target]
