"""MLF804: fewer labelled positives than the loss needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._class_priors import TRIGGERS, may_weigh, weighed
from ._few_positives_cases import INVALID, VALID

_ENOUGH = 500
_USUAL = 1000
_LEAST = 50


class FewPositives(Rule):
    """What it does
    ------------
    Finds losses that are a risk of positive and unlabelled data (uPU, nnPU) in programs whose labels can be counted
    without a run (CSV and TSV files, NumPy arrays, folders of classes, COCO-style JSON) and hold fewer than 500
    positives. The paper's experiments use 1000; 500 is chosen as half of it.

    Why it is bad
    -------------
    The positives carry two of the risk's three terms. Their error falls with the root of their number, and a flexible
    network learns a few hundred by heart: the risk of the negatives then turns negative, and the loss says nothing of
    items that it has not seen.

    What you see
    ------------
    The training risk falls to 0 or below while the validation score stays near chance; runs differ much by their seed.

    Example
    -------
    Bad::

        criterion = PULoss(prior=0.197)     # 343 positives in data/labels.csv

    Good::

        # label more positives, the uncertain ones first; until then
        criterion = PULoss(prior=0.197)     # with strong augmentation, early stopping, and
        model = build(pretrained=True)      # features that were learnt without labels

    Fix safety
    ----------
    Advice: no edit makes labels.

    References
    ----------
    - Kiryo, Niu, du Plessis and Sugiyama 2017, Positive-Unlabeled Learning with Non-Negative Risk Estimator
    - https://github.com/kiryor/nnPUlearning (its settings for MNIST and CIFAR-10: 1000 labelled positives)
    - Niu et al. 2016, Theoretical Comparisons of Positive-Unlabeled Learning against Positive-Negative Learning
    """

    name: ClassVar[str] = "few-positives"
    code: ClassVar[str] = "MLF804"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = "The training risk falls while the validation score stays near chance."
    proof: ClassVar[Proof] = Proof("class-prior", "labelled positives, which no edit changes")
    triggers: ClassVar[tuple[bytes, ...]] = TRIGGERS
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A risk is a loss that a prior weighs."""
        return may_weigh(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a risk."""
        for found in weighed(module, project):
            labels = found.read.labels
            positive = labels.positive
            if positive is None or labels.total < _LEAST or positive[1] >= _ENOUGH:
                continue
            message = (
                f"the PU risk rests on {positive[1]} positives, of {labels.total} labels in {labels.what}: "
                f"experiments with it use {_USUAL}"
            )
            note = f"`{module.snippet(found.risk.prior)}` weighs the positives of a PU risk"
            yield self.finding(
                module,
                found.risk.taken_off,
                message,
                evidence=(*found.read.evidence, module.evidence(found.risk.added, note)),
                confidence=Confidence.MEDIUM,
                no_fix="label more positives; until then augment, stop early, start from learnt features",
            )
