"""How many times a scheduler is moved in a training: once an epoch, once a batch, or once in K batches."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import product

from ...source.scopes import key_of, last_name
from ..values.flow import Flow
from ..values.frames import Frame, Known, Operand
from ..values.origins import Origin, origin
from .accelerate import Accelerators, Accumulating, Unsettled, accumulation_of
from .counts import BATCHES, Atom, Count, Counts, Loaders, Unit
from .schedulers import Schedules, Step
from .turns import Around, Path, Work, Worker, ends, every, increment, paths_to

_MOST = 6
_DEEPEST = 6
_RANGES = {"range", "trange", "arange", "xrange"}


class Per(Enum):
    """After what a scheduler is moved."""

    EPOCH = "epoch"
    BATCH = "batch"


@dataclass(frozen=True, eq=False)
class Divided:
    """Something that lets control pass once in ``count`` batches, with the place that says so."""

    count: Count
    operand: Operand
    guard: Around


@dataclass(frozen=True, eq=False)
class Limit:
    """A loop's end by a counter: ``if counter >= bound: break``."""

    totals: tuple[Count, ...]
    bounds: tuple[Count, ...]


@dataclass(frozen=True, eq=False)
class Pace:
    """How one way to a scheduler's step runs.

    ``totals``: how often in the whole training, in every reading of the loops; ``epochs``: the turns of the loops
    around the batch loop. ``every``: what thins the scheduler's steps out inside the batch loop; ``optimizer``: what
    thins the optimizer's; ``declared``: a factor that the repository names, but by which nothing in the loop waits.
    ``loop`` is the batch loop (of a step per epoch: the epoch loop).
    """

    step: Step
    path: Path
    per: Per
    loop: Around
    totals: tuple[Count, ...]
    epochs: tuple[Count, ...]
    every: tuple[Divided, ...] = ()
    optimizer: tuple[Divided, ...] = ()
    declared: tuple[Divided, ...] = ()
    optimizer_step: Work | None = None
    limits: tuple[Limit, ...] = ()
    loaders: frozenset[Origin] = field(default_factory=frozenset)
    has_flag: bool = False

    def settle(self, count: Count) -> Count:
        """A count in which the length of what the batch loop runs over is one of batches.

        Samples divided by a batch size are batches too: a length over one variable that is no accumulation factor.
        """
        table: dict[Atom, int] = {}
        for atom, power in count.powers:
            is_loader = atom.unit is Unit.BATCHES or (atom.unit is Unit.LENGTH and atom.origin in self.loaders)
            key = BATCHES if is_loader else atom
            table[key] = table.get(key, 0) + power
        samples = [a for a, p in table.items() if a.unit is Unit.LENGTH and p == 1]
        thinning = {a for d in (*self.every, *self.optimizer) for a, _ in d.count.powers}
        sizes = [a for a, p in table.items() if a.unit is Unit.NUMBER and p == -1 and a not in thinning]
        if len(samples) == 1 and len(sizes) == 1:
            del table[samples[0]], table[sizes[0]]
            table[BATCHES] = table.get(BATCHES, 0) + 1
        return Count(frozenset((a, p) for a, p in table.items() if p), count.scale)


