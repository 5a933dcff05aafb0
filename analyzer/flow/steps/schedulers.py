"""Learning-rate schedulers: where they are made, what length they plan, and which ``step`` calls move them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ...findings import Evidence
from ...graph.graphs import is_test
from ...graph.symbols import Symbol
from ...source.scopes import Kind
from ..values.evaluate import Evaluator
from ..values.flow import Flow
from ..values.frames import Frame, Known, Operand

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.facts import FileFacts
    from ...source.module import Module

# Parameters that count steps, with their position: the plan first, then a warm-up. Read in the signatures of
# torch.optim.lr_scheduler 2.x and transformers.optimization / diffusers.optimization.
_TORCH = {
    "CosineAnnealingLR": {"T_max": 1},
    "CosineAnnealingWarmRestarts": {"T_0": 1},
    "OneCycleLR": {"total_steps": 2},
    "LinearLR": {"total_iters": 3},
    "PolynomialLR": {"total_iters": 1},
    "ConstantLR": {"total_iters": 2},
    "StepLR": {"step_size": 1},
}
_WARMED = {
    "get_linear_schedule_with_warmup": {"num_training_steps": 2, "num_warmup_steps": 1},
    "get_cosine_schedule_with_warmup": {"num_training_steps": 2, "num_warmup_steps": 1},
    "get_cosine_with_hard_restarts_schedule_with_warmup": {"num_training_steps": 2, "num_warmup_steps": 1},
    "get_polynomial_decay_schedule_with_warmup": {"num_training_steps": 2, "num_warmup_steps": 1},
    "get_cosine_with_min_lr_schedule_with_warmup": {"num_training_steps": 2, "num_warmup_steps": 1},
    "get_wsd_schedule": {"num_training_steps": 4, "num_warmup_steps": 1},
    "get_constant_schedule_with_warmup": {"num_warmup_steps": 1},
}
_NAMED = {
    "transformers": {"num_training_steps": 3, "num_warmup_steps": 2},
    "diffusers": {"num_training_steps": 4, "num_warmup_steps": 3},
}
PLANNERS = frozenset(_TORCH) | frozenset(_WARMED) | {"get_scheduler", "LambdaLR"}
"""Last names of everything outside of the project that makes a scheduler with a length."""
_DEEPEST = 4
_BUNDLES = {"SequentialLR", "ChainedScheduler"}
_BASES = frozenset(f"torch.optim.lr_scheduler.{name}" for name in ("LRScheduler", "_LRScheduler", "LambdaLR", *_TORCH))


@dataclass(frozen=True)
class Made:
    """A scheduler where it is made. ``prepared``: handed through ``Accelerator.prepare``."""

    path: str
    line: int
    column: int
    kind: str
    prepared: bool = False
    operand: Operand | None = field(compare=False, default=None)
    accelerator: Operand | None = field(compare=False, default=None)
    planned: tuple[tuple[str, int], ...] = field(compare=False, default=())
    """Names and positions of the parameters that count steps, where the project has a planner of its own."""

    @property
    def place(self) -> tuple[str, int, int]:
        """Where it is made: the same for all of its uses."""
        return (self.path, self.line, self.column)


@dataclass(frozen=True, eq=False)
class Step:
    """A call that moves a scheduler on: the file, the call, and how the scheduler came there."""

    module: Module
    call: ast.Call
    made: Made
    trail: tuple[Evidence, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """An argument that says how long a scheduler runs. ``also`` are factors that are multiplied to it (OneCycleLR)."""

    name: str
    operand: Operand
    also: tuple[Operand, ...] = ()
    is_warmup: bool = False


class Makers(Evaluator[Made]):
    """Which scheduler a value may be."""

    def expression(self, op: Operand) -> Sequence[Known[Made]] | None:
        """A call that makes one, a bundle of several, or ``accelerator.prepare``."""
        node = op.node
        if isinstance(node, (ast.List, ast.Tuple)):
            return [k for e in node.elts for k in self.evaluate(op.sub(e))]
        if not isinstance(node, ast.Call):
            return None
        symbol = self.project.resolve(op.module, node.func)
        if isinstance(symbol, str):
            return self._outside(op, node, symbol)
        if symbol is not None:
            own = _own_planner(self.project, symbol)
            if own:
                known = self._made(op, symbol.qualname)
                return [replace(known, what=replace(known.what, planned=own))]
            if self.project.symbols.klass(symbol) is None:
                return None
            return [self._made(op, symbol.qualname)] if is_scheduler(self.project, symbol) else []
        if isinstance(node.func, ast.Attribute) and node.func.attr == "prepare":
            return [k for a in node.args for k in self._prepared(op, a)]
        return None

    def element(self, known: list[Known[Made]], op: Operand, index: tuple[int, ...]) -> list[Known[Made]]:
        """``a, b = accelerator.prepare(a, b)`` hands each back at its place."""
        node = op.node
        if not index:
            return known
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "prepare":
            return []
        return self._prepared(op, node.args[index[0]]) if index[0] < len(node.args) else []

    def _outside(self, op: Operand, node: ast.Call, symbol: str) -> list[Known[Made]] | None:
        package, name = symbol.partition(".")[0], symbol.rpartition(".")[2]
        if package == "torch" and name in _BUNDLES:
            given = list(node.args) + [k.value for k in node.keywords if k.arg == "schedulers"]
            return [k for a in given if not isinstance(a, ast.Starred) for k in self.evaluate(op.sub(a))]
        known = (name in _TORCH or name == "LambdaLR") if package == "torch" else name in PLANNERS
        if known and package in ("torch", "transformers", "diffusers"):
            return [self._made(op, symbol)]
        return []

    def _made(self, op: Operand, kind: str) -> Known[Made]:
        location = op.module.location(op.node)
        made = Made(op.module.path, location.line, location.column, kind, operand=op)
        return Known(made, (op.module.evidence(op.node, f"the scheduler is made by `{op.text()}`"),))

    def _prepared(self, op: Operand, argument: ast.expr) -> list[Known[Made]]:
        assert isinstance(op.node, ast.Call) and isinstance(op.node.func, ast.Attribute)
        accelerator = op.sub(op.node.func.value)
        step = op.module.evidence(op.node, "`accelerator.prepare` lets it advance on synchronised steps only")
        return [
            Known(replace(k.what, prepared=True, accelerator=accelerator), k.trail).after(step)
            for k in self.evaluate(op.sub(argument))
        ]


def _own_planner(project: Project, symbol: Symbol) -> tuple[tuple[str, int], ...]:
    """The step counts among the parameters of a project's own ``get_scheduler`` or ``get_..._schedule_with_warmup``."""
    function = project.symbols.function(symbol)
    if function is None or symbol.qualname not in PLANNERS:
        return ()
    counts = ("num_training_steps", "num_warmup_steps")
    return tuple((name, function.parameters.index(name)) for name in counts if name in function.parameters)


