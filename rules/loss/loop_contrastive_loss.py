"""MLF403: a contrastive loss that a Python loop computes row by row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.syntax import Syntax
from ._loop_contrastive_loss_cases import INVALID, VALID
from ._loop_contrastive_loss_plan import plan
from ._loop_contrastive_loss_proof import PROOF
from ._row_loops import LOSSES, RowLoop, may_have_row_loop, row_loops

_PRODUCTS = (
    *(b"mv(", b"matmul", b" @ ", b"mm(", b"dot(", b"cosine_similarity", b"cdist", b"einsum", b"CosineSimilarity"),
)


class LoopContrastiveLoss(Rule):
    """What it does
    ------------
    Finds Python loops over the rows of a batch, each turn of which compares one row with the others (a product with
    all of them, a row of a similarity matrix) and adds a loss term to a total. Loops over views, layers, heads or
    classes, which do matrix work in each turn, are something else, and so are loops that only build a mask.

    Why it is bad
    -------------
    A batch of 512 pairs takes some thousand turns of a few small kernels each, forward and again backward, where one
    matrix product does the same: the loss costs more time than the network, and the GPU waits for Python.

    What you see
    ------------
    Low GPU use, and a time per step that grows with the batch size long before the memory is full.

    Example
    -------
    Bad::

        for i, anchor in enumerate(z):
            logits = torch.mv(z, anchor) / temperature
            loss = loss + torch.logsumexp(logits, dim=0) - logits[partner[i]]

    Good::

        rows = torch.arange(len(z), device=z.device)
        logits = z @ z.t() / temperature
        loss = loss + (torch.logsumexp(logits, dim=1) - logits[rows, partner]).sum()

    Fix safety
    ----------
    Unsafe: the same number up to the order of additions (1e-6), for memory of all pairs at once. Each statement of the
    loop is lifted by one dimension; where one cannot be with certainty (a branch, another loop inside, a tensor whose
    dimensions nothing shows), the loop is reported without a fix. A parameter or attribute that only takes part in
    arithmetic, such as a temperature, is taken to be one number.

    References
    ----------
    - Chen et al. 2020, A Simple Framework for Contrastive Learning (equation 1)
    - https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
    """

    name: ClassVar[str] = "loop-contrastive-loss"
    code: ClassVar[str] = "MLF403"
    level: ClassVar[Level] = Level.WASTES
    symptom: ClassVar[str] = "The time per step grows with the batch size while the GPU waits for Python."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = _PRODUCTS
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A file that uses torch and calls what losses are made of."""
        uses_torch = any(item.target.partition(".")[0] == "torch" for item in facts.imports)
        return uses_torch and not facts.called.isdisjoint(LOSSES)

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """A loop that sums losses."""
        return may_have_row_loop(syntax, facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a loop."""
        for found in row_loops(module, project):
            planned = plan(found, module, project)
            yield self.finding(
                module,
                found.loop,
                _message(found, module),
                evidence=[
                    module.evidence(
                        found.comparison, f"`{module.snippet(found.comparison)}`: one row against the others"
                    ),
                    module.evidence(found.loop, f"each turn adds to `{found.total}`, and none needs the one before it"),
                ],
                confidence=Confidence.HIGH if isinstance(planned, dict) else Confidence.MEDIUM,
                repair=planned if isinstance(planned, dict) else None,
                no_fix=planned if isinstance(planned, str) else "",
            )


def _message(found: RowLoop, module: Module) -> str:
    inner = any(isinstance(n, (ast.For, ast.While)) for n in ast.walk(found.loop) if n is not found.loop)
    how = "pair by pair" if inner else "row by row"
    owner = module.qualname(found.loop)
    return f"`{owner}` computes its loss {how} in Python" if owner else f"the loss is computed {how} in Python"
