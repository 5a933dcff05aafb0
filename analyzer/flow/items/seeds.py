"""Seeds: where a random generator gets one, and what that seed is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Kind, Scope
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Known, Operand, Source
from ..values.functions import own_calls

GENERATORS = frozenset(
    {
        "random.Random",
        "numpy.random.RandomState",
        "numpy.random.default_rng",
        "numpy.random.PCG64",
        "numpy.random.Philox",
        "numpy.random.MT19937",
        "numpy.random.SeedSequence",
    }
)
GLOBAL_SEEDS = {
    "random.seed": ("random",),
    "numpy.random.seed": ("numpy",),
    "torch.manual_seed": ("torch",),
    "torch.random.manual_seed": ("torch",),
    "pytorch_lightning.seed_everything": ("random", "numpy", "torch"),
    "lightning.seed_everything": ("random", "numpy", "torch"),
    "lightning.pytorch.seed_everything": ("random", "numpy", "torch"),
    "transformers.set_seed": ("random", "numpy", "torch"),
    "accelerate.utils.set_seed": ("random", "numpy", "torch"),
    "fairseq.data.data_utils.numpy_seed": ("numpy",),
}
"""Functions that seed a library's own generator, with the libraries whose draws they fix."""
DRAWS = {
    *("random", "randint", "randrange", "uniform", "gauss", "normal", "normalvariate", "betavariate", "triangular"),
    *("choice", "choices", "sample", "shuffle", "permutation", "permuted", "integers", "standard_normal", "beta"),
    *("rand", "randn", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "multinomial", "poisson"),
    *("exponential", "gamma", "laplace", "lognormal", "binomial", "random_sample", "getrandbits", "dirichlet"),
    *("normal_", "uniform_", "bernoulli_", "random_", "exponential_", "log_normal_", "cauchy_", "geometric_", "ranf"),
    *("vonmises", "rayleigh", "weibull", "truncated_normal", "multivariate_normal", "bytes", "vonmisesvariate"),
}
_FRESH = {
    *("time.time", "time.time_ns", "time.perf_counter", "time.monotonic", "os.getpid", "os.urandom", "uuid.uuid4"),
    *("secrets.randbits", "secrets.randbelow", "torch.initial_seed", "torch.seed", "torch.random.initial_seed"),
    *("torch.utils.data.get_worker_info", "torch.random.seed", "threading.get_ident", "torch.distributed.get_rank"),
}
_PURE_HOMES = {"zlib", "hashlib", "math", "struct", "binascii", "operator", "numpy", "os.path", "pathlib", "xxhash"}
_PURE = {
    *("hash", "int", "abs", "str", "float", "len", "sum", "min", "max", "round", "ord", "bytes", "repr", "tuple"),
    *("list", "divmod", "pow", "map", "sorted", "hex", "bool", "set", "frozenset", "reversed", "bytearray", "format"),
}
_PURE_METHODS = {
    *("encode", "hexdigest", "digest", "item", "lower", "upper", "strip", "split", "replace", "join", "format"),
    *("astype", "tolist", "as_posix", "from_bytes", "get", "index", "rsplit", "zfill", "rstrip", "lstrip", "sum"),
    *("isoformat", "timestamp", "generate_state", "spawn", "intdigest", "to", "cpu", "numpy", "long", "int"),
}
_MUTABLE_CELLS = {"value"}


