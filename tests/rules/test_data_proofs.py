"""The quantities of the data rules' proofs, read from traces written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.analyzer.findings import Confidence, Finding, Level, Location
from mlfix.analyzer.rule import Proof
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules import all_rules

PROOFS: dict[str, Proof] = {rule.name: rule.proof for rule in all_rules()}


def finding(rule: str, line: int = 10, scope: str = "nearest", **more: Any) -> Finding:
    place = Location("a/items.py", line, 1, line, 20)
    return Finding(rule, "MLF000", Level.BREAKS, Confidence.HIGH, place, "", "", scope=scope, **more)


def measured(events: list[dict[str, Any]], found: Finding) -> float | None:
    measure = PROOFS[found.rule].measure
    assert measure is not None
    return measure(Trace.of(events), found)


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([], None),
        ([["a/items.py:10 nearest", 40, 4]], 0.1),
        ([["a/items.py:12 nearest", 40, 0], ["a/items.py:80 other", 5, 5]], 0.0),
        ([["b/items.py:10 nearest", 40, 4]], None),
    ],
)
def test_nan_argmin(rows: list[list[Any]], value: float | None) -> None:
    assert measured([{"k": "nan-choice", "sites": rows}], finding("nan-argmin")) == value


@pytest.mark.parametrize(
    ("masks", "value"),
    [
        ([], None),
        ([{"field": "0 channel 1", "median": 0.3, "count": 4}], None),
        (
            [
                {"field": "0 channel 1", "median": 0.3, "count": 40},
                {"field": "0 channel 2", "median": 3.0, "count": 40},
            ],
            0.3,
        ),
    ],
)
def test_no_crop_jitter(masks: list[dict[str, Any]], value: float | None) -> None:
    assert measured([{"k": "object-position", "masks": masks}], finding("no-crop-jitter")) == value


def loader(path: str, **statistics: str) -> dict[str, Any]:
    return {"dataset": "Clips", "classes": [path], "role": "train", "statistics": statistics, "shown": {}}


@pytest.mark.parametrize(
    ("loaders", "value"),
    [
        ([], None),
        ([loader("a/items.py:Clips", mean="1")], None),
        ([loader("a/items.py:Clips", mean="1"), loader("a/items.py:Clips", mean="2")], 2.0),
        ([loader("a/items.py:Clips", mean="1"), loader("a/items.py:More", mean="1")], 1.0),
        ([loader("a/items.py:Clips", mean="1"), loader("a/items.py:Clips", mean="1"), loader("b.py:X", std="7")], 1.0),
        ([loader("b.py:X", mean="1"), loader("b.py:X", mean="2")], None),
    ],
)
def test_split_normalization(loaders: list[dict[str, Any]], value: float | None) -> None:
    found = finding("split-normalization", scope="Clips.__init__")
    assert measured([{"k": "split-statistics", "loaders": loaders}], found) == value
