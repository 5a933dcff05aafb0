"""The quantities of the proofs, read from traces written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.analyzer.findings import Confidence, Finding, Level, Location
from mlfix.analyzer.rule import Proof
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules import all_rules

PROOFS: dict[str, Proof] = {rule.name: rule.proof for rule in all_rules()}


def finding(rule: str, line: int = 10, scope: str = "Loss.term", level: Level = Level.BREAKS, **more: Any) -> Finding:
    place = Location("a/loss.py", line, 1, line, 20)
    return Finding(rule, "MLF000", level, Confidence.HIGH, place, "", "", scope=scope, **more)


def measured(rule: str, events: list[dict[str, Any]], found: Finding) -> float | None:
    measure = PROOFS[rule].measure
    assert measure is not None
    return measure(Trace.of(events), found)


def similarity(line: int, share: float, function: str = "Loss.term", path: str = "a/loss.py") -> dict[str, Any]:
    return {"k": "self-similarity", "at": f"{path}:{line} {function}", "share": share}


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ([], None),
        ([similarity(10, 0.4)], 0.4),
        ([similarity(11, 0.0), similarity(40, 0.7)], 0.0),
        ([similarity(10, 0.2), similarity(10, 0.4), similarity(12, 0.9)], 0.4),
        ([similarity(60, 0.3), similarity(90, 0.8, "other")], 0.3),
        ([similarity(10, 0.4, path="b/loss.py")], None),
    ],
)
def test_missing_diagonal_mask(events, value):
    assert measured("missing-diagonal-mask", events, finding("missing-diagonal-mask")) == value


def passes(*rows: dict[str, Any], count: int = 3) -> list[dict[str, Any]]:
    full = [{"kind": "constant", "name": "angle", "at": "a/loss.py:14 Loss.term", "v": 0.0, **r} for r in rows]
    return [{"k": "loss-terms", "terms": full, "m": i} for i in range(count)]


def converted(line: int, largest: float) -> dict[str, Any]:
    return {"k": "angle-conversion", "at": f"a/loss.py:{line} Loss.term", "largest": largest}


@pytest.mark.parametrize(
    ("events", "subject", "value"),
    [
        (passes({}, count=2), "torch.deg2rad(x)", None),
        (passes({}), "torch.deg2rad(x)", 1.0),
        (passes({"kind": "term", "v": 0.4}), "torch.deg2rad(x)", 0.0),
        (passes({"kind": "term", "v": 0.0, "grad": 0.0}), "torch.deg2rad(x)", 1.0),
        (passes({"kind": "term", "v": 0.0, "grad": 0.2}), "torch.deg2rad(x)", 0.0),
        (passes({}, {"name": "other", "at": "a/loss.py:90 Loss.other", "v": 0.3}), "torch.deg2rad(x)", 1.0),
        (passes({"at": "a/loss.py:90 Loss.other"}), "torch.deg2rad(x)", 1.0),
        ([*passes({"kind": "term", "v": 0.4}), converted(10, 1.2)], "torch.deg2rad(x)", 1.0),
        ([*passes({"kind": "term", "v": 0.4}), converted(10, 55.0)], "torch.deg2rad(x)", 0.0),
        ([*passes({}), converted(10, 1.2)], "torch.deg2rad(x)", 2.0),
        (passes({"at": "b.py:3 f"}), "np.deg2rad(x)", None),
        (passes({"at": "b.py:3 f"}), "torch.deg2rad(x)", 0.0),
    ],
)
def test_double_deg2rad(events, subject, value):
    assert measured("double-deg2rad", events, finding("double-deg2rad", subject=subject)) == value


def test_batchnorm_head():
    row = {"k": "logits-producer", "at": "train.py:5 f", "norm": True}
    found = finding("batchnorm-head")
    assert measured("batchnorm-head", [], found) is None
    assert measured("batchnorm-head", [row, row], found) == 1.0
    assert measured("batchnorm-head", [{**row, "norm": False}], found) == 0.0


def test_amp_import_hides_what_the_stated_torch_lacks_and_sees_the_failure():
    names = {"moves": {"torch.amp.GradScaler": {}}, "missing": ["torch.amp"]}
    found = finding("amp-import", repair=names)
    settings = PROOFS["amp-import"].settings
    assert settings is not None and settings(found) == {"hide": ("torch.amp", "torch.amp.GradScaler")}
    error = {"k": "exc", "type": "ImportError", "message": "cannot import name 'GradScaler' from 'torch.amp'"}
    assert measured("amp-import", [error], found) == 1.0
    assert measured("amp-import", [{"k": "step", "s": 3}], found) == 0.0
    assert measured("amp-import", [{**error, "message": "No module named 'wandb'"}], found) is None
    assert measured("amp-import", [], found) is None


def test_amp_import_counts_places_with_a_deprecated_name():
    found = finding("amp-import", level=Level.WASTES, repair={"moves": {"torch.cuda.amp.GradScaler": {}}})
    settings = PROOFS["amp-import"].settings
    assert settings is not None and settings(found) is None
    use = {"k": "amp-old", "at": "train.py:3 main", "name": "torch.cuda.amp.GradScaler", "s": 1}
    assert measured("amp-import", [use, use], found) == 1.0
    assert measured("amp-import", [{**use, "name": "torch.cuda.amp.autocast"}], found) == 0.0


@pytest.mark.parametrize("rule", ["missing-diagonal-mask", "double-deg2rad", "batchnorm-head", "amp-import"])
def test_a_value_is_either_violated_or_satisfied(rule):
    proof = PROOFS[rule]
    assert proof.measurable and proof.violated is not None and proof.satisfied is not None
    assert all(proof.violated(v) is not proof.satisfied(v) for v in (0.0, 1e-9, 0.5, 1.0, 2.0))
