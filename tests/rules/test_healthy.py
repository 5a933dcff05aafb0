"""Healthy ranges: each probe has a row, each row a probe and a source."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from mlfix.analyzer.runtime.agent.probes import all_probes
from mlfix.rules import knowledge

PROBES = [probe.name for probe in all_probes()]


def test_each_probe_has_a_row_and_each_row_a_probe() -> None:
    assert sorted(knowledge.healthy_ranges()) == PROBES


def test_rows_stand_in_the_order_of_their_names() -> None:
    text = (Path(knowledge.__file__).parent / "healthy.yaml").read_text()
    assert list(yaml.safe_load(text)) == PROBES


@pytest.mark.parametrize("probe", PROBES)
def test_a_row_says_where_its_limits_come_from(probe: str) -> None:
    row = knowledge.healthy_ranges()[probe]
    assert len(row["source"].split()) >= 3


def test_what_a_caller_changes_is_a_copy() -> None:
    first = knowledge.healthy_ranges()
    first["mine"] = {"min": 1}
    for row in first.values():
        row["min"] = -1
    assert "mine" not in knowledge.healthy_ranges()
    assert all(row.get("min") != -1 for row in knowledge.healthy_ranges().values())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"min": 1}, "must say its source"),
        ({"source": "  "}, "must say its source"),
        ({"source": "a paper", "min": "1"}, "min must be a number"),
        ({"source": "a paper", "max": float("nan")}, "max must be a number"),
        ({"source": "a paper", "note": 3}, "note must be text"),
        ([1, 2], "must name a probe, and hold a table"),
    ],
)
def test_a_row_that_is_not_as_it_must_be(row: object, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "_load", lambda name: {"throughput": row})
    knowledge._healthy.cache_clear()
    try:
        with pytest.raises(ValueError, match=message):
            knowledge.healthy_ranges()
    finally:
        knowledge._healthy.cache_clear()