def is_scheduler(project: Project, klass: Symbol) -> bool:
    """Whether a class of the project is a torch scheduler."""
    return project.symbols.is_subclass(klass, _BASES)


@dataclass(frozen=True, eq=False)
class Scheduled:
    """A scheduler with the calls that move it and the arguments that plan its length, each with where it is written."""

    steps: tuple[Step, ...]
    plans: tuple[tuple[Plan, Operand], ...]


class Schedules:
    """All step calls of a project's schedulers, found once a project."""

    def __init__(self, project: Project) -> None:
        self._flow = project.flow
        self._project = project
        self._makers: dict[tuple[str, int, int], list[Known[Made]]] = {}
        self.paths: set[str] = set()

    @cached_property
    def steps(self) -> list[Step]:
        """Every plain call ``x.step()`` outside of tests whose receiver may be a scheduler."""
        if not any(_makes_scheduler(facts) for facts in self._project.files.values()):
            return []
        found: list[Step] = []
        seen: set[tuple[str, int]] = set()
        for site in self._project.possible_call_sites("step"):
            if (site.path, site.line) in seen or is_test(site.path):
                continue
            seen.add((site.path, site.line))
            module = self._project.try_module(site.path)
            for call in module.calls_on(site.line) if module is not None else ():
                # An argument says where the scheduler is to be (or what the loss was): nothing is counted then.
                if module is not None and not call.args and not call.keywords:
                    found += self._of_call(module, call)
        return found

    def _of_call(self, module: Module, call: ast.Call) -> Iterator[Step]:
        for known in self._moved_by(module, call):
            self.paths.update((module.path, known.what.path))
            yield Step(module, call, known.what, known.trail)

    def _moved_by(self, module: Module, call: ast.Call) -> list[Known[Made]]:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "step":
            return []
        place = (module.path, call.lineno, call.col_offset)
        if place not in self._makers:
            receiver = self._flow.operand(module, call.func.value)
            known = Makers(self._flow).evaluate(receiver)
            # An attribute that is made in one method and prepared in another is prepared when it is moved.
            prepared = {k.what.place for k in known if k.what.prepared}
            self._makers[place] = [k for k in known if k.what.prepared or k.what.place not in prepared]
        return self._makers[place]

    def moves(self, module: Module, call: ast.Call) -> bool:
        """Whether a call moves a scheduler."""
        return bool(self._moved_by(module, call))

    def makers_at(self, step: Step) -> int:
        """How many schedulers, made at different places, one call may move."""
        return len({k.what.place for k in self._moved_by(step.module, step.call)})

    @cached_property
    def by_file(self) -> dict[str, list[Scheduled]]:
        """The schedulers by the file in which their plan is written."""
        groups: dict[tuple[str, int, int], list[Step]] = {}
        for step in self.steps:
            groups.setdefault(step.made.place, []).append(step)
        table: dict[str, list[Scheduled]] = {}
        for steps in groups.values():
            written: dict[str, dict[tuple[int, int], tuple[Plan, Operand]]] = {}
            for step in steps:
                for plan in plans(self._flow, step.made):
                    place = written_at(self._flow, plan.operand)
                    mark = (place.node.lineno, place.node.col_offset)
                    written.setdefault(place.module.path, {}).setdefault(mark, (plan, place))
            for path, found in written.items():
                table.setdefault(path, []).append(Scheduled(tuple(steps), tuple(found.values())))
        return table


