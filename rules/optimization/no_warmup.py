"""MLF503: a learning rate that starts at its full height where it must not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.steps.calming import ADAPTIVE, Need, first_rate
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._no_warmup_cases import INVALID, VALID
from ._restless import restless, trains

_HIGH = 5e-4
_NO_FIX = (
    "raise the learning rate over the first few hundred steps: `SequentialLR` of a `LinearLR` and the schedule that "
    "you have, or `get_cosine_schedule_with_warmup`; how long is a choice"
)


class NoWarmup(Rule):
    """What it does
    ------------
    Finds hand-written training of networks whose first steps are known to go wrong at the full learning rate, with
    neither a warm-up nor clipping: torch's own ``TransformerEncoderLayer`` and ``Transformer`` as they are by default,
    which normalise *after* each block, under Adam at a rate of 5e-4 or more; and, with low confidence, semi-supervised
    and float16 training.
    A warm-up or clipping anywhere counts: schedules with one (``OneCycleLR``, ``get_*_schedule``), ``LambdaLR``, a
    rate that is set by hand, a word of it in a configuration file.

    Why it is bad
    -------------
    At initialisation the gradient near the output of a post-norm transformer is large, and Adam's second moment, made
    of a few steps, says little: full-size steps in wrong directions, from which training may not recover.

    What you see
    ------------
    The loss falls for some steps, rises to a plateau and stays there; runs differ from seed to seed; a rate ten times
    smaller trains.

    Example
    -------
    Bad::

        layer = nn.TransformerEncoderLayer(d_model=256, nhead=8)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    Good::

        warmup = LinearLR(optimizer, start_factor=0.01, total_iters=500)
        schedule = SequentialLR(optimizer, [warmup, CosineAnnealingLR(optimizer, steps - 500)], milestones=[500])

    Fix safety
    ----------
    There is no edit: how long the warm-up lasts, and what follows it, is a choice. ``norm_first=True`` is the other
    way, and another network.

    References
    ----------
    - Xiong et al. 2020, On Layer Normalization in the Transformer Architecture (why post-norm needs a warm-up)
    - Liu et al. 2020, On the Variance of the Adaptive Learning Rate and Beyond
    """

    name: ClassVar[str] = "no-warmup"
    code: ClassVar[str] = "MLF503"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = (
        "The loss falls, then rises to a plateau within the first hundreds of steps and stays there."
    )
    proof: ClassVar[Proof] = Proof(
        "learning-rate", "first learning rate over the largest one: how long to warm up is for the user to choose"
    )
    triggers: ClassVar[tuple[bytes, ...]] = (b"backward",)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A file that goes backward and steps."""
        return trains(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """The optimizer of each training loop of the file."""
        for found in restless(module, project):
            loop, reasons = found.loop, found.reasons
            is_sure = Need.POST_NORM in reasons and loop.optimizer in ADAPTIVE and first_rate(project, loop) >= _HIGH
            what = Need.POST_NORM if Need.POST_NORM in reasons else next(iter(reasons))
            yield self.finding(
                module,
                loop.step,
                f"{what.value} starts `{loop.optimizer}` at its full learning rate: no warm-up, and no clipping",
                evidence=[
                    reasons[what],
                    loop.made.module.evidence(
                        loop.made.node,
                        f"`{loop.optimizer}`; no word of warm-up or clipping in the {found.files} files that take part",
                    ),
                ],
                confidence=Confidence.MEDIUM if is_sure else Confidence.LOW,
                no_fix=_NO_FIX,
            )
