"""What rates an optimizer bears: the table ``knowledge/learning_rates.yaml`` by optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from ...analyzer.findings import Confidence
from ..knowledge import learning_rates


class Bearing(NamedTuple):
    """A row of the table: the usual rates, from where on one is far, and what a fix writes."""

    usual: tuple[float, float]
    far: tuple[tuple[float, Confidence], ...]
    instead: float
    why: str

    def confidence(self, rate: float) -> Confidence | None:
        """How sure it is that a rate is too high; None where it is not."""
        found = [confidence for above, confidence in self.far if rate > above]
        return found[-1] if found else None


@cache
def bearings() -> Mapping[str, Bearing]:
    """The rows by the optimizer's name in ``torch.optim``."""
    return {
        name: Bearing(
            (row["usual"][0], row["usual"][1]),
            tuple((step["above"], Confidence(step["confidence"])) for step in row["far"]),
            row["instead"],
            row["why"],
        )
        for row in learning_rates()
        for name in row["optimizers"]
    }
