"""What probes of gradients, steps and schedules conclude from traces written by hand."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes import all_probes
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

PROBES = {probe.name: probe for probe in all_probes()}
MINE = (
    "dead-parameters", "finite", "gradient-norm", "gradient-path", "learning-rate", "optimizer-coverage",
    "parameter-drift", "planned-steps", "step-taken", "zero-grad",
)  # fmt: skip
HEAD = {
    "name": "head", "cls": "m.Head", "root": "Net", "training": True, "params": 100, "optimized": 100, "reached": 100,
    "grad": 0.5, "called": True, "by_hand": False,
}  # fmt: skip


def read(probe: str, *events: dict):
    rows = [{"s": i, "m": i, "t": float(i), **e} for i, e in enumerate(events)]
    return PROBES[probe].conclude(Trace.of(rows), healthy_ranges()[probe])


def steps(count: int, **more):
    return [{"k": "step", "opt": 0, "lr": [0.1], "skipped": False, "s": i, "m": i + 1, **more} for i in range(count)]


def paths(**more):
    event = {"k": "paths", "steps": 5, "walks": 5, "heads": [HEAD], "dead": [], "trainable": 100, "unoptimized": []}
    return {**event, "unowned": [], "stale": [], "classes": {}, **more}


@pytest.mark.parametrize("probe", MINE)
def test_an_empty_trace_shows_nothing(probe):
    for trace in (Trace(), Trace.of([])):
        reading = PROBES[probe].conclude(trace, {})
        assert reading.status == "not seen" and reading.why


@pytest.mark.parametrize("probe", MINE)
def test_one_step_condemns_nothing(probe):
    rows = [paths(steps=1, dead=[{"name": "a", "params": 100, "called": True, "whole": True, "choice": False}])]
    rows += steps(1, lr=[0.0])
    assert read(probe, *rows).status != "unhealthy"


@pytest.mark.parametrize("probe", MINE)
def test_events_of_another_version_do_no_harm(probe):
    assert read(probe, {"k": "step"}, {"k": "loss", "v": 1.0}).status != "unhealthy"


def test_a_module_that_is_called_and_not_reached_is_named():
    cut = {**HEAD, "name": "embed", "reached": 0, "grad": 0.0}
    reading = read("gradient-path", paths(heads=[HEAD, cut]))
    assert reading.status == "unhealthy" and reading.value == 0.0 and "`embed` (100 parameters)" in reading.why


@pytest.mark.parametrize(
    "more", [{"called": False}, {"by_hand": True}, {"optimized": 0}], ids=["never called", "moving average", "frozen"]
)
def test_modules_that_are_left_out_on_purpose(more):
    other = {**HEAD, "name": "other", "reached": 0, "grad": 0.0, **more}
    assert read("gradient-path", paths(heads=[HEAD, other])).status == "healthy"


def test_gradients_of_nan_are_no_path_fault():
    assert read("gradient-path", paths(heads=[{**HEAD, "grad": "nan"}])).status == "healthy"


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        ({"called": True, "whole": True, "choice": False}, "unhealthy"),
        ({"called": False, "whole": True, "choice": False}, "healthy"),
        ({"called": True, "whole": False, "choice": False}, "healthy"),
        ({"called": True, "whole": True, "choice": True}, "healthy"),
    ],
)
def test_a_small_dead_part_counts_only_as_a_module_that_runs(entry, status):
    dead = [{"name": "pooler.weight", "params": 10, **entry}]
    assert read("dead-parameters", paths(dead=dead, trainable=10_000)).status == status


def test_a_large_part_that_is_never_called_counts():
    dead = [{"name": "more.weight", "params": 500, "called": False, "whole": True, "choice": False}]
    reading = read("dead-parameters", paths(dead=dead, trainable=1000))
    assert (reading.status, reading.value) == ("unhealthy", 0.5)


def test_a_loss_network_in_evaluation_mode_is_no_gap():
    vgg = {**HEAD, "name": "VGG.features", "root": "VGG", "training": False, "optimized": 0}
    missing = [{"name": "VGG.features.0.weight", "params": 100, "head": "VGG.features"}]
    assert read("optimizer-coverage", paths(heads=[HEAD, vgg], unoptimized=missing)).status == "healthy"
    forgotten = {**vgg, "training": True}
    assert read("optimizer-coverage", paths(heads=[HEAD, forgotten], unoptimized=missing)).status == "unhealthy"


@pytest.mark.parametrize(
    ("skips", "status"),
    [
        ("0000", "healthy"),
        ("1110000", "healthy"),
        ("1111", "not seen"),
        ("1" * 25, "unhealthy"),
        ("10" * 10, "unhealthy"),
        ("0" * 100 + "1" + "0" * 100, "healthy"),
    ],
)
def test_skipped_steps(skips, status):
    rows = [{"k": "step", "opt": 0, "lr": [0.1], "skipped": s == "1"} for s in skips]
    assert read("step-taken", *rows).status == status


def test_skips_are_counted_for_each_optimizer():
    rows = [{"k": "step", "opt": i % 2, "lr": [0.1], "skipped": bool(i % 2)} for i in range(60)]
    assert read("step-taken", *rows).status == "unhealthy"


@pytest.mark.parametrize(
    ("norms", "status"),
    [
        ([1.0] * 6, "healthy"), ([1e-6] * 6, "healthy"), ([500.0] * 6, "healthy"), ([0.0] * 6, "unhealthy"),
        ([1.0, "nan"], "unhealthy"), ([1.0, 2.0, 1e2, 1e3, 1e5, 1e6], "unhealthy"), ([1e-8] * 3 + [0.1] * 3, "healthy"),
    ],
)  # fmt: skip
def test_norms_outside_of_the_usual_range_only_inform(norms, status):
    reading = read("gradient-norm", *[{"k": "gradient", "opt": 0, "norm": n, "before": None} for n in norms])
    assert reading.status == status
    assert ("outside" in reading.why) == (norms[0] in (1e-6, 500.0))


def test_the_norm_before_clipping_counts():
    reading = read("gradient-norm", *[{"k": "gradient", "opt": 0, "norm": 1.0, "before": 50.0}] * 3)
    assert reading.value == 50.0


@pytest.mark.parametrize(
    ("rates", "status"),
    [
        ([0.0] * 4, "unhealthy"),
        ([0.0, 0.1, 0.2, 0.3], "healthy"),
        ([0.1, -0.1], "unhealthy"),
        (["nan"] * 3, "unhealthy"),
    ],
)
def test_rates(rates, status):
    assert (
        read("learning-rate", *[{"k": "step", "opt": 0, "lr": [0.1, r], "skipped": False} for r in rates]).status
        == status
    )


def test_an_inf_that_the_scaler_skips_is_spared_and_a_nan_is_not():
    skipped = {"k": "step", "opt": 0, "lr": [0.1], "skipped": True, "m": 1}
    assert read("finite", {"k": "loss", "v": "inf", "m": 0}, skipped).status == "healthy"
    assert read("finite", {"k": "loss", "v": "nan", "m": 0}, skipped).status == "unhealthy"
    assert read("finite", {"k": "loss", "v": "inf", "m": 0}, {**skipped, "skipped": False}).status == "unhealthy"


def test_gradients_not_cleared_now_and_then_are_no_habit():
    rows = [{"k": "zero-grad", "opt": 0, "cleared": cleared} for cleared in (True, True, False, True)]
    assert read("zero-grad", *rows).status == "healthy"
    assert read("zero-grad", *rows[2:3] * 2).value == 1.0


def test_a_group_that_stands_still_is_named_with_its_rate():
    groups = [{"tensors": 2, "graded": 2, "moved": 2}, {"tensors": 2, "graded": 2, "moved": 0}]
    event = {"k": "drift-groups", "opt": 0, "steps": 4, "groups": groups, "still": ["head.weight"]}
    reading = read("parameter-drift", *steps(4, lr=[0.1, 0.0]), {"k": "drift", "opt": 0, "median": 0.1}, event)
    assert reading.status == "unhealthy" and "group 1" in reading.why and "learning rate 0" in reading.why
    groups[1]["graded"] = 0
    assert read("parameter-drift", *steps(4), {"k": "drift", "opt": 0, "median": 0.1}, event).status == "healthy"


def test_a_reading_without_a_range_uses_the_same_limits():
    event = paths()
    for probe in ("gradient-path", "dead-parameters", "optimizer-coverage"):
        assert PROBES[probe].conclude(Trace.of([event]), {}).status == "healthy"


def test_nothing_is_nan_where_json_wants_a_number():
    value = read("gradient-norm", *[{"k": "gradient", "opt": 0, "norm": "inf", "before": None}] * 3).value
    assert value is None
