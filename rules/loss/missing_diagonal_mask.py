"""MLF401: a contrastive denominator that holds each sample's similarity with itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Evidence, Finding, Level
from ...analyzer.flow.similarity.denominators import SINKS, Denominator, denominators
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._missing_diagonal_mask_cases import INVALID, VALID
from ._missing_diagonal_mask_proof import PROOF
from ._missing_diagonal_mask_repair import plan

_SINKS = frozenset({b"cross_entropy", b"CrossEntropyLoss", b"logsumexp", b"log_softmax", b"log("})
_PRODUCTS = frozenset(
    {
        b".t()",
        b".T",
        b"transpose",
        b"permute",
        b"einsum",
        b"cosine_similarity",
        b"CosineSimilarity",
        b"cdist",
        b"pairwise_distance",
        b"PairwiseDistance",
        b"linear(",
        b"mv(",
        b"matmul",
        b" @ ",
        b"cos_sim",
        b"unsqueeze",
    }
)


class MissingDiagonalMask(Rule):
    """What it does
    ------------
    Finds a softmax, cross entropy, logsumexp or sum of exponentials over the rows of a similarity matrix of one set
    with itself (``z @ z.T``, ``mm``, ``einsum``, ``cosine_similarity(z[:, None], z[None])``, ``cdist``), the diagonal
    of which is still in it when it becomes the denominator of a loss. That both sides are one set is decided by where
    the values come from, through names, helpers and files. Taking the diagonal out of the *positives'* mask does not
    count: the denominator is another sum.

    Why it is bad
    -------------
    The diagonal is each vector's similarity with itself, the largest number of its row: at temperature 0.1 its
    exponential outweighs thousands of negatives. The loss has a floor that no training can pass, and the gradient that
    should separate different samples drowns in a term that is constant.

    What you see
    ------------
    The loss stays near log 2 (or another constant) above its floor; embeddings separate slowly, most of all at low
    temperatures.

    Example
    -------
    Bad::

        logits = z @ z.t() / temperature
        loss = F.cross_entropy(logits, partner)          # row i holds exp(z_i . z_i / t)

    Good::

        self_pairs = torch.eye(logits.size(-1), dtype=torch.bool, device=logits.device)
        loss = F.cross_entropy(logits.masked_fill(self_pairs, float("-inf")), partner)

    Fix safety
    ----------
    Where the code sums the exponentials itself, leaving the diagonal out of that sum is safe: it is what the loss's
    definition says, and nothing else reads the sum. A softmax's input is masked only with consent. The mask is always
    put in out of place, since a write into the result of ``exp`` breaks backward; ``-inf`` becomes the lowest finite
    number where the masked value is multiplied later (``-inf * 0`` is NaN).

    References
    ----------
    - Chen et al. 2020, A Simple Framework for Contrastive Learning (the indicator k != i in equation 1)
    - Khosla et al. 2020, Supervised Contrastive Learning (A(i) is every index but i)
    """

    name: ClassVar[str] = "missing-diagonal-mask"
    code: ClassVar[str] = "MLF401"
    level: ClassVar[Level] = Level.BREAKS
    symptom: ClassVar[str] = (
        "The contrastive loss stops well above its floor, and embeddings of different samples separate slowly."
    )
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = tuple(sorted(_SINKS | _PRODUCTS))
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A loss needs a logarithm of a tensor or a cross entropy, however its matrix comes about."""
        if facts.tokens.isdisjoint(_SINKS):
            return False
        if b"CrossEntropyLoss" in facts.tokens:
            return True
        return not facts.called.isdisjoint(SINKS) and any(
            call.callee.rpartition(".")[2] in SINKS and not call.callee.startswith(("math.", "numpy."))
            for call in facts.calls
        )

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a denominator."""
        for found in denominators(module, project, _PRODUCTS):
            repair: dict[str, Any] | None = None
            planned = plan(found, module, project)
            if not isinstance(planned, str):
                repair = planned
            yield self.finding(
                module,
                found.node,
                _message(found, module),
                evidence=_evidence(found, module),
                confidence=found.confidence,
                repair=repair,
                no_fix=planned if isinstance(planned, str) else "",
            )


def _message(found: Denominator, module: Module) -> str:
    matrix = found.matrix.text()
    if found.known.what.sameness.is_row:
        return f"{_TAKES[found.kind]} `{matrix}`, a row of similarities in which the sample meets itself"
    return f"{_TAKES[found.kind]} `{matrix}` with its diagonal, each sample's similarity with itself"


_TAKES = {
    "sum": "the denominator sums",
    "softmax": "softmax runs over",
    "log_softmax": "log_softmax runs over",
    "logsumexp": "logsumexp runs over",
    "cross_entropy": "cross entropy takes",
}


def _evidence(found: Denominator, module: Module) -> tuple[Evidence, ...]:
    trail = found.known.trail
    end = module.evidence(found.node, f"{_TAKES[found.kind]} it, and nothing in between takes the diagonal out")
    if trail and (trail[-1].path, trail[-1].line) == (end.path, end.line) and len(trail) > 1:
        trail = trail[:-1]
    return (*trail, end)
