"""MLF303: a part of a model that no loss reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.outputs.untrained import Untrained, never_called, never_trained
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._untrained_head_cases import INVALID, VALID
from ._untrained_head_proof import PROOF
from ._untrained_head_repair import plan


class UntrainedHead(Rule):
    """What it does
    ------------
    Finds parts of a model that no loss reaches. Either ``forward`` calls the part and returns what it makes (an
    embedding, an auxiliary output), and every program of the repository drops that output, detaches it or reads it in
    an evaluation alone, while the other outputs start the backward pass: values are followed from the part through
    dictionaries, tuples, helpers and files. Or the part is built, and read nowhere, in a repository that trains.

    A part is left alone where its result enters something that may be a loss, where it feeds another part (a shared
    trunk, ``_, z = model(x)`` in SimCLR), where it is frozen, or called without gradients on purpose (a moving
    average).

    Why it is bad
    -------------
    The head keeps its first random weights: what is searched, ranked or clustered by its output is a random projection
    of the trunk. It is counted and saved as a part of the model, and distributed training stops at it.

    What you see
    ------------
    Retrieval or clustering by the output stays poor while the trained metric rises; DistributedDataParallel says
    "Expected to have finished reduction in the prior iteration".

    Example
    -------
    Bad::

        out = model(images)                              # {"logits": ..., "embedding": ...}
        loss = F.cross_entropy(out["logits"], labels)    # the embedding head gets no gradient

    Good::

        loss = F.cross_entropy(out["logits"], labels)
        loss = loss + 0.1 * supervised_contrastive(out["embedding"], labels)

    Fix safety
    ----------
    Unsafe: the loss gets a term more. An embedding next to a cross entropy is given a supervised contrastive loss on
    the same labels, with a weight of 0.1 to be tuned. A part that is never called has no fix: whether it is to be
    called or to go is not in the code, and its keys are in old checkpoints.

    References
    ----------
    - Khosla et al. 2020, Supervised Contrastive Learning (the loss that the fix adds)
    - https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
      (``find_unused_parameters``)
    """

    name: ClassVar[str] = "untrained-head"
    code: ClassVar[str] = "MLF303"
    level: ClassVar[Level] = Level.BREAKS
    symptom: ClassVar[str] = "What the head puts out stays as good as random, while the rest of the model learns."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = (b"Module",)
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A class that sets a part and never reads it; parts that are called are looked for in the project."""
        return bool(facts.unread)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Parts that are built and never called."""
        yield from (self._found(part, project) for part in never_called(module, project))

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Parts that are called for results which no loss takes in."""
        yield from (self._found(part, project) for part in never_trained(project))

    def _found(self, found: Untrained, project: Project) -> Finding:
        planned = plan(found, project)
        return self.finding(
            found.part.module,
            found.part.binding.node,
            _message(found),
            evidence=found.evidence,
            confidence=Confidence.HIGH if found.calls else Confidence.MEDIUM,
            repair=None if isinstance(planned, str) else planned,
            no_fix=planned if isinstance(planned, str) else "",
            level=None if found.calls else Level.WASTES,
        )


def _message(found: Untrained) -> str:
    part = f"`self.{found.part.name}` of `{found.part.owner.qualname}`"
    if not found.calls:
        return f"{part} is built and never called: its weights get no gradient"
    if found.output is None:
        return f"what {part} makes goes into no loss: its weights get no gradient"
    return f"what {part} makes is returned as {found.output!r} and goes into no loss: its weights get no gradient"
