"""The quantity of fixed-seed-augmentation, read from traces."""

from __future__ import annotations

import pytest
from mlfix.analyzer.findings import Confidence, Finding, Level, Location
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.data.fixed_seed_augmentation import FixedSeedAugmentation

PROOF = FixedSeedAugmentation.proof
FINDING = Finding(
    rule="fixed-seed-augmentation", code="MLF201", level=Level.BREAKS, confidence=Confidence.HIGH,
    location=Location("data.py", 9, 1, 9, 2), message="", symptom="", repair={"dataset": ("data.py", "Photos")},
)  # fmt: skip


def event(*distinct: int, cls: str = "data.py:Photos", **more: object) -> dict:
    return {"k": "augmentation-variety", "classes": [cls], "distinct": list(distinct), "epochs": 4, **more}


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ([event(1, 1)], 0.0),
        ([event(4, 4)], 1.0),
        ([event(1, 4)], 0.5),
        ([event(4, 4), event(1, 1)], 0.0),
        ([event(1, 1, cls="data.py:Other")], None),
        ([{"k": "augmentation-variety", "classes": ["data.py:Photos"], "error": "OSError: gone"}], None),
        ([event(4, 4, set_epoch="unknown")], None),
        ([event(4, 4, set_epoch="plain")], 1.0),
        ([event(4, 4, set_epoch="plain", unheard=True)], 0.0),
        ([], None),
    ],
)
def test_the_share_of_new_views(events: list, value: float | None) -> None:
    assert PROOF.measure is not None
    assert PROOF.measure(Trace.of(events), FINDING) == value


def test_only_no_new_view_at_all_is_the_defect() -> None:
    assert PROOF.violated is not None
    assert PROOF.satisfied is not None
    assert [PROOF.violated(v) for v in (0.0, 0.25, 1.0)] == [True, False, False]
    assert [PROOF.satisfied(v) for v in (0.0, 0.25, 1.0)] == [False, True, True]
