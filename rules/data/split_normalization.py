"""Splits that are normalised by statistics of their own."""

from __future__ import annotations

from collections.abc import Iterator

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._split_fits import misfits
from ._split_instances import Made, OwnStatistics, evidence_of, instances, own_statistics, plan
from ._split_normalization_cases import INVALID, VALID
from ._split_normalization_proof import PROOF


class SplitNormalization(Rule):
    """A normaliser that is fitted on the data that it is evaluated on.

    What it does
    ------------
    Finds scalers (scikit-learn's, and classes of the project with ``fit`` and ``transform``) and means and deviations
    that are not those of the training data: fitted again on the test part of a split, fitted on everything before
    ``train_test_split``, ``random_split`` or a cut by index, or fitted in the constructor of a dataset, of which one
    instance is made for training and another for evaluation. Which part a value is, is followed through names,
    unpacking and helpers. It says nothing of fits on the training part alone, of statistics that the constructor is
    given or loads, and of each image's own mean and deviation.

    Why it is bad
    -------------
    The same input becomes another number in training and in evaluation: the network is asked about data that it has
    never seen in this scale. Where everything is fitted together, evaluation has seen the test data, and is too good.

    What you see
    ------------
    Validation scores below those of training from the first epoch on, that change with the size of the validation set;
    a single new sample cannot be predicted at all.

    Example
    -------
    Bad::

        x_train = scaler.fit_transform(x_train)
        x_test = scaler.fit_transform(x_test)

    Good::

        x_train = scaler.fit_transform(x_train)
        x_test = scaler.transform(x_test)

    Fix safety
    ----------
    Unsafe: the inputs of evaluation change. The rest is transformed by the normaliser of the training data; a fit that
    comes before ``train_test_split`` moves behind it; a dataset's constructor gets a parameter for the statistics, and
    the instances for other splits are given those of the first one for training. Other shapes are told without a fix.

    References
    ----------
    - https://scikit-learn.org/stable/common_pitfalls.html#inconsistent-preprocessing
    - https://scikit-learn.org/stable/common_pitfalls.html#data-leakage
    """

    name = "split-normalization"
    code = "MLF206"
    level = Level.DEGRADES
    symptom = "Validation differs from training from the first epoch on, or is better than it will ever be on new data."
    proof = PROOF
    triggers = (b".fit(", b".fit_transform(", b"std(")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether something is fitted, or a dataset may take its own statistics; tests fit what they like."""
        return not is_test(facts.path)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Fits in functions, then the constructors of datasets."""
        reported: set[int] = set()
        for klass in module.facts.classes:
            if "__init__" in klass.methods and {"__getitem__", "__len__"} & set(klass.methods):
                own = own_statistics(project, module, klass)
                found = self._of_instances(project, module, own) if own is not None else None
                if own is not None and found is not None:
                    reported.add(id(own.node))
                    yield found
        if module.facts.called.isdisjoint({"fit", "fit_transform"}):
            return
        for scope in module.scopes():
            if scope.is_class:
                continue
            for misfit in misfits(project, module, scope):
                if id(misfit.call) not in reported:
                    repair = misfit.repair
                    yield self.finding(
                        module,
                        misfit.call,
                        misfit.told,
                        evidence=misfit.evidence,
                        confidence=misfit.confidence,
                        repair=repair if isinstance(repair, dict) else None,
                        no_fix=repair if isinstance(repair, str) else "",
                    )

    def _of_instances(self, project: Project, module: Module, own: OwnStatistics) -> Finding | None:
        mine = list(instances(project, own.klass))
        group = _group(project, own, mine)
        if len(group) < 2 or not any(m.for_evaluation for m in group) or all(m.for_evaluation for m in group):
            return None
        planned = plan(own, group, mine)
        name = own.klass.qualname
        is_only_training = not any(m.for_evaluation for m in mine)
        what = "as the other splits are by theirs" if is_only_training else "training and evaluation by others"
        return self.finding(
            module,
            own.node,
            f"each `{name}` is normalised by its own statistics, {what}",
            evidence=evidence_of(own, module, group),
            confidence=Confidence.HIGH,
            repair=planned if isinstance(planned, dict) else None,
            no_fix=planned if isinstance(planned, str) else "",
        )


def _group(project: Project, own: OwnStatistics, mine: list[Made]) -> list[Made]:
    """The instances of a class, with those beside them of other datasets that fit a normaliser of the same class."""
    group = list(mine)
    for one in mine:
        scope = one.module.scope_of(one.call)
        for call in one.module.calls():
            symbol = project.resolve(one.module, call.func)
            if not isinstance(symbol, Symbol) or symbol == own.klass or one.module.scope_of(call) is not scope:
                continue
            facts = project.symbols.klass(symbol)
            home = project.try_module(symbol.path) if facts is not None else None
            other = own_statistics(project, home, facts) if home is not None and facts is not None else None
            if other is None or other.made_of != own.made_of or _names(other) != _names(own):
                continue
            group += [m for m in instances(project, symbol) if m.call is call]
    return sorted({id(m.call): m for m in group}.values(), key=lambda m: (m.module.path, m.call.lineno))


def _names(own: OwnStatistics) -> list[str]:
    return [name for name, _ in own.attributes]