def written_at(flow: Flow, op: Operand) -> Operand:
    """Where a plan is written: of a parameter, its argument in the call that was followed into the function."""
    for _ in range(_DEEPEST):
        sources = flow.sources(op) if isinstance(op.node, ast.Name) else []
        if len(sources) != 1 or sources[0].operand is None or sources[0].binding is None:
            return op
        if sources[0].binding.kind is not Kind.PARAMETER or isinstance(sources[0].operand.node, ast.Constant):
            return op
        if not may_plan(flow.project.files[sources[0].operand.module.path]):
            return op
        op = sources[0].operand
    return op


def may_plan(facts: FileFacts) -> bool:
    """Whether a file may hold a scheduler's plan: it makes schedulers or loaders, or trains."""
    called = facts.called
    return (
        _makes_scheduler(facts)
        or any(name.endswith("DataLoader") for name in facts.names)
        or ("step" in called and "backward" in called)
    )


def _makes_scheduler(facts: FileFacts) -> bool:
    return any(name.rpartition(".")[2] in PLANNERS for name in facts.names) or any(
        base.rpartition(".")[2] in ("LRScheduler", "_LRScheduler") for k in facts.classes for base in k.bases
    )


_KEPT: WeakKeyDictionary[Project, Schedules] = WeakKeyDictionary()


def schedules(project: Project) -> Schedules:
    """The project's schedules, computed on first use."""
    found = _KEPT.get(project)
    if found is None:
        found = _KEPT[project] = Schedules(project)
    return found


