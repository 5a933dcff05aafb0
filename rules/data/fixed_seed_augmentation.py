"""Augmentation that repeats itself every epoch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.items.applied import Application, Applied
from ...analyzer.flow.items.making import Item, Visit, is_dataset, making_of, names_that_seed
from ...analyzer.flow.items.phases import runs_in_training
from ...analyzer.flow.items.seeds import DRAWS, Part, Seeding, SeedParts, seedings
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.functions import own_calls
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, Scope, last_name
from ._fixed_seed_augmentation_cases import INVALID, VALID
from ._fixed_seed_augmentation_proof import PROOF

_MADE_UP = re.compile(r"synthetic|dummy|fake|toy|mock|generated|procedural|simulated", re.IGNORECASE)
_ON_PURPOSE = re.compile(r"determin|fixed|static|frozen|reproduc", re.IGNORECASE)
_ALL_EPOCHS = re.compile(r"\b\w*(?:num|n|total|max)_epochs\w*\b|\bepochs\b|consumed_samples")
_TEST_FOLDERS = {"tests", "test"}


class FixedSeedAugmentation(Rule):
    """A training item whose augmentation is a function of the item alone.

    What it does
    ------------
    Looks at ``__getitem__`` of datasets and every function that it reaches. Where a random generator is seeded from
    constants, the configuration and the item's index or content alone, and its draws change data that was loaded or
    passed in (a crop, noise, a flip, a transform), each epoch repeats the same view of the item. Seeds that mix in an
    epoch, a step, a worker or a fresh draw are left alone, and so are branches for evaluation, and generators that
    make the sample itself (synthetic data).

    Why it is bad
    -------------
    Augmentation works since the network never sees the same view twice. With a seed that belongs to the item there is
    one view an item for the whole training: the augmentation is only another fixed copy of the data set, at full cost.

    What you see
    ------------
    Training loss falls quickly while validation stalls, as without augmentation; turning augmentation up or off hardly
    changes anything.

    Example
    -------
    Bad::

        def __getitem__(self, index):
            rng = random.Random(self.seed + index)
            return augment(self.images[index], rng), self.labels[index]

    Good::

        def __getitem__(self, index):
            rng = random.Random(int(torch.randint(2**31, ())))
            return augment(self.images[index], rng), self.labels[index]

    Fix safety
    ----------
    Unsafe: it changes what is trained on, which is the point. The seed is drawn from torch's own generator, which
    DataLoader seeds anew for each worker and epoch, goes on in persistent workers, and repeats under
    ``torch.manual_seed``. The style ``set-epoch`` keeps the seed and mixes the epoch into it instead, so that an item's
    view in an epoch is the same in every run; it needs a loop over epochs that can be found.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/data.html#randomness-in-multi-process-data-loading
    - https://docs.pytorch.org/docs/stable/notes/randomness.html
    """

    name = "fixed-seed-augmentation"
    code = "MLF201"
    level = Level.BREAKS
    symptom = "The model overfits as without augmentation: every epoch shows it the same view of each item."
    proof = PROOF
    triggers = (b"__getitem__",)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether a class of the file makes items."""
        return any("__getitem__" in klass.methods for klass in facts.classes)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each dataset of the file."""
        if _TEST_FOLDERS & set(module.path.split("/")[:-1]) or "__getitem__" not in names_that_seed(project):
            return
        for klass in module.facts.classes:
            symbol = Symbol(module.path, klass.qualname)
            getter = module.scope_named(f"{klass.qualname}.__getitem__")
            if "__getitem__" not in klass.methods or getter is None or _MADE_UP.search(klass.qualname):
                continue
            found = list(self._of_dataset(module, project, symbol, getter))
            if found and is_dataset(project.flow, symbol) and not _runs_over_all_epochs(project, symbol):
                yield from found

    def _of_dataset(self, module: Module, project: Project, symbol: Symbol, getter: Scope) -> Iterator[Finding]:
        flow = project.flow
        item = making_of(flow, module, symbol, getter)
        reported: set[tuple[int, str]] = set()
        for visit in item.order:
            for seeding in seedings(flow, visit.module, visit.scope):
                given = Operand(seeding.seed, visit.frame)
                parts = SeedParts(flow, getter, item.calls).parts(given)
                if not parts <= {Part.ITEM, Part.CONSTANT} or not runs_in_training(flow, item, visit, seeding.call):
                    continue
                places = Application(flow, item, visit, seeding).places()
                if not places:
                    continue
                shown, seeds, call = _where_the_seed_is_made(project, item, visit, seeding)
                mark = (id(shown.scope), shown.module.segment(seeds[0]))
                if mark not in reported:
                    reported.add(mark)
                    yield self._report(module, item, shown, call, seeds, parts, places)

    def _report(
        self,
        home: Module,
        item: Item,
        visit: Visit,
        call: ast.Call,
        seeds: list[ast.expr],
        parts: set[Part],
        places: list[Applied],
    ) -> Finding:
        """At the seed, or, where a helper of another file makes it, at the dataset's own call of that helper."""
        module = visit.module
        place = call if module is home else next(op.node for op in reversed(visit.chain) if op.module is home)
        what = "constants and the item" if Part.ITEM in parts else "constants"
        seed = ", ".join(module.snippet(s) for s in seeds)
        best = next((p for p in places if not p.is_opaque), places[0])
        evidence = [module.evidence(call, f"the seed `{seed}` depends on {what} alone")]
        for op in visit.chain:
            evidence.append(op.module.evidence(op.node, f"`{op.text()}` is reached from `{item.klass.qualname}`"))
        evidence.append(Evidence(best.op.module.path, best.op.node.lineno, best.note))
        return self.finding(
            home,
            place,
            f"the augmentation of `{item.klass.qualname}` is seeded with `{seed}`: each epoch repeats the same view",
            evidence=evidence,
            confidence=_confidence(item, places),
            repair={
                "path": module.path,
                "seed": module.span(seeds[0]),
                "scope": visit.scope.qualname,
                "dataset": (item.klass.path, item.klass.qualname),
            },
        )


