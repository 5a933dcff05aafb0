"""MLF302: a classifier with batch norm at its logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Finding, Level
from ...analyzer.flow.layers.heads import Head, distant_files, has_norm, heads
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._batchnorm_head_cases import INVALID, VALID
from ._batchnorm_head_proof import PROOF


class BatchnormHead(Rule):
    """What it does
    ------------
    Finds classifiers whose last layers are a batch norm and a linear layer with nothing in between: a module built of
    these two (LeViT's ``BN_Linear``, whatever it is called), an ``nn.Sequential`` of them, or a batch norm on the
    logits themselves. That it is the classifier is shown by the cross entropy that takes its output, by the guard
    ``if num_classes > 0 else Identity()``, or by the number of classes as its width where ``forward`` returns it.

    Why it is bad
    -------------
    The logits then depend on who else is in the batch. With many classes or small batches the statistics are noise in
    training, and at evaluation the running averages stand in for them: the two modes disagree by a shift and a scale
    at the one place where nothing after it can make up for that.

    What you see
    ------------
    Validation accuracy far below training accuracy on the same data, jumping from epoch to epoch; it gets better with
    larger batches.

    Example
    -------
    Bad::

        self.head = BN_Linear(dim, num_classes) if num_classes > 0 else nn.Identity()

    Good::

        self.head = nn.Linear(dim, num_classes) if num_classes > 0 else nn.Identity()

    Fix safety
    ----------
    Unsafe: the architecture changes, and with it the head's keys in checkpoints. The new linear layer is initialised
    as the old one was. No fix is offered where other code reads into the old head.

    References
    ----------
    - Ioffe & Szegedy 2015, Batch Normalization (statistics per batch in training, running averages in inference)
    - Wu & Johnson 2021, Rethinking "Batch" in BatchNorm (train-test inconsistency)
    """

    name: ClassVar[str] = "batchnorm-head"
    code: ClassVar[str] = "MLF302"
    level: ClassVar[Level] = Level.DEGRADES
    symptom: ClassVar[str] = (
        "Validation accuracy lags behind training accuracy on the same data and jumps between epochs."
    )
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = (b"BatchNorm1d", b"SyncBatchNorm")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A norm made here; a class from elsewhere that makes one is looked for in the project as a whole."""
        return has_norm(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a place that builds such a head."""
        for head in heads(module, project):
            yield self._found(head, module)

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Heads whose class stands in another file than the classifier that uses it."""
        for path in distant_files(project):
            module = project.try_module(path)
            if module is not None:
                yield from (self._found(head, module) for head in heads(module, project))

    def _found(self, head: Head, module: Module) -> Finding:
        return self.finding(
            module,
            head.call,
            _message(head),
            evidence=head.evidence,
            confidence=head.confidence,
            repair={"attribute": head.attribute},
        )


def _message(head: Head) -> str:
    name = f"`self.{head.attribute}`" if head.attribute else "this head"
    where = "normalises its input over the batch right before" if head.unit.comes_first else "normalises over the batch"
    return f"{name} is the classifier and {where} the logits"
