"""The code that makes one training item: a dataset's ``__getitem__`` and every function that it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ...graph.graphs import is_test
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Scope
from ..values.flow import Flow
from ..values.frames import Frame, Operand
from ..values.functions import own_calls
from ..values.loaders import DATASETS, LOADERS, dataset_of

if TYPE_CHECKING:
    from ...graph.project import Project

_DEEPEST = 4
_MOST_VISITS = 60
_SEEDING = {
    "Random",
    "RandomState",
    "default_rng",
    "manual_seed",
    "seed",
    "seed_everything",
    "set_seed",
    "SeedSequence",
}
_SEEDING |= {"PCG64", "Philox", "MT19937", "numpy_seed"}


@dataclass(frozen=True, eq=False)
class Visit:
    """A function entered while an item is made. ``chain`` are the calls that led into it, outermost first."""

    frame: Frame
    chain: tuple[Operand, ...] = ()

    @property
    def module(self) -> Module:
        """The file of the function."""
        return self.frame.module

    @property
    def scope(self) -> Scope:
        """The function."""
        return self.frame.scope


@dataclass(frozen=True, eq=False)
class Item:
    """How one item is made: the functions in the order of their distance, and which of them each call enters."""

    klass: Symbol
    order: tuple[Visit, ...]
    entered: dict[int, list[Visit]]

    @property
    def getter(self) -> Visit:
        """``__getitem__`` itself."""
        return self.order[0]

    @property
    def calls(self) -> dict[int, Operand]:
        """The call that entered each function, by the identity of the function's scope."""
        return {id(v.scope): v.chain[-1] for v in self.order if v.chain}


def making_of(flow: Flow, module: Module, klass: Symbol, getter: Scope) -> Item:
    """``__getitem__`` and what it calls, each function once, with the arguments of the call that reached it first."""
    order = [Visit(Frame(module, getter, None, 1))]
    by_scope = {id(getter): order[0]}
    entered: dict[int, list[Visit]] = {}
    for visit in order:
        if len(visit.chain) >= _DEEPEST or len(order) >= _MOST_VISITS:
            continue
        for call in own_calls(visit.scope):
            op = Operand(call, visit.frame)
            for inside, scope in flow.calls.callees(op):
                if id(scope) not in by_scope:
                    frame = Frame(inside, scope, flow.calls.bind(call, visit.frame, scope), visit.frame.depth + 1)
                    by_scope[id(scope)] = Visit(frame, (*visit.chain, op))
                    order.append(by_scope[id(scope)])
                entered.setdefault(id(call), []).append(by_scope[id(scope)])
    return Item(klass, tuple(order), entered)


def is_dataset(flow: Flow, klass: Symbol) -> bool:
    """Whether a class is a map-style dataset: by its bases, or since a DataLoader is made of it."""
    symbols = flow.project.symbols
    ancestry = symbols.ancestry(klass)
    if any(isinstance(b, str) and (b in DATASETS or b.rpartition(".")[2].endswith("Dataset")) for b in ancestry):
        return True
    if symbols.method(klass, "__len__") is None:
        return False
    return any(klass in flow.classes.of(given) for given in _loaded(flow))


def makes_items(project: Project, module: Module, scope: Scope) -> bool:
    """Whether a function is part of how some dataset of the project makes its items."""
    return any(
        (v.module.path, v.scope.qualname) == (module.path, scope.qualname) for i in items_of(project) for v in i.order
    )


def items_of(project: Project) -> Iterator[Item]:
    """How each dataset of the project makes its items; tests are left out."""
    for path, facts in sorted(project.files.items()):
        for klass in facts.classes:
            if "__getitem__" not in klass.methods or is_test(path):
                continue
            module = project.try_module(path)
            getter = module.scope_named(f"{klass.qualname}.__getitem__") if module is not None else None
            symbol = Symbol(path, klass.qualname)
            if module is not None and getter is not None and is_dataset(project.flow, symbol):
                yield making_of(project.flow, module, symbol, getter)


def _loaded(flow: Flow) -> Iterator[Operand]:
    """The dataset of every DataLoader that the project makes."""
    project = flow.project
    for name in {full.rpartition(".")[2] for full in LOADERS}:
        for site in project.possible_call_sites(name):
            module = project.try_module(site.path)
            for call in module.calls_on(site.line) if module is not None else ():
                if module is not None and project.external(module, call.func) in LOADERS:
                    given = dataset_of(flow.operand(module, call))
                    if given is not None:
                        yield given


_may_seed: WeakKeyDictionary[Project, frozenset[str]] = WeakKeyDictionary()


def names_that_seed(project: Project) -> frozenset[str]:
    """Last names of the functions in which, or in whose callees by name, something is seeded.

    From facts alone: a superset, that spares the close look at datasets that never seed anything.
    """
    found = _may_seed.get(project)
    if found is None:
        reached: set[str] = set()
        edge = set(_SEEDING)
        for _ in range(_DEEPEST + 1):
            sites = [site for callee in edge for site in project.possible_call_sites(callee)]
            edge = {site.scope.rpartition(".")[2] for site in sites} - reached - {"", "__init__", "main"}
            reached |= edge
        found = _may_seed[project] = frozenset(reached)
    return found
