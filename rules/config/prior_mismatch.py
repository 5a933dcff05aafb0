"""MLF802: a class prior that is not the one in the labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.settings import Setting
from ...analyzer.flow.values.frames import Known
from ...analyzer.graph.project import Project
from ...analyzer.project.labels import interval
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._class_priors import TRIGGERS, Weighed, may_weigh, weighed
from ._prior_mismatch_cases import INVALID, VALID
from ._prior_mismatch_proof import PROOF

_LEAST = 50
_PARTS = 3
_SMALL = 1e-4
"""Below it, three digits are written with an exponent."""


class PriorMismatch(Rule):
    """What it does
    ------------
    Finds losses that are a risk of positive and unlabelled data (uPU, nnPU): a prior weighs the positives' loss, and
    the same prior times their loss as negatives is taken off the loss of the unlabelled. The prior is followed to the
    configuration file, option or literal that sets it, and compared with the labels that the program reads, where
    they can be counted without running it: CSV and TSV files, NumPy arrays, folders of classes, COCO-style JSON, and
    Parquet with pyarrow installed (``mlfix-torch[parquet]``). It is reported if it lies outside of the 99 % interval of
    the labels' share (Wilson's score interval).

    Why it is bad
    -------------
    The risk is only an estimate of the classification error for the true prior. With one that is too high, the loss
    asks for more positives than there are: the least risk is that of a classifier which calls so many items positive.
    Thresholds on its probabilities are off by the same factor.

    What you see
    ------------
    Too many (or too few) positives at the usual threshold; a risk that turns negative early in training.

    Example
    -------
    Bad::

        pu:
          prior: 0.3        # 343 of the 1743 labels in data/labels.csv are positive

    Good::

        pu:
          prior: 0.197  # 343 of 1743 labels

    Fix safety
    ----------
    Unsafe: it changes the loss. The labels' share is the prior only if they are a sample of what the model will see;
    labels that were picked for being positive say nothing of it. Labels of 0 that stand for "unlabelled" give too small
    a share, so that the finding is of low confidence unless a loss of the program learns both classes as they are.

    References
    ----------
    - Kiryo, Niu, du Plessis and Sugiyama 2017, Positive-Unlabeled Learning with Non-Negative Risk Estimator
    - Wilson 1927, Probable inference, the law of succession, and statistical inference (the interval)
    - Brown, Cai and DasGupta 2001, Interval estimation for a binomial proportion
    """

    name: ClassVar[str] = "prior-mismatch"
    code: ClassVar[str] = "MLF802"
    level: ClassVar[Level] = Level.BREAKS
    symptom: ClassVar[str] = "The model calls too many or too few items positive, since the loss asks for it."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = TRIGGERS
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A risk is a loss that a prior weighs."""
        return may_weigh(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding for each place that sets the prior of a risk."""
        seen: set[tuple[object, ...]] = set()
        for found in weighed(module, project):
            for known in found.settings:
                if known.what.place not in seen and _is_off(found, known.what):
                    seen.add(known.what.place)
                    yield self._finding(module, found, known)

    def _finding(self, module: Module, found: Weighed, known: Known[Setting]) -> Finding:
        setting, labels = known.what, found.read.labels
        positive = labels.positive
        assert positive is not None
        share = positive[1] / labels.total
        low, high = interval(positive[1], labels.total)
        name = f"`{setting.name}`" if setting.name else "the prior"
        message = (
            f"{name} is {setting.text}, but {positive[1]} of the {labels.total} labels in {labels.what} are positive: "
            f"{share:.3f}, at 99 % between {low:.3f} and {high:.3f}"
        )
        risk = found.risk
        weighing = module.evidence(risk.taken_off, f"`{module.snippet(risk.prior)}` weighs the positives of a PU risk")
        marked = (found.marked,) if found.marked is not None else ()
        evidence = (*known.trail[:_PARTS], weighing, *found.read.evidence, *marked)
        repair = {
            "place": setting.place,
            "value": f"{share:.3g}" if share >= _SMALL else f"{share:.6f}",
            "comment": f"{positive[1]} of {labels.total} labels",
            "watch": f"{module.path}:{risk.function.name}:{module.segment(risk.prior)}",
        }
        return self.finding_at(
            setting.location,
            message,
            subject=f"{setting.name}={setting.text}",
            evidence=evidence,
            confidence=_confidence(found),
            repair=repair if setting.editable else None,
            no_fix="" if setting.editable else "the value is not written as a plain number",
        )


def _is_off(found: Weighed, setting: Setting) -> bool:
    prior, labels = setting.number, found.read.labels
    positive = labels.positive
    if prior is None or positive is None or not 0 < prior < 1 or labels.total < _LEAST:
        return False
    low, high = interval(positive[1], labels.total)
    return not low <= prior <= high


def _confidence(found: Weighed) -> Confidence:
    if found.marked is None:
        return Confidence.LOW
    return Confidence.HIGH if found.risk.is_named else Confidence.MEDIUM
