"""A scheduler whose planned length disagrees with how often it is moved."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.steps.counts import numbers_of
from ...analyzer.flow.steps.pace import Pace, Paces
from ...analyzer.flow.steps.schedule_check import Fault, Mismatch, compare
from ...analyzer.flow.steps.schedulers import Plan, Scheduled, Schedules, may_plan, schedules
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.origins import origin
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind
from ._scheduler_accumulation_cases import INVALID, VALID
from ._scheduler_accumulation_proof import PROOF


class SchedulerAccumulation(Rule):
    """A scheduler is planned in one unit and stepped in another.

    What it does
    ------------
    Works out what a scheduler's length counts (``T_max``, ``total_steps``, ``num_training_steps``, ``total_iters``,
    the divisor in a ``LambdaLR``'s function, a warm-up): micro-batches, optimizer steps or epochs. Works out how often
    ``scheduler.step()`` runs, through loops, guards such as ``(i + 1) % accumulation == 0``, Accelerate's
    ``accumulate`` and the functions in between. Reports where the two differ by the factor of gradient accumulation,
    or by the length of an epoch.

    Why it is bad
    -------------
    A cosine planned over ``epochs * len(loader)`` micro-batches but moved once in 8 of them ends its training at an
    eighth of its way: the learning rate never comes down. A plan of 100 epochs moved on every batch is over in 100
    batches, and a cosine then climbs back and swings for the rest of the training.

    What you see
    ------------
    The logged learning rate barely moves (or is at its floor within the first epoch), while the loss looks normal.
    The results are those of another schedule than the one that the configuration names.

    Example
    -------
    Bad::

        scheduler = CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
        ...
        if (step + 1) % accumulation == 0:
            optimizer.step()
            scheduler.step()

    Good, planned in optimizer steps::

        scheduler = CosineAnnealingLR(optimizer, T_max=epochs * math.ceil(len(loader) / accumulation))

    Fix safety
    ----------
    Unsafe: the learning rate of every step changes, so a tuned base rate may have to be tuned again. The fix divides
    the plan (rounding up, so that it never ends before the training), takes a factor out of it, or moves the step,
    whichever keeps the epochs that the code states.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
    - https://huggingface.co/docs/accelerate/concept_guides/gradient_synchronization
    """

    name = "scheduler-accumulation"
    code = "MLF501"
    level = Level.BREAKS
    symptom = "The learning rate at the end of training is far from the one that the schedule plans."
    proof = PROOF
    triggers = (b"sched", b"Sched", b"optim", b"Optim", b"AnnealingLR", b"LambdaLR")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file may hold a scheduler's plan."""
        return may_plan(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Every scheduler whose plan stands in this file."""
        known = schedules(project)
        here = known.by_file.get(module.path, ())
        if here:
            project.consulted.update(known.paths)
        for scheduled in here:
            yield from self._of_scheduler(module, project, known, scheduled)

    def _of_scheduler(
        self, module: Module, project: Project, known: Schedules, scheduled: Scheduled
    ) -> Iterator[Finding]:
        paces = Paces(project.flow, known)
        pace = fastest(known, [p for step in scheduled.steps for p in paces.of(step)])
        if pace is None:
            return
        judged = [(self._judge(paces, plan, pace), place) for plan, place in scheduled.plans]
        found = [(mismatch, place) for mismatch, place in judged if mismatch is not None]
        if found and (found[0][0].pace.every or not found[0][0].plan.is_warmup):
            found = [(m, p) for m, p in found if m.fault is found[0][0].fault]
            yield self._report(project, found)

    def _judge(self, paces: Paces, plan: Plan, pace: Pace) -> Mismatch | None:
        readings = paces.counts(plan.operand)
        for factor in plan.also:
            readings = [
                type(a)(a.what.times(b.what), a.trail + b.trail) for a in readings for b in paces.counts(factor)
            ]
        own_class = pace.step.made.kind.partition(".")[0] not in ("torch", "transformers", "diffusers")
        mismatch = compare(plan, readings, pace)
        if mismatch is None:
            return None
        if own_class and (len(mismatch.planned.powers) < 2 or mismatch.fault is Fault.EPOCHS_PER_BATCH):
            return None  # an argument of a project's own scheduler is its length only where it is a product of steps
        if plan.name == "step_size" and mismatch.fault is not Fault.BATCHES_PER_EPOCH:
            return None
        return mismatch

    def _report(self, project: Project, found: list[tuple[Mismatch, Operand]]) -> Finding:
        mismatch, place = found[0]
        module = place.module
        pace = mismatch.pace
        values = numbers_of(project.flow, mismatch.divided.operand) if mismatch.divided is not None else set()
        repair = {
            "fault": mismatch.fault.name,
            "plans": [_span(module, p.node) for _, p in found],
            "step": [pace.step.module.path, *_span(pace.step.module, pace.step.call)],
            "loop": [pace.loop.module.path, getattr(pace.loop.node, "lineno", 0)],
        }
        if mismatch.divided is not None:
            home = origin(project.flow, mismatch.divided.operand)
            repair["accumulation"] = {
                "text": mismatch.divided.operand.text(),
                "origin": [home.path, home.home, home.chain] if home is not None else None,
            }
        turns = [next(iter(c.powers))[0] for c in pace.epochs if len(c.powers) == 1 and c.scale == 1]
        if turns and turns[0].origin is not None:
            home = turns[0].origin
            repair["epochs"] = {"text": turns[0].label, "origin": [home.path, home.home, home.chain]}
        accelerator = pace.step.made.accelerator
        if pace.step.made.prepared and accelerator is not None:
            repair["accelerator"] = accelerator.text()
        move = pace.optimizer_step
        if move is not None:
            repair["optimizer_step"] = [move.module.path, *_span(move.module, move.call)]
        return self.finding(
            module,
            place.node,
            _message(mismatch, place, values),
            evidence=_evidence(mismatch, place),
            confidence=_confidence(mismatch, values),
            repair=repair,
        )


def fastest(known: Schedules, paces: list[Pace]) -> Pace | None:
    """The pace that counts where a scheduler is moved at several places; None where settings decide between them."""
    if not paces:
        return None
    best = min(paces, key=lambda p: (p.per.value != "batch", len(p.every)))
    if any(p.has_flag and known.makers_at(p.step) > 1 for p in paces):
        return None
    if len({p.per for p in paces}) > 1 and any(p.has_flag for p in paces):
        return None
    return best


def _span(module: Module, node: ast.AST) -> list[int]:
    start, end = module.span(node)
    return [start, end]


def _written(place: Operand) -> str:
    """A plan as it is written, or what its name is set to."""
    node, module = place.node, place.module
    if isinstance(node, ast.Name):
        bindings = module.scope_of(node).bindings.get(node.id, [])
        if len(bindings) == 1 and bindings[0].kind is Kind.ASSIGN and bindings[0].value is not None:
            return module.snippet(bindings[0].value)
    return place.text()


def _number(values: set[float]) -> str:
    return f"={int(max(values))}" if values and max(values) > 1 else ""


def _message(mismatch: Mismatch, place: Operand, values: set[float]) -> str:
    plan, step = mismatch.plan, mismatch.pace.step
    moved = f"`{step.module.snippet(step.call)}`"
    written = _written(place)
    given = f"`{plan.name}`" if written == plan.name else f"`{plan.name}` (`{written}`)"
    share = f"1/{int(max(values))}" if values and max(values) > 1 else "a fraction"
    factor = mismatch.divided.operand.text() if mismatch.divided is not None else ""
    size = f"`{factor}`{_number(values)}"
    if mismatch.fault is Fault.TOO_LONG:
        return _too_long(mismatch, given, moved, size, share)
    if mismatch.fault is Fault.TOO_SHORT:
        return (
            f"{given} counts optimizer steps, one in {size} batches, but {moved} runs on every batch: "
            f"the plan is over after {share} of the training"
        )
    if mismatch.fault is Fault.EPOCHS_PER_BATCH:
        return f"{given} counts epochs, but {moved} runs on every batch: the plan is over within that many batches"
    if len(mismatch.planned.powers) == 1:
        return (
            f"{given} is the number of batches in an epoch, but {moved} runs once an epoch: "
            "the plan has nothing to do with the number of epochs"
        )
    return f"{given} counts batches, but {moved} runs once an epoch: the learning rate hardly gets into its plan"


def _too_long(mismatch: Mismatch, given: str, moved: str, size: str, share: str) -> str:
    pace = mismatch.pace
    if not pace.every:
        guard = mismatch.divided.guard.node if mismatch.divided is not None else None
        each = (
            "once for all of them" if isinstance(guard, ast.For) else "once a step, and nothing in the loop accumulates"
        )
        return f"{given} is multiplied by {size}, but {moved} runs {each}: the LR gets {share} of its plan"
    how = "on synchronised steps only, once per" if pace.step.made.prepared else "once per"
    unit = "micro-batches" if mismatch.counts_batches else "turns of the loop"
    return f"{given} counts {unit}, but {moved} advances {how} {size} batches: the LR gets {share} of its plan"


def _confidence(mismatch: Mismatch, values: set[float]) -> Confidence:
    sure = mismatch.exact and not mismatch.pace.has_flag
    if mismatch.divided is not None:
        sure = sure and mismatch.counts_batches
        return Confidence.HIGH if sure and any(v > 1 for v in values) else Confidence.MEDIUM
    return Confidence.HIGH if sure and mismatch.planned.powers else Confidence.MEDIUM


def _evidence(mismatch: Mismatch, place: Operand) -> list[Evidence]:
    pace, plan = mismatch.pace, mismatch.plan
    counted = {
        Fault.TOO_LONG: "counts micro-batches" if mismatch.counts_batches else "counts turns of the loop",
        Fault.TOO_SHORT: "counts optimizer steps",
        Fault.EPOCHS_PER_BATCH: "counts epochs",
        Fault.BATCHES_PER_EPOCH: "counts batches",
    }[mismatch.fault]
    found = [place.module.evidence(place.node, f"the plan: `{place.text()}` {counted}")]
    if plan.operand.node is not place.node:
        found.append(plan.operand.module.evidence(plan.operand.node, f"it is the length in `{plan.operand.text()}`"))
    found += mismatch.trail
    step = pace.step
    found.append(step.module.evidence(step.call, "the scheduler is moved here"))
    if mismatch.divided is not None:
        guard = mismatch.divided.guard
        node = guard.test or guard.node
        found.append(guard.module.evidence(node, f"accumulation: `{guard.module.snippet(node)}`"))
    if pace.optimizer_step is not None:
        work = pace.optimizer_step
        found.append(work.module.evidence(work.call, "the optimizer steps here"))
    kind = "the loop over batches" if pace.per.value == "batch" else "the loop over epochs"
    found.append(
        pace.loop.module.evidence(pace.loop.node, f"{kind}: `{pace.loop.module.line_text(pace.loop.node).strip()}`")
    )
    return list({(e.path, e.line): e for e in reversed(found)}.values())[::-1]
