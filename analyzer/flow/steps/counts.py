"""Counts of training steps as products: batches of a loader, epochs, and the factor of gradient accumulation."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ...source.scopes import Binding, key_of
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand
from ..values.origins import Origin, origin, own_sources
from .accelerate import Accelerators, accumulation_of

if TYPE_CHECKING:
    from ..values.frames import Source

MOST_READINGS = 8
_LOADERS = {"DataLoader", "DistributedDataParallelLoader", "StatefulDataLoader", "ThreadDataLoader"}
_ROUNDING = {"int", "float", "round", "abs", "ceil", "floor", "trunc", "int64", "int32", "asarray"}
_PROCESSES = {"num_processes", "get_world_size", "world_size"}


class Unit(Enum):
    """What an atom of a count is."""

    BATCHES = "batches"
    """The length of a data loader: micro-batches of one epoch."""
    LENGTH = "length"
    """The length of anything else: samples."""
    NUMBER = "number"
    """A number held by a variable."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One factor that is not taken apart further: ``label`` is how the code writes it, ``value`` what it is."""

    unit: Unit
    origin: Origin | None
    label: str = field(compare=False, default="")
    value: float | None = field(compare=False, default=None)


BATCHES = Atom(Unit.BATCHES, None, "len(loader)")


class Count(NamedTuple):
    """A product of powers of atoms and a plain number. Rounding and small summands are left out."""

    powers: frozenset[tuple[Atom, int]] = frozenset()
    scale: float = 1.0

    @classmethod
    def of(cls, atom: Atom) -> Count:
        """A single atom."""
        return cls(frozenset([(atom, 1)]))

    def power(self, atom: Atom) -> int:
        """The exponent of an atom, 0 where it does not occur."""
        return next((p for a, p in self.powers if a == atom), 0)

    def times(self, other: Count) -> Count:
        """The product of two counts."""
        table = dict(self.powers)
        for atom, power in other.powers:
            table[atom] = table.get(atom, 0) + power
        return Count(frozenset((a, p) for a, p in table.items() if p), self.scale * other.scale)

    def inverse(self) -> Count:
        """One over the count."""
        return Count(frozenset((a, -p) for a, p in self.powers), 1 / self.scale if self.scale else 0.0)

    def over(self, other: Count) -> Count:
        """The quotient of two counts."""
        return self.times(other.inverse())

    def without(self, atom: Atom) -> Count:
        """The count with every power of an atom taken out."""
        return Count(frozenset((a, p) for a, p in self.powers if a != atom), self.scale)

    @property
    def is_number(self) -> bool:
        """A plain number without atoms."""
        return not self.powers

    @property
    def value(self) -> float | None:
        """The number that it comes to, where all of its atoms are known."""
        result = self.scale
        for atom, power in self.powers:
            if atom.value is None or (atom.value == 0 and power < 0):
                return None
            result *= atom.value**power
        return result


