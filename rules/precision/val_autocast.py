"""MLF602: a loss that is computed in half precision."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.precision.losses import LowerLoss, LowerLosses, Where
from ...analyzer.graph.project import Project
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from .. import knowledge
from ._val_autocast_cases import INVALID, VALID
from ._val_autocast_proof import PROOF
from ._val_autocast_repair import plan

_FOLDERS = {"tests", "test"}


class ValAutocast(Rule):
    """What it does
    ------------
    Follows the types of values through ``torch.autocast``. Finds a loss that is computed in float16 or bfloat16: a
    criterion that runs *after* the autocast block, on logits that came out of it in half precision, and a loss written
    by hand inside the block, a term of which autocast leaves in half precision. Losses of torch inside autocast are
    fine, since autocast runs them in float32, and so are those that a float32 target raises (``mse_loss`` and its
    kind), blocks with ``enabled=False``, and values that were made ``float()``.

    Why it is bad
    -------------
    A number in float16 has three digits, in bfloat16 two. The loss moves in steps: 2.297 and 2.303 are the same number
    to bfloat16. Log-probabilities are rounded before they are summed, differences from 1 vanish, and in float16 all
    that passes 65504 is infinite. In training the gradient starts from the rounded loss; and a gradient scaler's first
    factor, 65536, does not fit into float16 at all.

    What you see
    ------------
    The validation loss does not move for epochs, jumps in steps, or is NaN while training goes on; it differs from the
    loss of the same weights without autocast.

    Example
    -------
    Bad::

        with torch.autocast("cuda"):
            output = model(images)
        loss = criterion(output, target)              # cross entropy of float16 logits, outside of autocast

    Good::

        with torch.autocast("cuda"):
            output = model(images)
        loss = criterion(output.float(), target)

    Fix safety
    ----------
    Unsafe: the loss becomes another number, the right one. What goes into the loss is made ``float()``, which changes
    nothing where autocast is off. A loss written by hand is taken out of the block, or put into one with
    ``enabled=False``.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/amp.html#cuda-op-specific-behavior
    - https://docs.pytorch.org/docs/stable/notes/amp_examples.html (forward pass and loss both run under autocast)
    - ``rules/knowledge/autocast.yaml``: what each operation does, measured with torch's own dispatch
    """

    name: ClassVar[str] = "val-autocast"
    code: ClassVar[str] = "MLF602"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = (
        "The loss moves in steps, stands still or becomes NaN, and differs from its value in float32."
    )
    proof = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = (b"autocast",)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Not what only tests the code."""
        return not _FOLDERS & set(facts.path.split("/")[:-1])

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each loss in lower precision of a function that enters autocast."""
        for loss in LowerLosses(project.flow, knowledge.autocast()).of(module):
            confidence = _confidence(loss)
            planned = plan(loss, project)
            repair: dict[str, Any] | None = planned if isinstance(planned, dict) else None
            yield self.finding(
                module,
                loss.call.node,
                _message(loss),
                evidence=[*loss.known.trail, *loss.signs[1:], _end(loss)],
                confidence=confidence,
                repair=repair,
                no_fix=planned if isinstance(planned, str) else "",
            )


def _confidence(loss: LowerLoss) -> Confidence:
    if loss.where is Where.INSIDE:
        return Confidence.MEDIUM if len(loss.signs) > 1 else Confidence.LOW
    if loss.has_other or not loss.known.what.is_sure:
        return Confidence.MEDIUM
    return Confidence.HIGH


def _message(loss: LowerLoss) -> str:
    kind = loss.known.what.type or "half precision"
    text = loss.call.text()
    if loss.where is Where.AFTER:
        given = loss.call.module.snippet(loss.inputs[0])
        return f"`{text}` runs after autocast on `{given}`, which came out of it in {_named(kind)}: so is the loss"
    return f"a term of `{text}` is computed in {_named(kind)} under autocast"


def _named(kind: str) -> str:
    return kind if kind != "half precision" else "float16 or bfloat16"


def _end(loss: LowerLoss) -> Evidence:
    module, node = loss.call.module, loss.call.node
    assert isinstance(node, ast.Call)
    if loss.where is Where.AFTER:
        return module.evidence(node, "the loss is computed outside of autocast, which would have run it in float32")
    return module.evidence(node, "autocast runs torch's own losses in float32; this one is written by hand")
