"""Which layers a small module applies, in order: read from its constructor and, for a plain module, its forward."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Kind, Scope, key_of
from ..values.construction import Constructions, Made
from ..values.frames import Frame, Operand
from ..values.functions import returned

_SEQUENTIAL = frozenset({"torch.nn.Sequential", "torch.nn.modules.Sequential", "torch.nn.modules.container.Sequential"})
_MOST_LAYERS = 40


class Layer(NamedTuple):
    """One layer. ``name`` is its attribute, ``made`` its constructor, None where that is not known for sure."""

    name: str
    made: Made | None

    @property
    def kind(self) -> str:
        """The name of its class in torch.nn, "" for anything else."""
        is_torch = self.made is not None and isinstance(self.made.of, str) and self.made.of.startswith("torch.nn")
        return self.made.name if self.made is not None and is_torch else ""


def layer_of(name: str, op: Operand, project: Project) -> Layer:
    """The layer that an expression makes; of two possible ones none is known."""
    made = [k.what for k in Constructions(project.flow).evaluate(op)]
    return Layer(name, made[0] if len(made) == 1 else None)


def is_sequential(call: ast.Call, module: Module, project: Project) -> bool:
    """Whether a call makes an ``nn.Sequential``."""
    return project.external(module, call.func) in _SEQUENTIAL


def sequence(call: ast.Call, frame: Frame, project: Project) -> list[Layer] | None:
    """The layers given to ``nn.Sequential(...)`` or its ``super().__init__``: positional, or one (ordered) dict."""
    if len(call.args) == 1 and not call.keywords:
        named = _named(call.args[0], frame)
        if named is not None:
            return [layer_of(n, Operand(v, frame), project) for n, v in named]
    if any(isinstance(a, ast.Starred) for a in call.args) or call.keywords:
        return None
    return [layer_of(str(i), Operand(a, frame), project) for i, a in enumerate(call.args)]


def _named(node: ast.expr, frame: Frame) -> list[tuple[str, ast.expr]] | None:
    """The items of ``OrderedDict(a=.., b=..)``, ``OrderedDict([("a", ..)])`` or ``{"a": ..}``."""
    if isinstance(node, ast.Call) and (frame.module.local_name(node.func) or "").endswith("OrderedDict"):
        if node.keywords and not node.args:
            return [(k.arg, k.value) for k in node.keywords if k.arg is not None]
        return _named(node.args[0], frame) if len(node.args) == 1 else None
    if isinstance(node, ast.Dict):
        pairs = list(zip(node.keys, node.values, strict=True))
    elif isinstance(node, (ast.List, ast.Tuple)):
        pairs = [tuple(e.elts) for e in node.elts if isinstance(e, ast.Tuple) and len(e.elts) == 2]
        if len(pairs) != len(node.elts):
            return None
    else:
        return None
    named = [(str(k.value), v) for k, v in pairs if isinstance(k, ast.Constant)]
    return named if len(named) == len(pairs) else None


def layers_of(klass: Symbol, project: Project) -> tuple[list[Layer], Frame] | None:
    """The layers that a class of the project applies one after the other, with its constructor's frame.

    A subclass of ``nn.Sequential`` applies what it is given and what it adds, in that order; any other module the
    chain of calls that its ``forward`` returns. None where the order is not plain to see.
    """
    module = project.try_module(klass.path)
    init = module.scope_named(f"{klass.qualname}.__init__") if module is not None else None
    if module is None or init is None:
        return None
    frame = Frame(module, init)
    if project.symbols.is_subclass(klass, _SEQUENTIAL):
        if project.symbols.method(klass, "forward") is not None:
            return None
        layers = _added(frame, project)
    else:
        layers = _applied(klass, module, frame, project)
    return (layers, frame) if layers and len(layers) <= _MOST_LAYERS else None


def _added(frame: Frame, project: Project) -> list[Layer] | None:
    layers: dict[str, Layer] = {}
    always = {id(s) for s in getattr(frame.scope.node, "body", ())}
    for statement in _statements(frame.scope):
        for name, value in _additions(statement):
            if name in layers or id(statement) not in always:
                return None
            layers[name] = layer_of(name, Operand(value, frame), project)
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and _is_super_init(call):
            given = sequence(call, frame, project) if call.args or call.keywords else []
            if given is None:
                return None
            layers.update({layer.name: layer for layer in given})
    return [layer for layer in layers.values() if layer.made is None or layer.kind]


def _additions(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """``self.add_module("bn", X)`` and ``self.bn = X``."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            made = isinstance(statement.value, (ast.Call, ast.IfExp))
            if made and isinstance(target, ast.Attribute) and key_of(target.value) == "self":
                yield target.attr, statement.value
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if key_of(call.func) in ("self.add_module", "self.register_module") and len(call.args) == 2:
            name = call.args[0]
            yield (str(name.value) if isinstance(name, ast.Constant) else "?"), call.args[1]


def _statements(scope: Scope) -> Iterator[ast.stmt]:
    """Every statement of a function in source order, nested functions left out."""
    stack: list[ast.stmt] = [] if isinstance(scope.node, ast.Lambda) else list(scope.node.body)[::-1]
    while stack:
        statement = stack.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield statement
        inner = [s for name in ("body", "orelse", "finalbody") for s in getattr(statement, name, [])]
        stack.extend(reversed(inner))


def _is_super_init(call: ast.Call) -> bool:
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr != "__init__":
        return False
    return isinstance(func.value, ast.Call) and getattr(func.value.func, "id", "") == "super"


def _applied(klass: Symbol, module: Module, init: Frame, project: Project) -> list[Layer] | None:
    """The chain of ``self.layer(x)`` that ``forward`` returns, first applied first."""
    forward = module.scope_named(f"{klass.qualname}.forward")
    results = returned(forward) if forward is not None else []
    if forward is None or len(results) != 1:
        return None
    names = applied_names(Operand(results[0], Frame(module, forward)), project)
    if names is None:
        return None
    layers: list[Layer] = []
    for name in names:
        bindings = init.scope.bindings.get(f"self.{name}", [])
        values = [b.value for b in bindings if b.value is not None and not b.index]
        if len(values) != 1 or len(bindings) != 1:
            return None
        layers.append(layer_of(name, Operand(values[0], init), project))
    return layers


def applied_names(op: Operand, project: Project) -> list[str] | None:
    """The attributes of ``self`` that are called on a value one after the other, back to a parameter."""
    names, is_whole = _chain(op, project)
    return names if is_whole else None


def last_applied(op: Operand, project: Project) -> list[str]:
    """The attributes of ``self`` that are called on a value last, whatever came before them."""
    return _chain(op, project)[0]


def _chain(op: Operand, project: Project) -> tuple[list[str], bool]:
    """The calls of ``self``'s attributes that end in a value, and whether they begin at a parameter."""
    names: list[str] = []
    for _ in range(_MOST_LAYERS):
        node = op.node
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            if not (isinstance(node.func, ast.Attribute) and key_of(node.func.value) == "self"):
                break
            names.append(node.func.attr)
            op = op.sub(node.args[0])
            continue
        bindings = project.flow.reaching(op.frame.scope).at(node) or ()
        if not isinstance(node, ast.Name) or len(bindings) != 1:
            break
        binding = next(iter(bindings))
        if binding.kind is Kind.PARAMETER:
            return names[::-1], True
        if binding.kind is not Kind.ASSIGN or binding.value is None or binding.index:
            break
        op = op.sub(binding.value)
    return names[::-1], False
