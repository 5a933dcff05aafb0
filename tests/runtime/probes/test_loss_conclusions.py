"""What the probes of losses conclude from traces written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes import all_probes
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

MINE = (
    "amp-active", "angle-conversion", "batch-mixing", "class-prior", "embedding", "evaluation-mode", "initial-loss",
    "logits-producer", "loss-terms", "prediction-spread", "pseudo-label-use", "self-similarity", "train-loss",
    "validation-loss",
)  # fmt: skip


def conclude(probe: str, events: list[dict[str, Any]], steps: int = 100):
    found = next(p for p in all_probes() if p.name == probe)
    return found.conclude(Trace.of([*events, {"k": "end", "s": steps, "m": steps}]), healthy_ranges()[probe])


def losses(values: list[Any], at: str = "train.py:9 main") -> list[dict[str, Any]]:
    return [{"k": "loss", "s": i, "m": i, "v": v, "at": at} for i, v in enumerate(values)]


def terms(*rows: dict[str, Any], passes: int = 3, step: int = 2) -> list[dict[str, Any]]:
    full = [{"kind": "term", "name": f"part{i}", "at": "train.py:5 f", "coefficient": 1.0, "v": 0.5, **r}
            for i, r in enumerate(rows)]  # fmt: skip
    return [{"k": "loss-terms", "s": step, "m": i, "at": "train.py:9 main", "terms": full} for i in range(passes)]


def validations(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    base = {"k": "validation-loss", "at": "val.py:3 run", "fn": "mse_loss", "n": 2, "dtype": "torch.float32"}
    return [{**base, "step": 10 * i, "weights": str(i), **row} for i, row in enumerate(rows)]


@pytest.mark.parametrize("probe", MINE)
@pytest.mark.parametrize("trace", [Trace(), Trace.of([])])
def test_an_empty_trace_shows_nothing(probe, trace):
    found = next(p for p in all_probes() if p.name == probe)
    assert found.conclude(trace, healthy_ranges()[probe]).status == "not seen"


@pytest.mark.parametrize("probe", MINE)
def test_a_probe_documents_itself(probe):
    found = next(p for p in all_probes() if p.name == probe)
    assert all(part in (found.__doc__ or "") for part in ("What it measures", "Healthy", "When it is not"))
    assert found.look_next.endswith((".", "?"))


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (losses([1.0, 0.5]), "not seen"),
        (losses([2.0, 1.0, 0.5]), "healthy"),
        (losses([1.0, 2.0, "nan"]), "not seen"),
        (losses([1.0] * 30), "healthy"),
        ([{"k": "replay"}, *losses([1.0] * 30)], "unhealthy"),
        ([{"k": "replay"}, *losses([1.0 - 0.02 * i for i in range(30)])], "healthy"),
        ([{"k": "replay"}, *losses([1.0] * 30), *losses([1.0] * 30, "train.py:20 main")], "healthy"),
        ([{"k": "replay"}, *losses([0.0] * 30)], "healthy"),
        (
            [
                {"k": "replay"},
                *losses([1.0] * 30),
                *({"k": "step", "opt": 0, "s": i, "lr": [i * 1e-5]} for i in range(30)),
            ],
            "not seen",
        ),
    ],
)
def test_train_loss(events, status):
    assert conclude("train-loss", events).status == status


@pytest.mark.parametrize(
    ("events", "status", "said"),
    [
        (terms({}, {"kind": "constant", "v": 0.0}, passes=2), "not seen", "fewer than 3"),
        (terms({}, {"kind": "constant", "v": 0.0}), "unhealthy", "`part1` (train.py:5) is 0"),
        (terms({}, {"kind": "constant", "v": 0.0, "coefficient": 0.0}), "healthy", ""),
        (terms({}, {"kind": "constant", "v": 0.0, "off": True}), "healthy", ""),
        (terms({}, {"kind": "start", "v": 0.0}), "healthy", ""),
        (terms({}, {"kind": "number", "v": 0.0}), "healthy", ""),
        (terms({}, {"kind": "constant", "v": 4.0}), "healthy", ""),
        (terms({}, {"kind": "constant", "v": 4.0, "detached": True}), "unhealthy", "is cut from its graph"),
        (terms({}, {"v": 0.0, "grad": 0.0}), "healthy", ""),
        (terms({}, {"v": 0.0, "grad": 0.0}, step=60), "unhealthy", "stays at 0"),
        (terms({}, {"v": 1.5, "grad": 0.0}), "unhealthy", "stays at 1.5"),
        (terms({}, {"v": 1.5, "grad": 0.3}), "healthy", ""),
        (terms({}, {"v": "nan", "grad": "nan"}), "healthy", ""),
        (terms({}, {"v": 1.5, "grad": None}), "healthy", ""),
        (terms({"v": 0.0, "grad": 0.0}, step=60), "healthy", ""),
        ([*terms({}, {"kind": "constant", "v": 0.0}), *terms({}, {"v": 0.3}, passes=1)], "healthy", ""),
    ],
)
def test_loss_terms(events, status, said):
    reading = conclude("loss-terms", events)
    assert reading.status == status and said in reading.why, reading


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (validations({"hash": "a", "mean": 1.0}), "not seen"),
        (validations({"hash": "a", "mean": 1.0}, {"hash": "b", "mean": 0.9}), "healthy"),
        (validations({"hash": "a", "mean": 1.0}, {"hash": "a", "mean": 1.0}), "unhealthy"),
        (validations({"hash": "a", "mean": 0.0}, {"hash": "a", "mean": 0.0}), "healthy"),
        (validations({"hash": "a", "mean": 1.0}, {"hash": "a", "mean": 1.0, "weights": "0"}), "not seen"),
        (validations({"hash": "a", "mean": 1.0}, {"hash": "a", "mean": 1.0, "n": 5}), "not seen"),
        (validations({"hash": "a", "mean": 1.0, "dtype": "torch.float16"}), "unhealthy"),
    ],
)
def test_validation_loss(events, status):
    assert conclude("validation-loss", events).status == status


def spreads(values: list[Any], **more: Any) -> list[dict[str, Any]]:
    row = {"k": "prediction-spread", "at": "train.py:4 f", "n": 32, "one": False, "common": 0.5, "dense": False, **more}
    return [{**row, "std": v} for v in values]


@pytest.mark.parametrize(
    ("events", "steps", "status"),
    [
        (spreads([0.01, 0.02, 0.03, 0.04, 0.05, 0.06]), 100, "healthy"),
        (spreads([1.0, 1.0, 1.0, 0.01, 0.01, 0.01]), 100, "unhealthy"),
        (spreads([1.0, 1.0, 1.0, 0.01, 0.01, 0.01]), 5, "not seen"),
        (spreads([1.0, 0.01]), 100, "not seen"),
        (spreads([0.0] * 6), 100, "unhealthy"),
        (spreads(["nan"] * 6), 100, "not seen"),
        (spreads([1.0, 1.0, 1.0, 0.4, 0.4, 0.4], one=True), 100, "unhealthy"),
        (spreads([1.0, 1.0, 1.0, 0.4, 0.4, 0.4], one=True, common=0.95), 100, "healthy"),
        (spreads([1.0, 1.0, 1.0, 0.4, 0.4, 0.4], one=True, dense=True), 100, "healthy"),
    ],
)
def test_prediction_spread(events, steps, status):
    assert conclude("prediction-spread", events, steps).status == status


def uses(rows: list[tuple[int, float, float]], at: str = "train.py:7 f") -> list[dict[str, Any]]:
    return [{"k": "pseudo-label-use", "s": s, "at": at, "share": share, "confidence": sure, "threshold": 0.95}
            for s, share, sure in rows]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (uses([(0, 0.0, 0.3), (16, 0.0, 0.3)]), "not seen"),
        (uses([(0, 0.0, 0.3), (64, 0.0, 0.5), (128, 0.0, 0.7)]), "not seen"),
        (uses([(0, 0.0, 0.5), (64, 0.0, 0.5), (128, 0.0, 0.5)]), "unhealthy"),
        (uses([(0, 0.0, 0.5), (64, 0.5, 0.96), (128, 0.6, 0.97)]), "healthy"),
        ([*uses([(99, 0.5, 0.9)]), *uses([(99, 0.01, 0.5)], "pseudo-label")], "unhealthy"),
    ],
)
def test_pseudo_label_use(events, status):
    assert conclude("pseudo-label-use", events).status == status


@pytest.mark.parametrize(
    ("prior", "counts", "sampler", "status"),
    [
        ([0.3], [1400, 343], "RandomSampler", "unhealthy"),
        ([0.197], [1400, 343], "RandomSampler", "healthy"),
        ([0.3], [1400, 343], "WeightedRandomSampler", "not seen"),
        ([0.3], [20, 5], "RandomSampler", "not seen"),
        ([0.5, 0.25, 0.25], [500, 250, 250], "RandomSampler", "healthy"),
        ([0.4, 0.3, 0.3], [500, 250, 250], "RandomSampler", "unhealthy"),
        ([0.5, 0.5], [500, 250, 250], "RandomSampler", "not seen"),
    ],
)
def test_class_prior(prior, counts, sampler, status):
    labels = {"k": "class-prior", "labels": list(range(len(counts))), "counts": counts, "sampler": sampler}
    assert conclude("class-prior", [{"k": "class-prior", "prior": prior}, labels]).status == status
    assert conclude("class-prior", [labels]).status == "not seen"


@pytest.mark.parametrize(
    ("spread", "steps", "status"),
    [
        ([0.9, 0.9], 100, "healthy"),
        ([0.9, 0.01, 0.01], 100, "unhealthy"),
        ([0.01, 0.02], 100, "healthy"),
        ([0.01, 0.01], 4, "not seen"),
        (["nan"], 100, "not seen"),
    ],
)
def test_embedding(spread, steps, status):
    events = [{"k": "embedding", "at": "loss.py:3 f", "spread": v} for v in spread]
    assert conclude("embedding", events, steps).status == status


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"share": 0.4, "largest": 1.0, "is_loss": True}, "unhealthy"),
        ({"share": 0.4, "largest": 0.6, "is_loss": True}, "healthy"),
        ({"share": 0.0, "largest": 0.0, "is_loss": True}, "healthy"),
        ({"share": 0.4, "largest": 1.0, "is_loss": True, "own": True}, "not seen"),
        ({"share": 0.4, "largest": 1.0, "is_loss": False}, "not seen"),
        ({"share": "nan", "largest": "nan", "is_loss": True}, "healthy"),
    ],
)
def test_self_similarity(row, status):
    event = {"k": "self-similarity", "at": "loss.py:3 f", "fn": "cross_entropy", "n": 8, **row}
    assert conclude("self-similarity", [event]).status == status


@pytest.mark.parametrize(
    ("value", "classes", "status"),
    [
        (2.3, 10, "healthy"),
        (0.1, 10, "healthy"),
        (40.0, 10, "unhealthy"),
        (1.0, 1, "not seen"),
        ("inf", 10, "not seen"),
    ],
)
def test_initial_loss(value, classes, status):
    assert conclude(
        "initial-loss", [{"k": "initial-loss", "at": "t.py:1 f", "v": value, "classes": classes}]
    ).status == (status)


def test_logits_producer_takes_the_last_look_at_each_loss():
    norm = {"k": "logits-producer", "at": "t.py:1 f", "fn": "cross_entropy", "producer": "NativeBatchNorm"}
    assert conclude("logits-producer", [norm]).status == "unhealthy"
    assert conclude("logits-producer", [norm, {**norm, "producer": "Addmm"}]).status == "healthy"
    hidden = {**norm, "producer": "Addmm", "before": None, "norm": True}
    assert conclude("logits-producer", [hidden]).status == "healthy"


def test_evaluation_mode_and_batch_mixing():
    row = {"k": "evaluation-mode", "root": 0, "cls": "Net", "of": 2, "n": 1, "modules": ["drop (Dropout)"]}
    assert conclude("evaluation-mode", [row]).status == "unhealthy"
    assert conclude("evaluation-mode", [row, {**row, "n": 0}]).status == "healthy"
    assert conclude("evaluation-mode", [{**row, "of": 0, "n": 0}]).status == "not seen"
    assert conclude("batch-mixing", [{"k": "batch-mixing", "cls": "Net", "share": 0.5}]).status == "unhealthy"
    assert conclude("batch-mixing", [{"k": "batch-mixing", "cls": "Net", "share": 0.0}]).status == "healthy"
