"""Where graphs can end inside of a function: in a ``backward()``, or in what it gives back."""

from __future__ import annotations

import ast

from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import last_name

BACKWARD = frozenset({"backward", "manual_backward"})
"""Methods that go backward through the tensor that has them, or through their first argument."""
_GRADIENTS = frozenset({"torch.autograd.grad", "torch.autograd.backward"})


def may_end(module: Module, node: ast.AST, project: Project) -> bool:
    """Whether any graph can end in the function around a node: it gives something back, or something goes backward.

    Where none can, :func:`.fates.fate` finds every graph of the function nowhere: it ends at these alone.
    """
    scope = module.scope_of(node)
    while isinstance(scope.node, ast.Lambda) and scope.parent is not None:
        scope = scope.parent  # what a lambda gives back is still inside of the function around it
    for below in walk(scope.node):
        if isinstance(below, (ast.Return, ast.Yield)) and below.value is not None:
            return True
        if isinstance(below, ast.Call) and goes_backward(module, below, project):
            return True
    return False


def goes_backward(module: Module, call: ast.Call, project: Project) -> bool:
    """Whether a call runs backward through what it is given."""
    return last_name(call.func) in BACKWARD or project.external(module, call.func) in _GRADIENTS