def _confidence(item: Item, places: list[Applied]) -> Confidence:
    if _ON_PURPOSE.search(item.klass.qualname):
        return Confidence.LOW
    return Confidence.MEDIUM if all(p.is_opaque for p in places) else Confidence.HIGH


def _where_the_seed_is_made(
    project: Project, item: Item, visit: Visit, seeding: Seeding
) -> tuple[Visit, list[ast.expr], ast.Call]:
    """The call whose arguments decide the seed: a function that only seeds what it is given is looked through."""
    seeds, call = [seeding.seed], seeding.call
    while visit.chain and _is_given(visit, seeds):
        outer = visit.chain[-1]
        assert isinstance(outer.node, ast.Call)
        bound = project.flow.calls.bind(outer.node, outer.frame, visit.scope)
        given = [bound[n].node for n in _names(visit, seeds) if n in bound]
        named = {id(o.node) for o in bound.values()}
        extra = [a for a in outer.node.args if not isinstance(a, ast.Starred) and id(a) not in named]
        caller = next((v for v in item.order if v.frame is outer.frame), None)
        if caller is None or not given:
            break
        # The argument that names the item is the one to change.
        flow = project.flow
        of_item = [
            g
            for g in {id(g): g for g in (*given, *extra)}.values()
            if Part.ITEM in SeedParts(flow, item.getter.scope, item.calls).parts(Operand(g, caller.frame))
        ]
        seeds, call, visit = of_item or given, outer.node, caller
    return visit, seeds, call


def _is_given(visit: Visit, seeds: list[ast.expr]) -> bool:
    """Whether a function takes its seed from its caller: whole, or as arguments that it only mixes and seeds with."""
    if all(isinstance(s, ast.Name) for s in seeds):
        return bool(_names(visit, seeds))
    names = _all_names(visit, seeds)
    is_mixed = all(_is_parameter(visit, n) or n not in visit.scope.bindings for n in names)
    has_state = any(isinstance(n, ast.Attribute) for s in seeds for n in ast.walk(s))
    only_seeds = not any(last_name(c.func) in DRAWS for c in own_calls(visit.scope))
    return only_seeds and is_mixed and not has_state and bool(_names(visit, seeds))


def _is_parameter(visit: Visit, name: str) -> bool:
    return all(b.kind is Kind.PARAMETER for b in visit.scope.bindings.get(name, ())) and name in visit.scope.bindings


def _all_names(visit: Visit, seeds: list[ast.expr]) -> list[str]:
    return [n.id for s in seeds for n in ast.walk(s) if isinstance(n, ast.Name)]


def _names(visit: Visit, seeds: list[ast.expr]) -> list[str]:
    """The parameters that seeds are made of, through one assignment; [] where another local name takes part."""
    found: list[str] = []
    for name in _all_names(visit, seeds):
        bindings = visit.scope.bindings.get(name)
        if bindings is None:
            continue
        if any(b.kind is Kind.PARAMETER for b in bindings):
            found.append(name)
            continue
        return []
    return found


def _runs_over_all_epochs(project: Project, symbol: Symbol) -> bool:
    """Whether the dataset's index counts on over all epochs, so that an item's index comes only once."""
    for base in project.symbols.ancestry(symbol):
        module = project.try_module(base.path) if isinstance(base, Symbol) else None
        scope = module.scope_named(base.qualname) if module is not None and isinstance(base, Symbol) else None
        if module is not None and scope is not None:
            names = {n.id for n in ast.walk(scope.node) if isinstance(n, ast.Name)}
            names |= {n.arg for n in ast.walk(scope.node) if isinstance(n, ast.arg)}
            names |= {n.attr for n in ast.walk(scope.node) if isinstance(n, ast.Attribute)}
            if any(_ALL_EPOCHS.fullmatch(n) for n in names):
                return True
    return False