class Paces:
    """Finds the paces of scheduler steps. One instance a file under check."""

    def __init__(self, flow: Flow, schedules: Schedules) -> None:
        self.flow = flow
        self.schedules = schedules
        self.worker = Worker(flow)
        self._homes: dict[tuple[str, int, int], set[tuple[str, int]]] = {}

    def of(self, step: Step) -> list[Pace]:
        """The pace on each way to a step call; ways without a training loop are left out."""
        found = (self._on(step, path) for path in paths_to(self.flow, step.module, step.call))
        return [p for p in found if p is not None]

    def counts(self, op: Operand) -> list[Known[Count]]:
        """What a count may be."""
        return Counts(self.flow).evaluate(op)

    def _on(self, step: Step, path: Path) -> Pace | None:
        loops = [a for a in path.loops if not self._makes(a, step)]
        if not loops:
            return None
        inner = loops[0]
        works = self.worker.work(inner.module, inner.node)
        backwards = [w for w in works if w.kind == "backward"]
        moves = [w for w in works if w.kind == "step" and not self.schedules.moves(w.module, w.call)]
        if any(not w.loops for w in backwards) or (not backwards and self._is_loader(inner)):
            return self._per_batch(step, path, loops, moves)
        if not backwards:
            return None
        nested = backwards[0].loops
        if moves and all(not w.loops for w in moves) and len(nested) == 1:
            # The backward passes of one step are a loop of their own: a turn of the outer loop is a step.
            return self._per_batch(step, path, loops, moves, self._parts(Around(*nested[0])))
        if not any(w.loops for w in moves) or not self._turns(inner):
            return None
        turns = self._product(loops)
        return Pace(
            step,
            path,
            Per.EPOCH,
            inner,
            totals=turns,
            epochs=turns,
            loaders=self._iterated(Around(*nested[-1])),
            has_flag=self._has_flag(path.inside(inner)),
        )

    def _makes(self, loop: Around, step: Step) -> bool:
        """Whether a scheduler is made inside a loop: the loop then runs over whole trainings (folds, seeds)."""
        op = step.made.operand
        if op is None:
            return False
        if step.made.place not in self._homes:
            paths = paths_to(self.flow, op.module, op.node)
            self._homes[step.made.place] = {(a.module.path, a.node.lineno) for p in paths for a in p.loops}  # pyright: ignore[reportAttributeAccessIssue]
        return (loop.module.path, getattr(loop.node, "lineno", 0)) in self._homes[step.made.place]

    def _per_batch(
        self, step: Step, path: Path, loops: list[Around], moves: Sequence[Work], parts: tuple[Divided, ...] = ()
    ) -> Pace | None:
        inner = loops[0]
        inside = path.inside(inner)
        try:
            synchronised = self._synchronised(inner, inside)
        except Unsettled:
            return None
        own = self._thinning(inside, synchronised if self._waits(step) else None, synchronised)
        move, theirs = self._of_optimizer(inner, moves, synchronised)
        epochs = self._product(loops[1:])
        rate = _rate(own)
        turns = self._turns(inner) or [Count.of(BATCHES)]
        totals = tuple(e.times(t).times(rate) for e, t in product(epochs, turns))[:_MOST]
        return Pace(
            step,
            path,
            Per.BATCH,
            inner,
            totals=totals,
            epochs=epochs,
            every=own,
            optimizer=theirs,
            declared=parts or (self._declared(step) if synchronised is None else ()),
            optimizer_step=move,
            limits=tuple(self._limits(loops, synchronised, rate)),
            loaders=self._iterated(inner),
            has_flag=self._has_flag(inside),
        )

    def _of_optimizer(
        self, loop: Around, moves: Sequence[Work], synchronised: Divided | None
    ) -> tuple[Work | None, tuple[Divided, ...]]:
        """The optimizer's step in a batch loop, and what thins it out."""
        for move in moves:
            for path in paths_to(self.flow, move.module, move.call):
                outer = next((a for a in path.around if a.node is loop.node), None)
                if outer is not None:
                    return move, self._thinning(path.inside(outer), synchronised, synchronised)
        return (moves[0] if moves else None), (synchronised,) if synchronised is not None else ()

    # What thins out.

    def _thinning(
        self, inside: Iterable[Around], always: Divided | None, synchronised: Divided | None
    ) -> tuple[Divided, ...]:
        """The divisions between a call and its loop. ``always`` divides without a guard (a prepared object)."""
        found: list[Divided] = [always] if always is not None else []
        for around in inside:
            if not isinstance(around.node, (ast.If, ast.IfExp)) or around.test is None:
                continue
            if _asks_sync(around):
                found += [synchronised] if synchronised is not None else []
                continue
            number = every(self.flow, around)
            if number is not None:
                divided = self._divided(number, around)
                found += [divided] if divided is not None else []
        return tuple({d.count: d for d in found}.values())

    def _divided(self, number: Operand, around: Around) -> Divided | None:
        known = Counts(self.flow).evaluate(number)
        if not known or known[0].what == Count():
            return None
        return Divided(known[0].what, number, around)

    def _synchronised(self, loop: Around, inside: list[Around]) -> Divided | None:
        """Accelerate's own accumulation in a batch loop: ``with accelerator.accumulate(model)``.

        Raises:
            Unsettled: there is one, and by what factor it accumulates is not in the code.
        """
        items = [a for a in inside if isinstance(a.node, (ast.With, ast.AsyncWith))]
        for node in ast.walk(loop.node):
            if isinstance(node, (ast.With, ast.AsyncWith)):
                items += [Around(loop.module, node, i.context_expr) for i in node.items]
        for around in items:
            contexts = Accumulating(self.flow).evaluate(around.operand)
            if not contexts:
                continue
            made = contexts[0].what.operand
            number = accumulation_of(made) if made is not None else None
            if number is not None:
                return self._divided(number, around)
            if made is None or any(k.arg is None for k in made.node.keywords):  # pyright: ignore[reportAttributeAccessIssue]
                raise Unsettled
            return None
        return None

    def _parts(self, loop: Around) -> tuple[Divided, ...]:
        """The number of micro-batches of a step, where a loop inside the step runs over them."""
        node = loop.node
        if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call) or len(node.iter.args) != 1:
            return ()
        number = Operand(node.iter.args[0], Frame(loop.module, loop.module.scope_of(node.iter)))
        divided = self._divided(number, loop) if last_name(node.iter.func) in _RANGES else None
        return (divided,) if divided is not None else ()

    def _declared(self, step: Step) -> tuple[Divided, ...]:
        if step.made.accelerator is None:
            return ()
        found: list[Divided] = []
        for known in Accelerators(self.flow).evaluate(step.made.accelerator):
            made = known.what.operand
            number = accumulation_of(made) if made is not None else None
            if made is not None and number is not None:
                divided = self._divided(number, Around(made.module, made.node))
                found += [divided] if divided is not None else []
        return tuple(found)

    def _waits(self, step: Step) -> bool:
        """Whether Accelerate moves the scheduler on synchronised steps only: prepared, and not told otherwise."""
        if not step.made.prepared or step.made.accelerator is None:
            return False
        for known in Accelerators(self.flow).evaluate(step.made.accelerator):
            made = known.what.operand
            for keyword in made.node.keywords if made is not None else ():  # pyright: ignore[reportAttributeAccessIssue]
                if keyword.arg == "step_scheduler_with_optimizer" and isinstance(keyword.value, ast.Constant):
                    return bool(keyword.value.value)
        return True

    # How many turns.

    def _product(self, loops: Sequence[Around]) -> tuple[Count, ...]:
        found = [Count()]
        for loop in loops:
            home = Origin(loop.module.path, loop.module.qualname(loop.node), f"loop {getattr(loop.node, 'lineno', 0)}")
            turns = self._turns(loop) or [Count.of(Atom(Unit.NUMBER, home, "the loop's turns"))]
            found = [f.times(t) for f, t in product(found, turns)][:_MOST]
        return tuple(found)

    def _turns(self, loop: Around) -> list[Count]:
        node = loop.node
        if not isinstance(node, (ast.For, ast.AsyncFor)):
            return []
        return self._length(Operand(node.iter, Frame(loop.module, loop.module.scope_of(node.iter))), 0)

    def _length(self, op: Operand, depth: int) -> list[Count]:
        """How many elements an iterable has."""
        node = op.node
        if depth > _DEEPEST:
            return []
        if isinstance(node, ast.Call):
            name = last_name(node.func)
            if name in _RANGES and node.args and not isinstance(node.args[0], ast.Starred):
                return self._range(op, node)
        if Loaders(self.flow).evaluate(op):
            return [Count.of(BATCHES)]
        if isinstance(node, ast.Call):
            found: list[Count] = []
            for argument in node.args:
                found = found or self._length(op.sub(argument), depth + 1)
            return found if self._keeps_length(op, node) else []
        if key_of(node) is not None:
            sources = [s for s in self.flow.sources(op) if s.operand is not None and not s.is_element and not s.index]
            return [c for s in sources if s.operand for c in self._length(s.operand, depth + 1)][:_MOST]
        return []

    def _range(self, op: Operand, node: ast.Call) -> list[Count]:
        stop = node.args[0] if len(node.args) == 1 else node.args[1]
        turns = [k.what for k in Counts(self.flow).evaluate(op.sub(stop))]
        if len(node.args) > 2:
            widths = [k.what for k in Counts(self.flow).evaluate(op.sub(node.args[2]))]
            turns = [t.over(w) for t in turns for w in widths]
        return turns[:_MOST]

    def _keeps_length(self, op: Operand, node: ast.Call) -> bool:
        """Whether a call hands its argument's elements on: anything from outside, and generators of the project."""
        return bool(node.args) and key_of(node.func) is not None

    def _is_loader(self, loop: Around) -> bool:
        return any(c.power(BATCHES) == 1 for c in self._turns(loop))

    def _iterated(self, loop: Around) -> frozenset[Origin]:
        """The variables that a batch loop runs over."""
        node = loop.node
        if not isinstance(node, (ast.For, ast.AsyncFor)):
            return frozenset()
        found: set[Origin] = set()
        stack = [Operand(node.iter, Frame(loop.module, loop.module.scope_of(node.iter)))]
        for _ in range(_DEEPEST):
            if not stack:
                break
            op = stack.pop()
            home = origin(self.flow, op)
            if home is not None:
                found.add(home)
                stack += [s.operand for s in self.flow.sources(op) if s.operand and not s.index and not s.is_element]
            elif isinstance(op.node, ast.Call) and op.node.args:
                name = op.node.func.attr if isinstance(op.node.func, ast.Attribute) else getattr(op.node.func, "id", "")
                if name not in _RANGES:
                    stack.append(op.sub(op.node.args[0]))
        return frozenset(found)

    def _limits(self, loops: list[Around], synchronised: Divided | None, rate: Count) -> Iterable[Limit]:
        """Ends of the training by a counter that is moved in the batch loop."""
        inner = loops[0]
        for loop in loops:
            for test in ends(loop):
                module, bound = loop.module, test.comparators[0]
                moved = increment(inner.node, key_of(test.left))
                if moved is None or module is not inner.module:
                    continue
                guards = [a for p in paths_to(self.flow, module, moved, _DEEPEST) for a in _inside(p, inner)]
                each = _rate(self._thinning(guards, None, synchronised))
                bounds = [
                    k.what for k in Counts(self.flow).evaluate(Operand(bound, Frame(module, module.scope_of(bound))))
                ]
                yield Limit(tuple(b.times(rate).over(each) for b in bounds), tuple(bounds))

    def _has_flag(self, inside: list[Around]) -> bool:
        """Whether a condition that is no counting guard decides on the step: a setting that picks a scheduler."""
        for around in inside:
            if not isinstance(around.node, ast.If) or around.test is None:
                continue
            if not _asks_sync(around) and every(self.flow, around) is None and _is_flag(around.test):
                return True
        return False


def _rate(divided: Iterable[Divided]) -> Count:
    rate = Count()
    for item in divided:
        rate = rate.over(item.count)
    return rate


def _inside(path: Path, loop: Around) -> list[Around]:
    outer = next((a for a in path.around if a.node is loop.node), None)
    return path.inside(outer) if outer is not None else []


def _asks_sync(around: Around) -> bool:
    return around.holds and any(
        isinstance(n, ast.Attribute) and n.attr == "sync_gradients" for n in ast.walk(around.test or around.node)
    )


def _is_flag(test: ast.expr) -> bool:
    """Names or strings that settle which scheduler is in use; not counters, and not ``scheduler is not None``."""
    if isinstance(test, ast.Compare) and any(isinstance(o, (ast.Is, ast.IsNot)) for o in test.ops):
        return False
    for node in ast.walk(test):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bool)):
            return True
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            return True
    return isinstance(test, ast.Attribute) or (
        isinstance(test, ast.UnaryOp) and isinstance(test.operand, ast.Attribute)
    )
