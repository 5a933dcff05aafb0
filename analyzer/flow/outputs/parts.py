"""The parts that a module's constructor gives it, and which of them hold weights to train."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.facts import FileFacts
from ...source.module import Module
from ...source.scopes import Binding, Kind
from ..values.construction import Constructions, Made
from ..values.frames import Frame, Operand

_WEIGHTED = frozenset(
    {
        *("Linear", "LazyLinear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "LazyConv2d", "Embedding", "EmbeddingBag"),
        *("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LSTM", "GRU", "RNN", "LSTMCell", "GRUCell"),
        *("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "TransformerEncoder"),
    }
)
_LISTS = frozenset({"Sequential", "ModuleList", "ModuleDict"})
_DEEPEST = 5


@dataclass(frozen=True)
class Part:
    """``self.name = Class(...)``: an attribute of a module. ``values``: all that it is set to, ``value``: the last."""

    owner: Symbol
    name: str
    module: Module
    binding: Binding
    value: ast.expr
    values: tuple[Operand, ...]

    def made(self, project: Project) -> list[Made]:
        """What may be put there."""
        return [made for value in self.values for made in _makings(value, project)]

    def has_weights(self, project: Project) -> bool:
        """Whether it is known to hold a layer with weights."""
        empty: dict[Symbol, int] = {}
        return any(_holds(made, project, 0, empty) for made in self.made(project))


def called_parts(klass: Symbol, facts: FileFacts) -> set[str]:
    """The attributes that a class's own methods call."""
    own = f"{klass.qualname}."
    on_self = [c.callee for c in facts.calls if c.callee.startswith("self.") and c.scope.startswith(own)]
    return {callee.split(".")[1] for callee in on_self}


def parts_of(klass: Symbol, project: Project, is_asked: Callable[[str], bool]) -> list[Part]:
    """The attributes that a class's own constructor always sets by plain assignments, in source order.

    Args:
        klass: a class of the project.
        project: the project.
        is_asked: whether an attribute of that name is of interest.
    """
    module = project.try_module(klass.path)
    scope = module.scope_named(f"{klass.qualname}.__init__") if module is not None else None
    if module is None or scope is None:
        return []
    found: list[Part] = []
    for key, bindings in scope.bindings.items():
        owner, _, name = key.partition(".")
        plain = [b.value for b in bindings if b.kind is Kind.ASSIGN and b.value is not None and not b.index]
        if owner != "self" or not name.isidentifier() or len(plain) != len(bindings) or not is_asked(name):
            continue
        if plain:
            values = tuple(Operand(value, Frame(module, scope)) for value in plain)
            found.append(Part(klass, name, module, bindings[-1], plain[-1], values))
    return found


def _makings(op: Operand, project: Project) -> list[Made]:
    return [known.what for known in Constructions(project.flow).evaluate(op)]


def _holds(made: Made, project: Project, depth: int, empty: dict[Symbol, int]) -> bool:
    """Whether an instance is known to hold a layer with weights; a norm alone does not count.

    Args:
        made: the instance's making.
        project: the project.
        depth: how many classes lie around it.
        empty: the classes that nothing was found in, by the least depth: wrappers take each other in, so that many
            ways lead to the same class.
    """
    if isinstance(made.of, str):
        if not made.of.startswith("torch.nn."):
            return False
        if made.name in _WEIGHTED:
            return True
        return made.name in _LISTS and any(_holds(inner, project, depth + 1, empty) for inner in _listed(made, project))
    if depth > min(_DEEPEST, empty.get(made.of, _DEEPEST + 1) - 1) or not project.flow.calls.is_module(made.of):
        return False
    empty[made.of] = depth
    for base in project.symbols.ancestry(made.of):
        module = project.try_module(base.path) if isinstance(base, Symbol) else None
        scope = (
            module.scope_named(f"{base.qualname}.__init__") if module is not None and isinstance(base, Symbol) else None
        )
        if module is None or scope is None:
            continue
        for key, bindings in scope.bindings.items():
            for binding in bindings if key.startswith("self.") else ():
                if binding.value is None or binding.index:
                    continue
                inner = _makings(Operand(binding.value, Frame(module, scope)), project)
                if any(_holds(m, project, depth + 1, empty) for m in inner):
                    return True
    return False


def _listed(made: Made, project: Project) -> Iterator[Made]:
    """What a ``Sequential(a, b)`` or ``ModuleList([a, b])`` is given."""
    call = made.call.node
    assert isinstance(call, ast.Call)
    for argument in call.args:
        if isinstance(argument, (ast.List, ast.Tuple)):
            inner = list(argument.elts)
        elif isinstance(argument, (ast.ListComp, ast.GeneratorExp)):
            inner = [argument.elt]
        else:
            inner = [argument.value if isinstance(argument, ast.Starred) else argument]
        for node in inner:
            if not isinstance(node, ast.Starred):
                yield from _makings(made.call.sub(node), project)
