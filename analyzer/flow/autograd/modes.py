"""Where autograd does not record: ``no_grad`` blocks and decorators, evaluation branches, optimizers' steps."""

from __future__ import annotations

import ast

from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.facts import FileFacts
from ...source.module import Module
from ..values.frames import Frame

_OFF = frozenset({"torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad", "torch.autograd.inference_mode"})
_SWITCH = frozenset({"torch.set_grad_enabled", "torch.autograd.set_grad_enabled"})
_UNRECORDED = frozenset({"torch.autograd.Function"})
_FURTHEST = 4


def unrecorded(facts: FileFacts) -> frozenset[str]:
    """The qualified names of a file's functions whose decorators switch recording off."""
    return frozenset(f.qualname for f in facts.functions if not _OFF.isdisjoint(f.decorators))


def is_recorded(module: Module, node: ast.AST, project: Project, depth: int = 0) -> bool:
    """Whether autograd may record what a node does: no block, decorator, branch or caller around it says otherwise."""
    if not is_recorded_here(module, node, project):
        return False
    return depth >= _FURTHEST or _is_called_recorded(module, node, project, depth)


def is_recorded_here(module: Module, node: ast.AST, project: Project) -> bool:
    """The same by the node's own function alone: no caller is asked for."""
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, (ast.With, ast.AsyncWith)) and child in parent.body:
            if any(_switches_off(module, i.context_expr, project) for i in parent.items):
                return False
        elif isinstance(parent, ast.If):
            if _is_evaluation(parent.test, child in parent.orelse):
                return False
        elif isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if any(_switches_off(module, d, project) for d in parent.decorator_list):
                return False
        elif isinstance(parent, ast.ClassDef):
            symbol = Symbol(module.path, module.qualname(parent))
            if project.symbols.is_subclass(symbol, _UNRECORDED):
                return False
        child = parent
    return True


def is_conditional(module: Module, node: ast.AST, write: ast.AST) -> bool:
    """Whether an operation runs only under a condition, other than being in training, under which a write is not."""
    around = {id(a) for a in module.ancestors(write)}
    child = node
    for parent in module.ancestors(node):
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        if isinstance(parent, (ast.If, ast.IfExp)) and id(parent) not in around and child is not parent.test:
            is_training = isinstance(parent.test, ast.Attribute) and parent.test.attr == "training"
            if not is_training:
                return True
        child = parent
    return False


def _is_called_recorded(module: Module, node: ast.AST, project: Project, depth: int) -> bool:
    """Whether one of the known callers records; True where none is known."""
    scope = module.scope_of(node)
    if not scope.is_function:
        return True
    callers = list(project.flow.calls.callers(Frame(module, scope, None, depth)))
    return not callers or any(is_recorded(m, call, project, depth + 1) for _, call, m in callers)


def _switches_off(module: Module, node: ast.expr, project: Project) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    name = project.external(module, called)
    if name in _OFF:
        return True
    if name in _SWITCH and isinstance(node, ast.Call):
        given = [*node.args, *(k.value for k in node.keywords)]
        return bool(given) and isinstance(given[0], ast.Constant) and given[0].value is False
    return False


def _is_evaluation(test: ast.expr, is_else: bool) -> bool:
    """``if not self.training:`` and the other branch of ``if self.training:``."""
    is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    inner = test.operand if isinstance(test, ast.UnaryOp) else test
    return isinstance(inner, ast.Attribute) and inner.attr == "training" and is_not != is_else