class Part(Enum):
    """What an ingredient of a seed depends on."""

    CONSTANT = "constant"
    ITEM = "item"
    CHANGING = "changing"
    """The epoch, a step, a worker, the time, or a draw from another generator."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class Seeding:
    """A call that gives a generator its seed.

    ``libraries`` are those whose global generator is seeded, () for a generator of its own; ``seed`` is the argument.
    """

    call: ast.Call
    seed: ast.expr
    libraries: tuple[str, ...] = ()


def seedings(flow: Flow, module: Module, scope: Scope) -> Iterator[Seeding]:
    """The seeding calls of one function, those without a seed left out."""
    for call in own_calls(scope):
        found = seeding(flow, module, call)
        if found is not None:
            yield found


def seeding(flow: Flow, module: Module, call: ast.Call) -> Seeding | None:
    """A call as a seeding, None where it is none or takes a fresh seed from the system."""
    name = flow.project.external(module, call.func)
    is_method = name is None and isinstance(call.func, ast.Attribute) and call.func.attr in ("manual_seed", "seed")
    if name not in GENERATORS and name not in GLOBAL_SEEDS and not is_method:
        return None
    named = next((k.value for k in call.keywords if k.arg in ("seed", "x", "a", "entropy")), None)
    seed = named if named is not None else call.args[0] if call.args else None
    if seed is None or isinstance(seed, ast.Starred) or (isinstance(seed, ast.Constant) and seed.value is None):
        return None
    if is_method:
        assert isinstance(call.func, ast.Attribute)
        return Seeding(call, seed) if _is_generator(flow, module, call.func) else None
    return Seeding(call, seed, GLOBAL_SEEDS.get(name or "", ()))


def _is_generator(flow: Flow, module: Module, func: ast.Attribute) -> bool:
    """Whether the receiver of ``g.manual_seed(...)`` or ``rng.seed(...)`` is a generator of its own."""
    made = _Makers(flow).evaluate(flow.operand(module, func.value))
    return any(k.what in GENERATORS or k.what == "torch.Generator" for k in made)


class _Makers(Evaluator[str]):
    """The dotted name of the outside class or function whose result a value is."""

    def expression(self, op: Operand) -> Sequence[Known[str]] | None:
        if isinstance(op.node, ast.Call):
            name = self.project.external(op.module, op.node.func)
            return None if name is None else [Known(name)]
        return None


class SeedParts(Evaluator[Part]):
    """What a seed depends on, inside the functions that one item's ``__getitem__`` runs.

    Args:
        flow: the project's value flow.
        getter: the scope of ``__getitem__``: its parameters are the item.
        calls: for each function entered, the call (an operand of the caller) that entered it.
    """

    def __init__(self, flow: Flow, getter: Scope, calls: dict[int, Operand]) -> None:
        super().__init__(flow)
        self.getter = getter
        self.calls = calls

    def parts(self, op: Operand) -> set[Part]:
        """The kinds of ingredient; never empty."""
        return {k.what for k in self.evaluate(op)} or {Part.UNKNOWN}

    def evaluate(self, op: Operand) -> list[Known[Part]]:
        """As the base, but a dead end is an unknown ingredient."""
        mark = (id(op.node), id(op.frame.scope) ^ op.frame.depth)
        if mark in self._active:
            return []
        return super().evaluate(op) or [Known(Part.UNKNOWN)]

    def _from(self, source: Source) -> list[Known[Part]]:
        if source.operand is None:
            return [Known(Part.UNKNOWN)]
        if source.binding is not None and source.binding.kind is Kind.ITERATE and _counts(source.operand.node):
            return [Known(Part.CONSTANT)]
        return super()._from(source)

    def update(self, known: list[Known[Part]], binding: object, op: Operand) -> list[Known[Part]]:
        """``seed += index`` mixes both."""
        return _all([known, self.evaluate(op)])

    def expression(self, op: Operand) -> Sequence[Known[Part]] | None:
        """Arithmetic and pure functions mix their operands; everything else is looked through or unknown."""
        node = op.node
        if isinstance(node, ast.Constant):
            return [Known(Part.CONSTANT)]
        if isinstance(node, ast.Starred):
            return self.evaluate(op.sub(node.value))
        if isinstance(
            node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Tuple, ast.List, ast.JoinedStr, ast.FormattedValue)
        ):
            inner = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
            return _all([self.evaluate(op.sub(c)) for c in inner]) or [Known(Part.CONSTANT)]
        if isinstance(node, ast.Name):
            return self._name(op, node)
        if isinstance(node, ast.Attribute):
            return self._attribute(op, node)
        if isinstance(node, ast.Subscript):
            whole = [self.evaluate(op.sub(node.value))]
            return _all([*whole, self.evaluate(op.sub(node.slice))] if not isinstance(node.slice, ast.Slice) else whole)
        if isinstance(node, ast.Call):
            return self._call(op, node)
        return None

    def _name(self, op: Operand, node: ast.Name) -> Sequence[Known[Part]] | None:
        scope = op.frame.scope
        if scope.method is not None and _self_of(scope.method) == node.id:
            return [Known(Part.CONSTANT)]
        home = scope.lookup(node.id)
        if home is None:
            return None
        reaching = self.flow.reaching(scope).at(node) if home is scope else None
        if home is self.getter and reaching and all(b.kind is Kind.PARAMETER for b in reaching):
            return [Known(Part.ITEM)]
        if home is scope and node.id == _vararg(scope) and id(scope) in self.calls:
            call = self.calls[id(scope)]
            assert isinstance(call.node, ast.Call)
            given = [self.evaluate(call.sub(a)) for a in call.node.args if not isinstance(a, ast.Starred)]
            return _all(given) or [Known(Part.CONSTANT)]
        if home.parent is None:
            bindings = home.bindings[node.id]
            if len(bindings) > 1 or bindings[0].kind is Kind.AUGMENT:
                return [Known(Part.UNKNOWN)]
            # A module's own constant is the same for every item and epoch, whatever it is made of.
            return [Known(Part.CONSTANT)] if bindings[0].kind is Kind.ASSIGN else None
        return None

    def _attribute(self, op: Operand, node: ast.Attribute) -> Sequence[Known[Part]] | None:
        if node.attr in _MUTABLE_CELLS:
            return [Known(Part.UNKNOWN)]
        if self.project.resolve(op.module, node) is not None:
            return [Known(Part.CONSTANT)]
        bound = self.flow.reaching(op.frame.scope).at(node)
        if bound:
            return None
        method = op.frame.scope.method
        if isinstance(node.value, ast.Name) and method is not None and node.value.id == _self_of(method):
            assert method.parent is not None
            klass = Symbol(op.module.path, method.parent.qualname)
            return [Known(self._stored(klass, node.attr))]
        return self.evaluate(op.sub(node.value))

    def _stored(self, klass: Symbol, attribute: str) -> Part:
        """Whether an instance's attribute keeps the value that its constructor gave it."""
        from ..values.attributes import is_set_once

        settled = is_set_once(self.flow, klass, attribute)
        return Part.UNKNOWN if settled is None else Part.CONSTANT if settled else Part.CHANGING

    def _call(self, op: Operand, node: ast.Call) -> Sequence[Known[Part]] | None:
        name = self.project.external(op.module, node.func)
        arguments = [a for a in node.args if not isinstance(a, ast.Starred)] + [k.value for k in node.keywords]
        if name is not None:
            home, _, last = name.rpartition(".")
            if name in _FRESH or (home in ("random", "numpy.random", "torch") and last in DRAWS) or last == "get_rank":
                return [Known(Part.CHANGING)]
            if (not home and last in _PURE) or any(home == h or home.startswith(f"{h}.") for h in _PURE_HOMES):
                return _all([self.evaluate(op.sub(a)) for a in arguments]) or [Known(Part.CONSTANT)]
            return [Known(Part.UNKNOWN)]
        if isinstance(node.func, ast.Attribute) and self.project.resolve(op.module, node.func) is None:
            if self.flow.calls.callees(op):
                return None
            if node.func.attr in DRAWS:
                return [Known(Part.CHANGING)]
            if node.func.attr in _PURE_METHODS:
                return _all([self.evaluate(op.sub(a)) for a in (node.func.value, *arguments)])
            return [Known(Part.UNKNOWN)]
        return None


def _all(parts: Sequence[Sequence[Known[Part]]]) -> list[Known[Part]]:
    return list(dict.fromkeys(k for part in parts for k in part))


def _counts(node: ast.expr) -> bool:
    """A loop over ``range(...)`` counts the same way for every item."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _self_of(scope: Scope) -> str | None:
    arguments = getattr(scope.node, "args", None)
    first = [*arguments.posonlyargs, *arguments.args] if arguments is not None else []
    return first[0].arg if first else None


def _vararg(scope: Scope) -> str | None:
    arguments = getattr(scope.node, "args", None)
    return arguments.vararg.arg if arguments is not None and arguments.vararg is not None else None
