"""How code calls array operations of NumPy, torch and SciPy: as functions of the library, or as methods."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from ...graph.symbols import Symbol
from ..values.frames import Operand
from ..values.functions import self_name

if TYPE_CHECKING:
    from ...graph.project import Project

_LIBRARIES = frozenset({"numpy", "torch", "scipy", "sklearn", "jax", "cupy"})


class ArrayCall(NamedTuple):
    """A call of an array operation. ``array`` is the receiver or first argument; ``library`` is "" for a method."""

    name: str
    library: str
    array: Operand
    rest: tuple[ast.expr, ...]
    keywords: dict[str, ast.expr]

    @property
    def others(self) -> list[ast.expr]:
        """The arguments beside the array."""
        return [*self.rest, *self.keywords.values()]


def array_call(op: Operand, project: Project) -> ArrayCall | None:
    """A call read as an array operation; None for the project's own functions and for other packages."""
    call = op.node
    if not isinstance(call, ast.Call) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    keywords = {k.arg: k.value for k in call.keywords if k.arg is not None}
    called = project.resolve(op.module, call.func)
    if isinstance(called, str):
        library = called.partition(".")[0]
        if library not in _LIBRARIES:
            return None
        first = call.args[0] if call.args else keywords.pop("input", keywords.pop("a", None))
        if first is None:
            return None
        return ArrayCall(called.rpartition(".")[2], library, op.sub(first), tuple(call.args[1:]), keywords)
    if isinstance(called, Symbol) or not isinstance(call.func, ast.Attribute) or is_own_method(op):
        return None
    return ArrayCall(call.func.attr, "", op.sub(call.func.value), tuple(call.args), keywords)


def is_own_method(op: Operand) -> bool:
    """Whether a call is of a method that its own class defines: ``self.assign(points)``."""
    call, method = op.node, op.frame.scope.method
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or method is None:
        return False
    own, klass = self_name(method), method.parent
    if klass is None or not isinstance(call.func.value, ast.Name) or call.func.value.id != own:
        return False
    return any(child.qualname.rpartition(".")[2] == call.func.attr for child in klass.children)
