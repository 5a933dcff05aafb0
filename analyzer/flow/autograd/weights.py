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
from .saved import VIEWS, given
from .writes import How, Write

_LISTS = frozenset({"parameters", "named_parameters"})
_PARAMETERS = frozenset({"torch.nn.Parameter", "torch.nn.parameter.Parameter"})
_WEIGHTS = frozenset({"weight", "bias"})
_ENTERED = frozenset({"__init__", "__call__", "forward", "step"})
_UNRECORDED = frozenset({"data", "grad"})


class WeightWrite(NamedTuple):
    """One such write: the weight's name, and the lines that show that it is one and is trained.

    ``is_view``: the name is a view of the weight, made while autograd records.
    """

    write: Write
    name: ast.expr
    trail: tuple[Evidence, ...]
    is_view: bool = False


def weight_writes(found: Iterable[tuple[Write, ast.expr]], module: Module, project: Project) -> Iterator[WeightWrite]:
    """Those of the writes that :func:`may_be_weight` that are into weights that need a gradient, and are recorded."""
    for write, base in found:
        is_view = isinstance(base, ast.Name) and not _has_gradient(write, base.id)
        if isinstance(base, ast.Name):
            shown = _of_view(base, module, project) if is_view else _of_list(write, base, module)
        else:
            shown = _of_attribute(write, base, module, project)
        if (
            shown is not None
            and is_recorded(module, write.node, project)
            and not _is_called_off(module, write, project)
        ):
            yield WeightWrite(write, base, shown, is_view)


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
        return _has_gradient(write, base.id) or any(_weight_under(c) is not None for c in applying.calls(base))
    if not isinstance(base, ast.Attribute) or base.attr in _UNRECORDED:
        return False
    if base.attr in _WEIGHTS and (applying.makers(base.value) or _is_of_instance(write, base, applying)):
        return True
    return any(maker in _PARAMETERS or maker.partition(".")[0] != "torch" for maker in applying.makers(base))


def _is_of_instance(write: Write, base: ast.Attribute, applying: Applying) -> bool:
    """``model.embedding.weight.copy_(vectors)`` of a model that the file makes of the project's own class."""
    model = base.value.value if isinstance(base.value, ast.Attribute) else None
    is_local = isinstance(model, ast.Name) and model.id != "self"
    return write.how is How.METHOD and model is not None and is_local and bool(applying.makers(model))


def _has_gradient(write: Write, name: str) -> bool:
    """Whether a write into a whole tensor reads that tensor's gradient."""
    return write.how is not How.PART and any(_is_gradient(n, name) for n in walk(write.node))


def _weight_under(value: ast.expr) -> ast.Attribute | None:
    """The weight or bias that a value is a view of: ``conv.bias`` of ``conv.bias.view(3, -1)``."""
    node = value
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in VIEWS - {"detach"}:
        node = node.func.value
    return node if node is not value and isinstance(node, ast.Attribute) and node.attr in _WEIGHTS else None


def _of_view(base: ast.Name, module: Module, project: Project) -> tuple[Evidence, ...] | None:
    """``b = conv.bias.view(3, -1)``, where the layer is one of torch's or is given such a parameter here."""
    scope = module.scope_of(base)
    made = [b for b in project.flow.reaching(scope).at(base) or () if b.kind not in (Kind.UPDATE, Kind.AUGMENT)]
    if len(made) != 1 or made[0].value is None or not scope.is_function:
        return None
    weight = _weight_under(made[0].value)
    if weight is None or _is_frozen(weight, scope, module):
        return None
    shown = [module.evidence(made[0].value, f"`{base.id}` is a view of `{module.snippet(weight)}`")]
    for node in ast.walk(scope.node):
        value = node.value if isinstance(node, ast.Assign) else None
        if not isinstance(node, ast.Assign) or not isinstance(value, ast.Call):
            continue
        if any(key_of(t) == key_of(weight) for t in node.targets) and _is_parameter(module, project, value):
            return (*shown, module.evidence(node, f"`{module.snippet(weight)}` is a parameter"))
    if isinstance(weight.value, (ast.Name, ast.Attribute)):
        layers = _made(weight.value, module, project)
        if layers and all((project.external(module, c.func) or "").startswith("torch.nn.") for c in layers):
            return (*shown, module.evidence(layers[0], f"`{module.snippet(layers[0])}` has it"))
    return None


def _is_parameter(module: Module, project: Project, call: ast.Call) -> bool:
    off = [k for k in call.keywords if k.arg == "requires_grad" and getattr(k.value, "value", True) is not True]
    return project.external(module, call.func) in _PARAMETERS and not off and len(call.args) < 2


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
        if not layers and isinstance(base.value, ast.Attribute) and isinstance(base.value.value, ast.Name):
            return _of_instance(base, scope, module, project)
    return None


def _of_instance(base: ast.Attribute, scope: Scope, module: Module, project: Project) -> tuple[Evidence, ...] | None:
    """The weight of a part that the class of a local model makes: a layer of torch's that nothing freezes."""
    made = [s.operand for s in project.flow.sources(Operand(base.value, project.flow.frame(module, base)))]
    layers = [op for op in made if op is not None and isinstance(op.node, ast.Call)]
    if not layers or len(layers) != len(made) or _is_frozen(base, scope, module):
        return None
    for op in layers:
        call = op.node
        assert isinstance(call, ast.Call)
        owner = op.frame.scope.enclosing_class or op.frame.scope
        if not (project.external(op.module, call.func) or "").startswith("torch.nn."):
            return None
        if any(isinstance(n, ast.Attribute) and n.attr.startswith("requires_grad") for n in ast.walk(owner.node)):
            return None
    first = layers[0]
    return (first.module.evidence(first.node, f"`{key_of(base)}` is the weight of `{first.text()}`"),)


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