class Counts(Evaluator[Count]):
    """What a count of steps may be. A variable with several possible values is kept as an atom besides them."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow)
        self._loaders = Loaders(flow)

    def expression(self, op: Operand) -> Sequence[Known[Count]] | None:
        """Numbers, arithmetic, lengths, rounding, and named values."""
        node = op.node
        if isinstance(node, ast.Constant):
            number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
            return [Known(Count(scale=float(node.value)))] if number and node.value else []  # pyright: ignore[reportArgumentType]
        if isinstance(node, ast.UnaryOp):
            return self._read(op.sub(node.operand)) if isinstance(node.op, (ast.USub, ast.UAdd)) else []
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.Call):
            return self._call(op, node)
        if key_of(node) is not None:
            return self._named(op)
        return None

    def element(self, known: list[Known[Count]], op: Operand, index: tuple[int, ...]) -> list[Known[Count]]:
        """Nothing is known of a part of a count."""
        return []

    def update(self, known: list[Known[Count]], binding: Binding, op: Operand) -> list[Known[Count]]:
        """``steps *= epochs`` and ``steps //= accumulation``; other changes leave the count unknown."""
        node = binding.node
        if not isinstance(node, ast.AugAssign) or not isinstance(node.op, (ast.Mult, ast.Div, ast.FloorDiv)):
            return []
        step = op.module.evidence(node, f"`{op.module.snippet(node)}`")
        return [k.after(step) for k in _products(known, self._read(op), isinstance(node.op, ast.Mult))]

    def _read(self, op: Operand) -> list[Known[Count]]:
        return self.evaluate(op)[:MOST_READINGS]

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> list[Known[Count]]:
        left, right = self._read(op.sub(node.left)), self._read(op.sub(node.right))
        if isinstance(node.op, (ast.Mult, ast.Div, ast.FloorDiv)):
            return _products(left, right, isinstance(node.op, ast.Mult))
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return _larger(left, right)
        return []

    def _call(self, op: Operand, node: ast.Call) -> list[Known[Count]] | None:
        name = _callee(node)
        symbol = self.project.resolve(op.module, node.func)
        if isinstance(symbol, str):
            if symbol == "len" and len(node.args) == 1:
                return [Known(Count.of(self._length(op.sub(node.args[0]))))]
            if symbol in ("max", "min") and len(node.args) > 1:
                known = [k for a in node.args for k in self._read(op.sub(a))]
                return [k for k in known if not k.what.is_number] or known
            if symbol.rpartition(".")[2] in _ROUNDING and node.args:
                return self._read(op.sub(node.args[0]))
            if symbol.rpartition(".")[2] in _PROCESSES:
                return [Known(Count())]
            if symbol == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                return self._of_getattr(op, node, node.args[1].value)
        elif symbol is None and name == "item" and isinstance(node.func, ast.Attribute):
            return self._read(op.sub(node.func.value))
        return None

    def _of_getattr(self, op: Operand, node: ast.Call, name: object) -> list[Known[Count]]:
        base = origin(self.flow, op.sub(node.args[0]))
        if base is None or not isinstance(name, str):
            return []
        home = Origin(base.path, base.home, f"{base.chain}.{name}")
        return [Known(Count.of(Atom(Unit.NUMBER, home, op.text())))]

    def _length(self, op: Operand) -> Atom:
        if self._loaders.evaluate(op):
            return Atom(Unit.BATCHES, None, f"len({op.text()})")
        return Atom(Unit.LENGTH, origin(self.flow, op), f"len({op.text()})")

    def _named(self, op: Operand) -> list[Known[Count]]:
        """A variable: what its one value is made of; itself as an atom where it has several values or none known."""
        if isinstance(op.node, ast.Attribute) and op.node.attr == "num_processes":
            return [Known(Count())]
        given = self._given_to_accelerator(op)
        if given is not None:
            return self._read(given)
        sources = own_sources(self.flow, op)
        known = _unique([k for s in sources for k in self._from(s)])
        made = [k for k in known if not k.what.is_number]
        if len(sources) == 1 and made and not _is_conditional(op, sources[0]):
            return made[:MOST_READINGS]
        home = origin(self.flow, op)
        if home is None:
            return made[:MOST_READINGS]
        numbers = {k.what.scale for k in known if k.what.is_number}
        value = numbers.pop() if len(numbers) == 1 and not made else None
        atom = Atom(Unit.NUMBER, home, op.text(), value)
        trail = next((k.trail for k in known if k.what.is_number), ())
        return [Known(Count.of(atom), trail), *made][:MOST_READINGS]

    def _given_to_accelerator(self, op: Operand) -> Operand | None:
        """``accelerator.gradient_accumulation_steps`` is what the ``Accelerator`` was made with."""
        if not isinstance(op.node, ast.Attribute) or op.node.attr != "gradient_accumulation_steps":
            return None
        made = [k.what.operand for k in Accelerators(self.flow).evaluate(op.sub(op.node.value))]
        return accumulation_of(made[0]) if len(made) == 1 and made[0] is not None else None

    def _from(self, source: Source) -> list[Known[Count]]:
        return super()._from(source)[:MOST_READINGS]


