"""Writes into weights while autograd records, which it refuses at once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...findings import Evidence
from ...graph.project import Project
from ...source.module import Module
from ...source.nodes import walk
from ...source.scopes import Kind, Scope, key_of, last_name
from ..values.frames import Operand
from ..values.reaching import before_updates, ordered
from .applying import Applying
from .modes import is_recorded, is_recorded_here
from .saved import given
from .writes import How, Write

_LISTS = frozenset({"parameters", "named_parameters"})
_PARAMETERS = frozenset({"torch.nn.Parameter", "torch.nn.parameter.Parameter"})
_WEIGHTS = frozenset({"weight", "bias"})
_ENTERED = frozenset({"__init__", "__call__", "forward", "step"})
_UNRECORDED = frozenset({"data", "grad"})


class WeightWrite(NamedTuple):
    """One such write: the weight's name, and the lines that show that it is one and is trained."""

    write: Write
    name: ast.expr
    trail: tuple[Evidence, ...]


def weight_writes(found: Iterable[tuple[Write, ast.expr]], module: Module, project: Project) -> Iterator[WeightWrite]:
    """Those of the writes that :func:`may_be_weight` that are into weights that need a gradient, and are recorded."""
    for write, base in found:
        of_list = isinstance(base, ast.Name)
        shown = _of_list(write, base, module) if of_list else _of_attribute(write, base, module, project)
        if (
            shown is not None
            and is_recorded(module, write.node, project)
            and not _is_called_off(module, write, project)
        ):
            yield WeightWrite(write, base, shown)


def _is_called_off(module: Module, write: Write, project: Project) -> bool:
    """Whether a call under ``no_grad`` on an object of an unknown class may enter the method of a write.

    ``unit.load_from(weights)`` in a loop over a model's parts: a write that autograd refuses at once has never run
    otherwise.
    """
    scope = module.scope_of(write.node)
    if scope.parent is None or not scope.parent.is_class:
        return False
    name = scope.qualname.rpartition(".")[2]
    for site in project.possible_call_sites(name) if name not in _ENTERED else ():
        caller = project.try_module(site.path)
        for call in caller.calls_on(site.line) if caller is not None else ():
            if caller is not None and last_name(call.func) == name and not is_recorded_here(caller, call, project):
                return True
    return False


def may_be_weight(write: Write, base: ast.expr, applying: Applying) -> bool:
    """Whether a write may be into a weight, by its own syntax and what the file makes."""
    if _is_detached(write.target):
        return False
    if isinstance(base, ast.Name):
        return write.how is not How.PART and any(_is_gradient(n, base.id) for n in walk(write.node))
    if not isinstance(base, ast.Attribute) or base.attr in _UNRECORDED:
        return False
    of_layers = applying.makers(base.value) if base.attr in _WEIGHTS else []
    return bool(of_layers) or any(
        maker in _PARAMETERS or maker.partition(".")[0] != "torch" for maker in applying.makers(base)
    )


def _is_detached(target: ast.expr) -> bool:
    """``self.weight.detach()[0] = 1``: such a write is not recorded, so that autograd lets it be."""
    node = target
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Call)):
        if isinstance(node, ast.Call) and last_name(node.func) == "detach":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def _of_list(write: Write, base: ast.expr, module: Module) -> tuple[Evidence, ...] | None:
    """``for p in model.parameters(): p.add_(p.grad, alpha=-lr)``: what has a gradient to add is trained."""
    if not isinstance(base, ast.Name) or write.how is How.PART:
        return None
    used = [n for n in ast.walk(write.node) if _is_gradient(n, base.id)]
    for loop in module.ancestors(write.node) if used else ():
        if isinstance(loop, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return None
        if not isinstance(loop, ast.For) or base.id not in _targets(loop):
            continue
        source = loop.iter
        is_list = (
            isinstance(source, ast.Call)
            and isinstance(source.func, ast.Attribute)
            and source.func.attr in _LISTS
            and _changes_only(base.id, loop, write)
        )
        if not is_list:
            return None
        return (
            module.evidence(loop, f"`{base.id}` runs over `{module.snippet(source)}`"),
            module.evidence(used[0], f"`{base.id}.grad` is there: it is a weight that is trained"),
        )
    return None


def _targets(loop: ast.For) -> set[str]:
    return {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}


def _changes_only(name: str, loop: ast.For, write: Write) -> bool:
    """Whether the loop's variable is still the weight at the write: nothing gives the name another value."""
    others = [
        n
        for n in ast.walk(loop)
        if isinstance(n, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in n.targets)
    ]
    frozen = [n for n in ast.walk(loop) if isinstance(n, ast.Attribute) and n.attr in ("requires_grad_", "detach_")]
    return not others and not frozen and write.node is not loop


def _is_gradient(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "grad"
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    )


def _of_attribute(write: Write, base: ast.expr, module: Module, project: Project) -> tuple[Evidence, ...] | None:
    """``self.scale.clamp_(0)`` of an ``nn.Parameter``, or the weight of a layer of torch's."""
    scope = module.scope_of(write.node)
    if not isinstance(base, ast.Attribute) or not scope.is_function or not isinstance(write.node, (ast.Call, ast.stmt)):
        return None
    made = _made(base, module, project)
    if made and all(_is_trained(project.external(module, call.func), call) for call in made):
        if _is_frozen(base, scope, module):
            return None
        return (module.evidence(made[0], f"`{key_of(base)}` is a weight: `{module.snippet(made[0])}`"),)
    if made:
        return None  # a layer's weight is set to another one, that is not trained
    if base.attr in _WEIGHTS and isinstance(base.value, (ast.Name, ast.Attribute)):
        layers = _made(base.value, module, project)
        if layers and all((project.external(module, c.func) or "").startswith("torch.nn.") for c in layers):
            if _is_frozen(base, scope, module):
                return None
            note = f"`{key_of(base)}` is the weight of `{module.snippet(layers[0])}`"
            return (module.evidence(layers[0], note),)
    return None


def _made(name: ast.Name | ast.Attribute, module: Module, project: Project) -> list[ast.Call]:
    """The calls that give a name its value; [] where anything else does."""
    op = Operand(name, project.flow.frame(module, name))
    bindings = {b: None for found in given(op, name, project.flow) for b in ordered(before_updates(found))}
    values = [b.value for b in bindings]
    calls = [v for v in values if isinstance(v, ast.Call)]
    return calls if len(calls) == len(values) else []


def _is_trained(of: str | None, call: ast.Call) -> bool:
    if of not in _PARAMETERS:
        return False
    return len(call.args) < 2 and not any(k.arg == "requires_grad" for k in call.keywords)


def _is_frozen(base: ast.Attribute, scope: Scope, module: Module) -> bool:
    """Whether the class, or the function, touches the weight's ``requires_grad``, or may make it a buffer."""
    owner = scope.enclosing_class or scope
    for node in ast.walk(owner.node) if "register_buffer" in module.text else ():
        given = node.args[:1] if isinstance(node, ast.Call) and last_name(node.func) == "register_buffer" else ()
        if any(isinstance(name, ast.Constant) and name.value == base.attr for name in given):
            return True
    for node in ast.walk(owner.node) if "requires_grad" in module.text else ():
        if isinstance(node, ast.Attribute) and node.attr in ("requires_grad", "requires_grad_"):
            return True
    return any(b.kind is Kind.PARAMETER for b in scope.bindings.get(str(key_of(base)), ()))
