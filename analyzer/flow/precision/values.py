"""Which type a tensor has, inside autocast and after it: lower precision, float32, whole numbers."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Sequence

from ...graph.symbols import Symbol
from ...source.scopes import Binding, Kind
from ..values.construction import Constructions, Made
from ..values.evaluate import Evaluator, distinct
from ..values.flow import Flow
from ..values.frames import Known, Operand
from .ambient import Ambient, ambients
from .contexts import LOWER_TYPES, Types
from .operations import Behaviour, Operations, tensors_given
from .precision import EXACT, NUMBER, UNKNOWN, Number, Precision, promoted

_SINGLE = frozenset({"mean", "sum", "prod", "max", "min", "norm", "std", "var", "median", "trace", "dot"})
"""Reductions that give one number where no dimension is named."""
_CASTS = {"half": "float16", "bfloat16": "bfloat16", "float": "float32", "double": "float64"}
_KEEPING = frozenset({"T", "mT", "data", "values", "indices"})
_PLAIN = frozenset({"shape", "ndim", "device", "dtype", "item", "size", "numel", "dim", "tolist", "__len__"})
_MAKERS = frozenset({"zeros", "ones", "rand", "randn", "empty", "full", "eye", "linspace", "tensor", "as_tensor"})
_COUNTS = frozenset({"arange", "randint", "randperm"})
_MOST_COMBINATIONS = 24
_FURTHEST = 6
_NUMBERS = ("math.", "numpy.pi", "numpy.e", "numpy.inf", "torch.pi", "torch.inf")
_MOST_NETWORKS = 4
"""Networks of which a value may be one and that are still read; a factory of more is out of sight."""
_LISTS = frozenset({"cat", "concat", "stack", "hstack", "vstack"})


class Precisions(Evaluator[Precision]):
    """Which type a value may have where it is made.

    A network that cannot be read is taken to give the lower type when it is called under autocast, as the last layer
    of nearly every network does; such a value is not ``is_sure``.

    Args:
        flow: the project's value flow.
        operations: what torch's operations do.
    """

    remembers = True

    def __init__(self, flow: Flow, operations: Operations) -> None:
        super().__init__(flow)
        self.operations = operations
        self._ambients: dict[tuple[int, int], list[Ambient]] = {}

    def ambients(self, op: Operand) -> list[Ambient]:
        """What autocast does where an expression is evaluated."""
        mark = (id(op.node), op.frame.mark)
        if mark not in self._ambients:
            self._ambients[mark] = ambients(self.flow, op)
        return self._ambients[mark]

    def expression(self, op: Operand) -> Sequence[Known[Precision]] | None:
        """Operations by the table; names, containers and the project's functions are looked through."""
        node = op.node
        if isinstance(node, ast.Constant):
            return [Known(NUMBER)] if isinstance(node.value, (bool, int, float)) else []
        if isinstance(node, ast.UnaryOp):
            return [Known(NUMBER)] if isinstance(node.op, ast.Not) else self.evaluate(op.sub(node.operand))
        if isinstance(node, ast.Compare):
            return [Known(EXACT)]
        if isinstance(node, ast.BinOp):
            return self._arithmetic(op, node)
        if isinstance(node, ast.Attribute):
            return self._attribute(op, node)
        if isinstance(node, ast.Subscript):
            return self._cast_items(op.sub(node.value), 0)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self.evaluate(op.sub(node.elt))
        if isinstance(node, ast.Call):
            return self._call(op, node)
        return None

    def update(self, known: list[Known[Precision]], binding: Binding, op: Operand) -> list[Known[Precision]]:
        """``total += loss`` makes a new value; a change in place keeps the type."""
        if binding.kind is not Kind.AUGMENT:
            return known
        return _combined([known or [Known(UNKNOWN)], self.evaluate(op) or [Known(UNKNOWN)]])

    def _arithmetic(self, op: Operand, node: ast.BinOp) -> list[Known[Precision]]:
        sides = [self._or_unknown(op.sub(s)) for s in (node.left, node.right)]
        if isinstance(node.op, ast.MatMult):
            return self._applied(op, Behaviour.LOWER, _combined(sides))
        if isinstance(node.op, ast.Pow):
            return self._applied(op, Behaviour.FLOAT32, _combined(sides))
        return _combined(sides)

    def _attribute(self, op: Operand, node: ast.Attribute) -> list[Known[Precision]] | None:
        if node.attr in _PLAIN:
            return [Known(NUMBER)]
        if node.attr in _KEEPING:
            return self.evaluate(op.sub(node.value))
        if node.attr in ("real", "imag"):
            return [Known(_real(k.what), k.trail) for k in self.evaluate(op.sub(node.value))]
        if self.flow.sources(op) or (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return None
        named = self.project.resolve(op.module, node)
        if isinstance(named, str):
            return [Known(NUMBER)] if named.startswith(_NUMBERS) else []
        return [k for k in self.evaluate(op.sub(node.value)) if k.what.number is Number.LOWER]

    def _cast_items(self, container: Operand, depth: int) -> list[Known[Precision]] | None:
        """The items of ``{k: v.float() for k, v in d.items()}``; None for every other container."""
        node = container.node
        if isinstance(node, ast.DictComp):
            value = node.value
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _CASTS:
                return [_typed(_CASTS[value.func.attr], Known(UNKNOWN))]
        if isinstance(node, ast.Name) and depth < _FURTHEST:
            for source in self.flow.sources(container):
                if source.operand is not None and not source.index and not source.is_element:
                    found = self._cast_items(source.operand, depth + 1)
                    if found is not None:
                        return found
        return None

    def _or_unknown(self, op: Operand) -> list[Known[Precision]]:
        return self.evaluate(op) or [Known(UNKNOWN)]

    def _together(self, parts: Iterable[Operand]) -> list[Known[Precision]]:
        return _combined([self._or_unknown(p) for p in parts])

    # Calls.

    def _call(self, op: Operand, node: ast.Call) -> list[Known[Precision]] | None:
        called = self.project.resolve(op.module, node.func)
        if isinstance(called, Symbol):
            return None if self.project.symbols.klass(called) is None else []
        if isinstance(called, str):
            return self._of_torch(op, node, called)
        if isinstance(node.func, ast.Attribute):
            method = self._method(op, node, node.func)
            if method is not None:
                return method
        return self._of_value(op, node)

    def _of_torch(self, op: Operand, node: ast.Call, called: str) -> list[Known[Precision]]:
        head, _, name = called.rpartition(".")
        if not head:
            return self._builtin(op, node, name)
        if not called.startswith("torch."):
            return [Known(NUMBER)] if called.startswith(_NUMBERS) else []
        if name in _MAKERS or name in _COUNTS:
            return self._new(op, node, name)
        return self._operation(op, name, [op.sub(a) for a in tensors_given(node)])

    def _builtin(self, op: Operand, node: ast.Call, name: str) -> list[Known[Precision]]:
        if name == "sum" and node.args:
            return self._together(_listed(op.sub(node.args[0])))
        if name in ("float", "int", "len", "bool", "round"):
            return [Known(NUMBER)]
        return []

    def _new(self, op: Operand, node: ast.Call, name: str) -> list[Known[Precision]]:
        given = next((k.value for k in node.keywords if k.arg == "dtype"), None)
        if given is not None:
            return self._cast(op.sub(given), [])
        if name in _COUNTS:
            return [Known(EXACT)]
        if name in ("tensor", "as_tensor", "full"):
            is_whole = name == "tensor" and node.args and _is_whole(node.args[0])
            single = bool(node.args) and isinstance(node.args[0], ast.Constant)
            return [Known(EXACT)] if is_whole else [Known(Precision(Number.FULL, "float32", is_single=single))]
        return [Known(Precision(Number.FULL, "float32"))]

    def _method(self, op: Operand, node: ast.Call, func: ast.Attribute) -> list[Known[Precision]] | None:
        """A method of a tensor; None where the name says nothing, or the receiver is no tensor."""
        name, receiver = func.attr, op.sub(func.value)
        if name in _PLAIN:
            return [Known(NUMBER)]
        is_known = name in _CASTS or name in ("to", "type", "type_as") or self.operations.of(name) is not None
        if not is_known or self.flow.classes.of(receiver):
            return None
        if name in _CASTS:
            return [_typed(_CASTS[name], k) for k in self._or_unknown(receiver)]
        if name in ("to", "type", "type_as"):
            before = self._or_unknown(receiver)
            dtype = next((k.value for k in node.keywords if k.arg == "dtype"), None)
            wanted = [dtype] if dtype is not None else [a for a in node.args if not _is_device(op.sub(a), self.flow)]
            return self._cast(op.sub(wanted[-1]), before) if wanted else before
        others = [a for a in node.args if not isinstance(a, (ast.Constant, ast.Starred, ast.Tuple))]
        takes = name in (
            "add",
            "sub",
            "mul",
            "div",
            "where",
            "maximum",
            "minimum",
            "matmul",
            "mm",
            "bmm",
            "lerp",
            "dot",
        )
        return self._operation(op, name, [receiver, *map(op.sub, others)] if takes else [receiver])

    def _cast(self, wanted: Operand, before: list[Known[Precision]]) -> list[Known[Precision]]:
        """What a value becomes in the type that an expression names; the value itself where it names a place."""
        node = wanted.node
        if isinstance(node, ast.Attribute) and node.attr == "dtype":
            like = self._or_unknown(wanted.sub(node.value))
            return [Known(k.what.alike(before), k.trail) for k in like]
        types = Types(self.flow).evaluate(wanted)
        if types:
            return [_typed(t.what, Known(_first(before), t.trail)) for t in types]
        like = self.evaluate(wanted)
        return [Known(k.what.alike(before), k.trail) for k in like] if like else [Known(UNKNOWN)]

    def _operation(self, op: Operand, name: str, given: list[Operand]) -> list[Known[Precision]]:
        behaviour = self.operations.of(name)
        if behaviour is None:
            return []
        if behaviour is Behaviour.EXACT:
            return [Known(EXACT)]
        if name == "where" and len(given) > 1:
            given = given[1:]
        if name in _LISTS and given:
            given = _listed(given[0])
        takes = 1 if behaviour is Behaviour.KEEPS and name not in _PROMOTING else len(given)
        if self.operations.is_loss(name):
            takes = self.operations.inputs(name)
        known = self._together(given[:takes]) if given else [Known(UNKNOWN)]
        applied = self._applied(op, behaviour, known)
        if self.operations.is_loss(name) or (name in _SINGLE and self._reduces_all(op)):
            return [Known(k.what.as_single(), k.trail) for k in applied]
        return applied

    def _reduces_all(self, op: Operand) -> bool:
        """Whether a reduction names no dimension."""
        call = op.node
        assert isinstance(call, ast.Call)
        is_function = isinstance(self.project.resolve(op.module, call.func), str)
        return not call.keywords and len(call.args) == int(is_function)

    def _applied(self, op: Operand, behaviour: Behaviour, known: list[Known[Precision]]) -> list[Known[Precision]]:
        """What an operation makes of values of the given types, by what autocast does where it runs."""
        if behaviour is Behaviour.COMPLEX:
            return [Known(Precision(Number.COMPLEX))]
        if behaviour is Behaviour.KEEPS:
            return known
        if all(_is_fixed(item.what) for item in known):
            return distinct(known)  # without asking for autocast, which looks for every caller
        found: list[Known[Precision]] = []
        for item, around in itertools.product(known, self.ambients(op)):
            if _is_fixed(item.what) or around.is_off:
                found.append(item)
            elif around.autocast is None:
                lower = item.what.number is Number.LOWER
                found.append(item if lower == (behaviour is Behaviour.LOWER) else Known(UNKNOWN))
            elif behaviour is Behaviour.LOWER:
                note = f"`{op.text()}` gives {around.autocast.type or 'a lower type'} under autocast"
                what = Precision(Number.LOWER, around.autocast.type, item.what.is_single, True, around.autocast.switch)
                found.append(Known(what, (*around.trail[-3:], op.module.evidence(op.node, note))))
            else:
                found.append(Known(Precision(Number.FULL, "float32", item.what.is_single), item.trail))
        return distinct(found)

    def _of_value(self, op: Operand, node: ast.Call) -> list[Known[Precision]] | None:
        """A call of a value: a layer, network or loss by what it is made of; else a network that is out of sight."""
        given = [op.sub(a) for a in tensors_given(node)]
        made = Constructions(self.flow).evaluate(op.sub(node.func))
        found: list[Known[Precision]] = []
        for one in made:
            if isinstance(one.what.of, str):
                found += self._layer(op, one.what, given)
        if any(isinstance(one.what.of, Symbol) for one in made) or (not made and self.flow.calls.callees(op)):
            if len({m.what.of for m in made}) > _MOST_NETWORKS and self._is_network(made):
                return self._opaque(op, node)
            results = self.flow.calls.returns(op)
            if results and all(isinstance(r.node, (ast.Tuple, ast.List, ast.Dict)) for r in results):
                return None
            inside = [k for r in results for k in self.evaluate(r)]
            if not inside or all(k.what.number is Number.UNKNOWN for k in inside):
                inside = self._opaque(op, node) if self._is_network(made) else inside
            return distinct([*found, *inside])
        return distinct(found or self._opaque(op, node))

    def _layer(self, op: Operand, made: Made, given: list[Operand], depth: int = 0) -> list[Known[Precision]]:
        """A module of torch.nn; of a Sequential, what its last layer makes."""
        name = made.name
        if not str(made.of).startswith("torch."):
            return self._opaque(op, op.node)
        if name == "Sequential" and depth < 3:
            return self._sequence(op, made, given, depth)
        function = self.operations.function(name)
        if function is None:
            return self._opaque(op, op.node)
        known = self._together(given[: self.operations.inputs(function) if self.operations.is_loss(function) else 1])
        applied = self._applied(op, self.operations.of(function) or Behaviour.KEEPS, known)
        is_single = self.operations.is_loss(function)
        return [Known(k.what.as_single(), k.trail) for k in applied] if is_single else applied

    def _sequence(self, op: Operand, made: Made, given: list[Operand], depth: int) -> list[Known[Precision]]:
        call = made.call.node
        assert isinstance(call, ast.Call)
        for layer in reversed(call.args):
            if isinstance(layer, ast.Starred):
                break
            inner = Constructions(self.flow).evaluate(made.call.sub(layer))
            if len(inner) != 1 or not isinstance(inner[0].what.of, str):
                break
            function = self.operations.function(inner[0].what.name)
            behaviour = self.operations.of(function) if function is not None else None
            if behaviour is None:
                break
            if behaviour is not Behaviour.KEEPS:
                return self._layer(op, inner[0].what, given, depth + 1)
        return self._opaque(op, op.node)

    def _is_network(self, made: list[Known[Made]]) -> bool:
        """Whether what is called is some layer or network, and no loss."""
        names = [m.what.of.qualname for m in made if isinstance(m.what.of, Symbol)]
        return bool(names) and not any(word in n.lower() for n in names for word in ("loss", "criterion"))

    def _opaque(self, op: Operand, node: ast.expr) -> list[Known[Precision]]:
        """What a network that cannot be read gives: the lower type where autocast is on."""
        found: list[Known[Precision]] = []
        for around in self.ambients(op):
            if around.is_on and around.autocast is not None:
                note = f"`{op.module.snippet(node)}` is computed under autocast"
                what = Precision(Number.LOWER, around.autocast.type, False, False, around.autocast.switch)
                found.append(Known(what, (*around.trail[-3:], op.module.evidence(node, note))))
        return found or [Known(UNKNOWN)]


_PROMOTING = frozenset(
    {
        *_LISTS,
        *("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "fmod", "remainder"),
        *("maximum", "minimum", "where", "hypot", "atan2", "logaddexp", "addcmul", "addcdiv", "lerp", "outer", "cross"),
        *("dot", "xlogy", "binary_cross_entropy"),
    }
)


def _listed(op: Operand) -> list[Operand]:
    """The elements of a literal list; any other value stands for all of its elements."""
    if isinstance(op.node, (ast.List, ast.Tuple)):
        return [op.sub(e.value if isinstance(e, ast.Starred) else e) for e in op.node.elts]
    return [op]


def _combined(sides: Sequence[list[Known[Precision]]]) -> list[Known[Precision]]:
    """What values of several types make together, for each combination."""
    found: list[Known[Precision]] = []
    for together in itertools.islice(itertools.product(*sides), _MOST_COMBINATIONS):
        what = promoted([k.what for k in together])
        trail = next((k.trail for k in together if k.what.number is what.number and k.trail), ())
        found.append(Known(what, trail))
    return distinct(found)


def _is_fixed(what: Precision) -> bool:
    """Whether autocast leaves a value in its type."""
    return what.number in (Number.COMPLEX, Number.EXACT, Number.NUMBER) or what.type == "float64"


def _typed(name: str, before: Known[Precision]) -> Known[Precision]:
    single = before.what.is_single
    if name in LOWER_TYPES.values():
        return Known(Precision(Number.LOWER, name, single), before.trail)
    if name in ("float32", "float64"):
        return Known(Precision(Number.FULL, name, single), before.trail)
    if name.startswith(("int", "uint", "bool")):
        return Known(EXACT, before.trail)
    return Known(Precision(Number.COMPLEX), before.trail) if name.startswith("complex") else Known(UNKNOWN)


def _first(known: list[Known[Precision]]) -> Precision:
    return known[0].what if known else UNKNOWN


def _real(what: Precision) -> Precision:
    return Precision(Number.FULL, "float32", what.is_single) if what.number is Number.COMPLEX else what


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _is_device(op: Operand, flow: Flow) -> bool:
    """Whether an argument of ``to`` is a place or a flag rather than a type."""
    node = op.node
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        return (flow.project.external(op.module, node.func) or "").startswith("torch.device")
    last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return "device" in last.lower() or last in ("rank", "gpu", "local_rank", "cuda")