def plans(flow: Flow, made: Made) -> list[Plan]:
    """The arguments of a scheduler that say how long it runs, the plan before the warm-up."""
    op = made.operand
    assert op is not None and isinstance(op.node, ast.Call)
    package, name = made.kind.partition(".")[0], made.kind.rpartition(".")[2]
    if name == "LambdaLR" and package == "torch":
        return _of_lambda(flow, op)
    if made.planned:
        return _of_table(op, dict(made.planned))
    if "." not in made.kind or package not in ("torch", "transformers", "diffusers"):
        return _of_own_class(op)
    table = _TORCH.get(name) or _WARMED.get(name) or _NAMED[package]
    found = _of_table(op, table)
    if name == "OneCycleLR" and not found:
        epochs, each = _argument(op.node, "epochs", 3), _argument(op.node, "steps_per_epoch", 4)
        if epochs is not None and each is not None:
            return [Plan("steps_per_epoch", op.sub(each), (op.sub(epochs),))]
    return found


def _of_table(op: Operand, table: Mapping[str, int]) -> list[Plan]:
    assert isinstance(op.node, ast.Call)
    return [
        Plan(parameter, op.sub(node), is_warmup=parameter == "num_warmup_steps")
        for parameter, position in table.items()
        if (node := _argument(op.node, parameter, position)) is not None
    ]


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return None if isinstance(keyword.value, ast.Constant) and keyword.value.value is None else keyword.value
    if position < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: position + 1]):
        return call.args[position]
    return None


def _of_own_class(op: Operand) -> list[Plan]:
    """The constructor's arguments of a project's own scheduler: any of them may be its length."""
    assert isinstance(op.node, ast.Call)
    given = [(f"argument {n}", a) for n, a in enumerate(op.node.args, 1) if not isinstance(a, ast.Starred)]
    given += [(k.arg, k.value) for k in op.node.keywords if k.arg is not None]
    return [Plan(name, op.sub(node)) for name, node in given]


def _of_lambda(flow: Flow, op: Operand) -> list[Plan]:
    """What a ``LambdaLR``'s function divides its step by: ``step / total``."""
    assert isinstance(op.node, ast.Call)
    node = _argument(op.node, "lr_lambda", 1)
    if node is None:
        return []
    return [p for function in _functions(flow, op.sub(node)) for p in _divisors(*function)]


def _functions(flow: Flow, op: Operand, depth: int = 0) -> Iterator[tuple[ast.FunctionDef | ast.Lambda, Frame]]:
    """The lambdas or nested functions that a value may be, each with the frame around it."""
    if isinstance(op.node, ast.Lambda):
        yield op.node, op.frame
    elif isinstance(op.node, ast.Name):
        home = op.frame.scope.lookup(op.node.id)
        frame = op.frame if home is op.frame.scope or home is None else Frame(op.module, home, None, op.frame.depth)
        for binding in home.bindings[op.node.id] if home is not None else ():
            if isinstance(binding.node, ast.FunctionDef):
                yield binding.node, frame
            elif binding.value is not None and depth < _DEEPEST:
                yield from _functions(flow, Operand(binding.value, frame), depth + 1)
    elif isinstance(op.node, ast.Call) and depth < _DEEPEST:
        for result in flow.calls.returns(op):
            yield from _functions(flow, result, depth + 1)


def _divisors(node: ast.FunctionDef | ast.Lambda, frame: Frame) -> Iterator[Plan]:
    """What a function of the step divides the step by, evaluated where the function is defined.

    Of ``step / epochs / batches`` no divisor is the plan by itself.
    """
    parameters = [a.arg for a in node.args.args]
    found = [
        n
        for n in ast.walk(node)
        if isinstance(n, ast.BinOp)
        and isinstance(n.op, ast.Div)
        and any(isinstance(inner, ast.Name) and inner.id in parameters[:1] for inner in ast.walk(n.left))
    ]
    chained = {id(part) for n in found if any(n.left is other for other in found) for part in (n, n.left)}
    for below in found:
        if id(below) not in chained:
            length = Operand(_bare(below.right), frame)
            yield Plan(length.text(), length)


def _bare(node: ast.expr) -> ast.expr:
    """The length in ``float(max(1, total - warmup))``: ``total``."""
    if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", "") in ("float", "int", "max"):
        named = [a for a in node.args if not isinstance(a, ast.Constant)]
        return _bare(named[0]) if len(named) == 1 else node
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        return _bare(node.left)
    return node
