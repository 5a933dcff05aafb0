"""MLF502: training that is prone to large gradients, with nothing that limits them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.steps.calming import ADAPTIVE, Need, first_rate
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.written import written
from ._no_grad_clip_cases import INVALID, VALID
from ._restless import restless, trains

_HIGH = 3e-3


class NoGradClip(Rule):
    """What it does
    ------------
    Finds hand-written training loops that are prone to sudden large gradients, and that neither clip the gradient nor
    warm the learning rate up: semi-supervised training with a stream of unlabeled batches, post-norm transformers,
    and float16. Clipping or a warm-up anywhere counts: in the loop, in the files that take part in the run, in a
    configuration file or a shell script. The loop must step an optimizer of ``torch.optim``; trainers of Lightning,
    transformers and others, which clip by themselves, are not looked at. Much training goes well without: confidence
    is low, but for semi-supervised training under Adam at a rate of 3e-3 or more.

    Why it is bad
    -------------
    A handful of confident wrong pseudo-labels, or one attention head that saturates, gives a gradient many times the
    usual one. Unclipped, that one step moves the weights, and with Adam the moments for hundreds of steps after it.

    What you see
    ------------
    The loss jumps up now and then and takes long to come back, or never does; a lower learning rate helps too much.

    Example
    -------
    Bad::

        loss = supervised + weight * consistency
        loss.backward()
        optimizer.step()

    Good::

        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()

    Fix safety
    ----------
    Advice only: the right bound is a little above the usual norm of the gradient, which a run shows
    (``mlfix probe``: `gradient-norm`).

    References
    ----------
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
    - Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks
    """

    name: ClassVar[str] = "no-grad-clip"
    code: ClassVar[str] = "MLF502"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = "The loss jumps up now and then, and takes long to come back or never does."
    proof: ClassVar[Proof] = Proof(
        "gradient-norm", "largest gradient norm of a run over its median: what is clipped is for the user to choose"
    )
    triggers: ClassVar[tuple[bytes, ...]] = (b"backward",)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A file that goes backward and steps."""
        return trains(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each training loop of the file."""
        for found in restless(module, project):
            loop, reasons = found.loop, found.reasons
            what = next(iter(reasons))
            is_fast = loop.optimizer in ADAPTIVE and first_rate(project, loop) >= _HIGH
            is_sure = Need.SEMI_SUPERVISED in reasons and is_fast
            yield self.finding(
                module,
                loop.step,
                f"{what.value} steps `{_receiver(loop.step)}` without a limit on the gradient, and without a warm-up",
                evidence=[
                    *reasons.values(),
                    module.evidence(loop.backward, "the gradient goes from here to the optimizer as it is"),
                    loop.made.module.evidence(
                        loop.made.node,
                        f"`{loop.optimizer}`; no word of clipping or warm-up in the {found.files} files that take part",
                    ),
                ],
                confidence=Confidence.MEDIUM if is_sure else Confidence.LOW,
                no_fix=_advice(module, loop.step),
            )


def _receiver(step: ast.Call) -> str:
    return written(step.func)


def _advice(module: Module, step: ast.Call) -> str:
    assert isinstance(step.func, ast.Attribute)
    optimizer = module.segment(step.args[0] if step.args else step.func.value)
    unscaled = f"`{module.segment(step.func.value)}.unscale_({optimizer})` and " if step.args else ""
    return (
        f"before the step, {unscaled}`torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)` with a bound a "
        "little above the gradient's usual norm, which `mlfix probe` shows"
    )
