"""Passes over loaders are cut where an accumulation ends."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.experiment import whole_passes
from mlfix.analyzer.runtime.trace import Trace


def stepping(*micros: int) -> Trace:
    return Trace.of([{"k": "step", "s": i + 1, "m": m} for i, m in enumerate(micros)])


@pytest.mark.parametrize(
    ("micros", "batches", "expected"),
    [
        ((1, 2, 3), 12, 12),
        ((8, 20, 32), 12, 16),  # 12 batches a pass, a step after the eighth: the last four are left over
        ((4, 8, 12), 10, 12),
        ((2, 2, 4, 4), 5, 6),  # two optimizers that step one after the other
        ((), 12, 12),
        ((16, 32), None, None),
    ],
)
def test_passes_end_with_an_accumulation(micros: tuple, batches: int | None, expected: int | None) -> None:
    assert whole_passes(stepping(*micros), batches) == expected
