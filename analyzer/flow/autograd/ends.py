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


def may_end(owner: ast.AST, module: Module, project: Project) -> bool:
    """Whether any graph can end in a function: it gives something back, or something goes backward.

    What a lambda inside gives back is still inside of it. Where no graph can end, :func:`.fates.fate` finds every one
    nowhere: it ends at these alone.
    """
    nodes = walk(owner)
    if any(isinstance(node, (ast.Return, ast.Yield)) and node.value is not None for node in nodes):
        return True
    return any(isinstance(node, ast.Call) and goes_backward(module, node, project) for node in nodes)


def goes_backward(module: Module, call: ast.Call, project: Project) -> bool:
    """Whether a call runs backward through what it is given."""
    return last_name(call.func) in BACKWARD or project.external(module, call.func) in _GRADIENTS
