"""How code calls tensor operations: ``torch.f(x, ..)``, ``F.f(x, ..)`` and ``x.f(..)`` read as one thing."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...source.scopes import Kind
from .frames import Operand, Source

if TYPE_CHECKING:
    from ...graph.project import Project

UNCHANGED = frozenset(
    {
        *("float", "double", "half", "bfloat16", "to", "type", "type_as", "cuda", "cpu"),
        *("contiguous", "clone", "detach", "requires_grad_", "t"),
    }
)
"""Calls after which a matrix holds the same numbers: another type, place or memory, or its transpose."""
_REDUCTIONS = frozenset({"max", "amax", "min", "amin", "mean", "logsumexp", "sum", "norm", "median"})
_SCALAR_CALLS = frozenset({"float", "int", "len", "max", "min", "abs", "round"})
_SCALAR_MODULES = ("math.", "numpy.")
_DEEPEST = 10
_MOST_SITES = 12


@dataclass(frozen=True)
class Operation:
    """A call of a tensor function or method. ``tensor`` is the receiver or first argument; ``rest`` what follows."""

    name: str
    tensor: Operand
    rest: tuple[ast.expr, ...]
    keywords: dict[str, ast.expr]
    is_method: bool

    def argument(self, position: int, *names: str) -> ast.expr | None:
        """An argument after the tensor, by position or keyword; None where it is not given."""
        if position < len(self.rest):
            return self.rest[position]
        return next((self.keywords[n] for n in names if n in self.keywords), None)


def operation(op: Operand, project: Project) -> Operation | None:
    """A call read as a tensor operation; None for calls of the project's functions and of other packages.

    A method is known by its name alone: what its receiver is, is for the caller to find out.
    """
    call = op.node
    if not isinstance(call, ast.Call) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    keywords = {k.arg: k.value for k in call.keywords if k.arg is not None}
    arguments = tuple(call.args)
    called = project.resolve(op.module, call.func)
    if isinstance(called, str):
        if called.partition(".")[0] != "torch":
            return None
        first = arguments[0] if arguments else keywords.pop("input", None)
        if first is None:
            return None
        return Operation(called.rpartition(".")[2], op.sub(first), arguments[1:], keywords, False)
    if isinstance(called, Symbol) or not isinstance(call.func, ast.Attribute):
        return None
    return Operation(call.func.attr, op.sub(call.func.value), arguments, keywords, True)


def is_open_parameter(op: Operand, project: Project) -> bool:
    """Whether a name is a parameter whose argument only a search for callers could tell."""
    if op.frame.arguments is not None or not isinstance(op.node, ast.Name):
        return False
    bindings = project.flow.reaching(op.frame.scope).at(op.node)
    return bool(bindings) and all(b.kind is Kind.PARAMETER for b in bindings)


def is_called_widely(op: Operand, project: Project) -> bool:
    """Whether the function around an expression has more callers than are worth following, as a ``forward`` has."""
    name = op.frame.scope.qualname.rpartition(".")[2]
    return name in ("forward", "__call__") or len(project.possible_call_sites(name)) > _MOST_SITES


def near_sources(op: Operand, project: Project) -> list[Source]:
    """Where a value comes from, the callers of a widely called function left out."""
    bindings = project.flow.reaching(op.frame.scope).at(op.node) or frozenset()
    passed = [b for b in bindings if b.kind is Kind.PARAMETER]
    if not passed or op.frame.arguments is not None or not is_called_widely(op, project):
        return project.flow.sources(op)
    own = sorted(bindings - set(passed), key=lambda b: getattr(b.node, "lineno", 0))
    return [s for b in own for s in project.flow.of_binding(b, op.frame)]


def constant(node: ast.expr | None) -> object:
    """The value of a literal, with its sign; None for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, (int, float)) else None
    return None


