"""What the proofs of priors and rates read from a trace."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.analyzer.findings import Confidence, Finding, Level, Location
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules import all_rules
from mlfix.rules.knowledge import learning_rates

RULES = {rule.name: rule for rule in all_rules()}


def finding(rule: str, **repair: Any) -> Finding:
    found = RULES[rule]
    place = Location("config.yaml", 1, 1, 1, 2)
    return Finding(rule, found.code, Level.BREAKS, Confidence.HIGH, place, "", "", repair=repair)


def measured(rule: str, *events: dict[str, Any]) -> float | None:
    measure = RULES[rule].proof.measure
    assert measure is not None
    return measure(Trace.of(list(events)), finding(rule))


@pytest.mark.parametrize(
    ("prior", "counts", "value"),
    [
        (0.3, [1400, 343], 0.3 - 343 / 1743),
        (0.197, [1400, 343], 0.0),
        (0.3, [20, 5], None),
        (0.3, [100, 100, 100], None),
    ],
)
def test_a_prior_is_off_by_its_distance_from_the_share(prior, counts, value):
    events = ({"k": "class-prior", "prior": [prior]}, {"k": "class-prior", "labels": [0, 1], "counts": counts})
    assert measured("prior-mismatch", *events) == (pytest.approx(value) if value is not None else None)


def test_a_prior_or_labels_alone_show_nothing():
    assert measured("prior-mismatch", {"k": "class-prior", "prior": [0.3]}) is None
    assert measured("prior-mismatch", {"k": "class-prior", "labels": [0, 1], "counts": [100, 100]}) is None
    assert measured("prior-mismatch") is None


def test_the_run_watches_the_prior_where_the_loss_uses_it():
    settings = RULES["prior-mismatch"].proof.settings
    assert settings is not None
    watch = "losses.py:forward:self.prior"
    assert settings(finding("prior-mismatch", watch=watch)) == {"watch": {"class-prior": watch}}


def test_a_rate_is_judged_by_what_the_first_steps_change():
    steps = [{"k": "drift", "opt": 0, "share": share} for share in (0.3, 0.25, 0.2, 0.2, 0.2, 0.01, 0.01, 0.01)]
    value = measured("learning-rate", *steps)
    assert value == pytest.approx(0.2)
    proof = RULES["learning-rate"].proof
    assert proof.violated is not None
    assert proof.satisfied is not None
    assert proof.violated(0.2)
    assert proof.satisfied(0.01)
    assert measured("learning-rate", {"k": "drift", "opt": 0, "share": None}) is None


def test_each_row_of_the_rates_has_its_source_and_makes_sense():
    names = [name for row in learning_rates() for name in row["optimizers"]]
    assert len(names) == len(set(names))
    for row in learning_rates():
        assert row["source"]
        low, high = row["usual"]
        assert low < row["instead"] <= high < row["far"][0]["above"]
        assert [step["above"] for step in row["far"]] == sorted(step["above"] for step in row["far"])
