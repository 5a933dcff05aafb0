"""MLF803: a learning rate far above what its optimizer bears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.rates.optimizers import Optimizer, is_governed, is_shared, optimizers, trains_deep_network
from ...analyzer.flow.settings import Setting, settings_of
from ...analyzer.flow.values.frames import Known
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._learning_rate_cases import INVALID, VALID
from ._learning_rate_proof import PROOF
from ._rates import Bearing, bearings

_PARTS = 3


class LearningRate(Rule):
    """What it does
    ------------
    Follows the rate of each ``torch.optim`` optimizer to the configuration file, option or literal that sets it, and
    reports one that is far above what the optimizer is used with: Adam and its kind above 0.02 (20 times the default),
    SGD above 2 (low confidence: linear probes use more). Only optimizers that get all parameters of a network with
    convolutions, norms or attention are looked at; rates that a warm-up, a cycle or the program's own code sets anew,
    and rates that optimizers of several kinds share, are left alone.

    Why it is bad
    -------------
    A step of Adam moves every weight by about the rate, whatever the gradient. The weights of a layer are some
    hundredths large: at 0.03 each step rewrites half of them, and the network stays as random as at its start.

    What you see
    ------------
    A loss that jumps in the first steps and then lies flat, scores that change wildly from epoch to epoch, outputs that
    are the same for all items.

    Example
    -------
    Bad::

        optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)      # SGD's rate in FixMatch

    Good::

        optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)

    Fix safety
    ----------
    Unsafe: it writes the optimizer's usual rate, which is a place to start from and not the best one.

    References
    ----------
    - Kingma and Ba 2015, Adam: A Method for Stochastic Optimization (section 2.1: steps are bounded by the rate)
    - Goyal et al. 2017, Accurate, Large Minibatch SGD
    - Karpathy, CS231n: Neural Networks part 3 (the ratio of updates to weights should be about 0.001)
    """

    name: ClassVar[str] = "learning-rate"
    code: ClassVar[str] = "MLF803"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = "The loss jumps and then lies flat, and scores change wildly from epoch to epoch."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = (b"optim",)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether a file that is no test makes an optimizer of torch."""
        return not is_test(facts.path) and any(c.callee.startswith("torch.optim.") for c in facts.calls)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding for each place that sets a rate."""
        seen: set[tuple[object, ...]] = set()
        table = bearings()
        for optimizer in optimizers(project, module):
            row = table.get(optimizer.kind)
            for known in settings_of(project, optimizer.rate) if row is not None else ():
                setting = known.what
                confidence = row.confidence(setting.number) if row is not None and setting.number is not None else None
                if row is None or confidence is None or setting.place in seen:
                    continue
                if not trains_deep_network(project, optimizer) or is_governed(project, module):
                    continue
                if is_shared(project, optimizer, setting):
                    continue
                seen.add(setting.place)
                yield self._finding(module, optimizer, known, row, confidence)

    def _finding(
        self, module: Module, optimizer: Optimizer, known: Known[Setting], row: Bearing, confidence: Confidence
    ) -> Finding:
        setting = known.what
        low, high = row.usual
        message = (
            f"the learning rate of {optimizer.kind} is {setting.text}, where {low:g} to {high:g} is usual: {row.why}"
        )
        made = module.evidence(optimizer.call, f"{optimizer.kind} trains the whole network with it")
        return self.finding_at(
            setting.location,
            message,
            subject=f"{optimizer.kind}:{setting.name}={setting.text}",
            evidence=(*known.trail[:_PARTS], made),
            confidence=confidence,
            repair={"place": setting.place, "value": f"{row.instead:g}"} if setting.editable else None,
            no_fix="" if setting.editable else "the rate is not written as a plain number",
        )