def is_scalar(op: Operand, project: Project, depth: int = 0) -> bool:
    """Whether a value is shown to be one number: literals, arithmetic and defaults of them, ``len``, sizes."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    if isinstance(node, ast.UnaryOp):
        return is_scalar(op.sub(node.operand), project, depth + 1)
    if isinstance(node, ast.BinOp):
        return all(is_scalar(op.sub(side), project, depth + 1) for side in (node.left, node.right))
    if isinstance(node, ast.IfExp):
        return all(is_scalar(op.sub(side), project, depth + 1) for side in (node.body, node.orelse))
    if isinstance(node, ast.Call):
        return _is_scalar_call(op, node, project, depth)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        return isinstance(constant(node.slice), int)
    if isinstance(node, ast.Attribute) and (project.external(op.module, node) or "").startswith(_SCALAR_MODULES):
        return True
    if isinstance(node, (ast.Name, ast.Attribute)):
        if is_open_parameter(op, project):
            default = project.flow.calls.default_of(ast.unparse(node), op.frame)
            if _is_number_parameter(op, ast.unparse(node)):
                return True
            if default is not None or is_called_widely(op, project):
                return default is not None and is_scalar(default, project, depth + 1)
        sources = near_sources(op, project)
        if any(s.binding is not None and _annotated_number(s.binding.node) for s in sources):
            return True
        if not sources:
            return isinstance(node, ast.Name) and _is_number_parameter(op, node.id)
        return all(
            s.operand is not None
            and not s.index
            and not s.is_element
            and is_scalar(s.operand, project, depth + 1)
            and (s.binding is None or s.binding.kind is not Kind.UPDATE)
            for s in sources
        )
    return False


def _is_scalar_call(op: Operand, node: ast.Call, project: Project, depth: int) -> bool:
    called = project.resolve(op.module, node.func)
    if isinstance(called, str):
        if called in _SCALAR_CALLS or called.startswith(_SCALAR_MODULES):
            return True
        last = called.rpartition(".")[2]
        if called.startswith("torch.") and last in ("Parameter", "tensor", "exp", "log", "clamp", "as_tensor"):
            return bool(node.args) and is_scalar(op.sub(node.args[0]), project, depth + 1)
        if called in ("torch.ones", "torch.zeros"):
            return bool(node.args) and _is_one(node.args[0])
        return False
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in ("item", "size", "numel"):
            return node.func.attr != "size" or bool(node.args)
        if node.func.attr in ("exp", "log", "clamp", "to", "float", "sqrt", "detach", "clip"):
            return is_scalar(op.sub(node.func.value), project, depth + 1)
    return False


def _is_one(node: ast.expr) -> bool:
    """The shape of one number: ``[]``, ``()``, ``1``."""
    return constant(node) == 1 or (isinstance(node, (ast.List, ast.Tuple)) and all(constant(e) == 1 for e in node.elts))


def _annotated_number(node: ast.AST) -> bool:
    annotation = getattr(node, "annotation", None)
    return isinstance(annotation, ast.Name) and annotation.id in ("float", "int")


def _is_number_parameter(op: Operand, name: str) -> bool:
    home = op.frame.scope.lookup(name)
    return home is not None and any(_annotated_number(b.node) for b in home.bindings[name])


def is_row_constant(op: Operand, project: Project, depth: int = 0) -> bool:
    """Whether a value is shown to be one number a row: a maximum, mean or other reduction along one dimension."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Attribute) and node.attr == "values":
        return is_row_constant(op.sub(node.value), project, depth + 1)
    if isinstance(node, ast.Subscript):
        return is_row_constant(op.sub(node.value), project, depth + 1)
    if isinstance(node, ast.Call):
        called = operation(op, project)
        if called is None:
            return False
        if called.name in _REDUCTIONS:
            return called.argument(0, "dim", "axis") is not None or not called.rest
        if called.name in UNCHANGED or called.name in ("unsqueeze", "view", "reshape"):
            return is_row_constant(called.tensor, project, depth + 1)
        return False
    if isinstance(node, (ast.Name, ast.Attribute)):
        sources = project.flow.sources(op)
        return bool(sources) and all(
            s.operand is not None and is_row_constant(s.operand, project, depth + 1) for s in sources
        )
    return False