class Loaders(Evaluator[str]):
    """Whether a value is a data loader: made as one, or handed back by Accelerate for one."""

    def expression(self, op: Operand) -> Sequence[Known[str]] | None:
        """A construction of a loader, or a wrapper around one."""
        node = op.node
        if not isinstance(node, ast.Call):
            return None
        symbol = self.project.resolve(op.module, node.func)
        if isinstance(symbol, str) and symbol.rpartition(".")[2] in _LOADERS | {"create_loader"}:
            return [Known("loader", (op.module.evidence(node, "the data loader is made here"),))]
        if not isinstance(symbol, str) and symbol is not None and self._is_loader_class(op):
            return [Known("loader", (op.module.evidence(node, "the data loader is made here"),))]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("prepare", "prepare_data_loader", "setup"):
            return [k for a in node.args[:1] for k in self.evaluate(op.sub(a))]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("train_dataloader", "get_train_dataloader"):
            return [Known("loader", (op.module.evidence(node, "the training loader"),))]
        return None

    def element(self, known: list[Known[str]], op: Operand, index: tuple[int, ...]) -> list[Known[str]]:
        """What ``prepare`` hands back at a position is what was put there; any other part is no loader."""
        node = op.node
        if not index or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return []
        if node.func.attr in ("prepare", "setup") and index[0] < len(node.args):
            return self.evaluate(op.sub(node.args[index[0]]))
        return []

    def _is_loader_class(self, op: Operand) -> bool:
        assert isinstance(op.node, ast.Call)
        symbol = self.project.resolve(op.module, op.node.func)
        if symbol is None or isinstance(symbol, str) or self.project.symbols.klass(symbol) is None:
            return False
        bases = self.project.symbols.ancestry(symbol)
        return any(isinstance(b, str) and b.rpartition(".")[2] in _LOADERS for b in bases)


def numbers_of(flow: Flow, op: Operand) -> set[float]:
    """The numbers that a value has in this repository.

    Looks at assignments, defaults of parameters and dataclass fields, arguments of calls, and the defaults of
    ``argparse`` options of the attribute's name.
    """
    home = origin(flow, op)
    return {k.what for k in _Constants(flow).evaluate(op)} | (_option_defaults(flow, home) if home else set())


class _Constants(Evaluator[float]):
    def expression(self, op: Operand) -> Sequence[Known[float]] | None:
        node = op.node
        if isinstance(node, ast.Constant):
            number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
            return [Known(float(node.value))] if number else []  # pyright: ignore[reportArgumentType]
        if isinstance(node, ast.Call) and _callee(node) in _ROUNDING | {"max"} and node.args:
            return [k for a in node.args for k in self.evaluate(op.sub(a))]
        return None

    def element(self, known: list[Known[float]], op: Operand, index: tuple[int, ...]) -> list[Known[float]]:
        return []

    def update(self, known: list[Known[float]], binding: Binding, op: Operand) -> list[Known[float]]:
        return []


def _option_defaults(flow: Flow, home: Origin) -> set[float]:
    if "." not in home.chain:
        return set()
    found: set[float] = set()
    for site in flow.project.possible_call_sites("add_argument"):
        module = flow.project.try_module(site.path) if site.path == home.path else None
        for call in module.calls_on(site.line) if module is not None else ():
            if _option_name(call) == home.last:
                for keyword in call.keywords:
                    value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                    if keyword.arg == "default" and isinstance(value, (int, float)):
                        found.add(float(value))
    return found


def _option_name(call: ast.Call) -> str | None:
    """The attribute in which ``argparse`` keeps an option."""
    for keyword in call.keywords:
        if keyword.arg == "dest" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    names = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    long = next((n for n in names if n.startswith("--")), names[0] if names else None)
    return long.lstrip("-").replace("-", "_") if long is not None else None


def _products(left: list[Known[Count]], right: list[Known[Count]], multiply: bool) -> list[Known[Count]]:
    found = [
        Known(a.what.times(b.what) if multiply else a.what.over(b.what), a.trail + b.trail) for a in left for b in right
    ]
    return _unique(found)[:MOST_READINGS]


def _larger(left: list[Known[Count]], right: list[Known[Count]]) -> list[Known[Count]]:
    """Of a sum or difference, the side that says more of its unit: a loader's length before a plain variable."""

    def weight(known: list[Known[Count]]) -> int:
        units = [a.unit for k in known for a, _ in k.what.powers]
        return 2 if Unit.BATCHES in units or Unit.LENGTH in units else 1 if units else 0

    return left if weight(left) >= weight(right) else right


def _unique(known: Iterable[Known[Count]]) -> list[Known[Count]]:
    best: dict[Count, Known[Count]] = {}
    for item in known:
        best.setdefault(item.what, item)
    return list(best.values())


def _is_conditional(op: Operand, source: Source) -> bool:
    """Whether an attribute is set in a branch that its use does not stand in: it then may keep its earlier value."""
    if isinstance(op.node, ast.Name) or source.binding is None:
        return False
    module = op.module
    bound = source.binding.node
    if module.scope_of(op.node) is not op.frame.scope or getattr(bound, "lineno", 0) >= op.node.lineno:
        return False
    around = {id(a) for a in module.ancestors(op.node)}
    return any(isinstance(a, (ast.If, ast.Try)) and id(a) not in around for a in module.ancestors(bound))


def _callee(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
