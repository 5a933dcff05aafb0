"""Probes of gradients, steps and schedules on small programs: each defect is told, and sound ones are left alone."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes import all_probes
from mlfix.rules.knowledge import healthy_ranges

from ..running import needs_torch, run_programs
from .flow_programs import DEFECTS, HEALTHY, source

pytestmark = [pytest.mark.slow, needs_torch]
MINE = (
    "dead-parameters", "finite", "gradient-norm", "gradient-path", "learning-rate", "optimizer-coverage",
    "parameter-drift", "planned-steps", "step-taken", "zero-grad",
)  # fmt: skip
CAUGHT = {
    "head without a path": {"gradient-path": "`embed`", "dead-parameters": "embed.weight"},
    "layer never called": {"dead-parameters": "more.weight"},
    "head times zero": {"gradient-path": "`aux`"},
    "rate of zero": {"learning-rate": "group 0", "parameter-drift": "group 0"},
    "built too early": {"optimizer-coverage": "head.weight"},
    "head left out": {"optimizer-coverage": "head.weight"},
    "hidden in a list": {"optimizer-coverage": "[16, 16]"},
    "too small for bfloat16": {"parameter-drift": "did not move in"},
    "never cleared": {"zero-grad": "not cleared before"},
    "plan in batches": {"planned-steps": "15 steps (every 4 batches", "learning-rate": "85%"},
    "plan in epochs": {"planned-steps": "60 steps (every batch", "learning-rate": "8.3%"},
    "plan in batches, once an epoch": {"planned-steps": "one in each of 5 epochs", "learning-rate": "%"},
    "decay on every batch": {"learning-rate": "by half of the training"},
    "loss of NaN": {"finite": "the loss"},
    "statistics of Inf": {"finite": "running statistics"},
    "always skipped": {"step-taken": "after its warm-up of 0", "finite": "scale fell"},
}
"""For each defect the probes that must tell it, and a part of what they say."""


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    """What each probe says of each program."""
    programs = {name: source(pieces) for name, pieces in {**DEFECTS, **HEALTHY}.items()}
    folder = tmp_path_factory.mktemp("flow")
    named = {f"program-{i}": name for i, name in enumerate(programs)}
    runs = run_programs({k: programs[n] for k, n in named.items()}, folder, steps=14, train_batches=8, probes=MINE)
    ranges = healthy_ranges()
    found = {}
    for key, trace in runs.items():
        assert not trace.probe_errors, (named[key], trace.probe_errors)
        found[named[key]] = {p.name: p.conclude(trace, ranges[p.name]) for p in all_probes() if p.name in MINE}
    return found


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_told(readings, defect):
    for probe, said in CAUGHT[defect].items():
        reading = readings[defect][probe]
        assert reading.status == "unhealthy" and said in reading.why, (probe, reading)


@pytest.mark.parametrize("defect", DEFECTS)
def test_no_other_probe_cries(readings, defect):
    others = {name: r for name, r in readings[defect].items() if r.status == "unhealthy" and name not in CAUGHT[defect]}
    assert not others


@pytest.mark.parametrize("program", HEALTHY)
def test_a_sound_program_is_left_alone(readings, program):
    assert not {name: r for name, r in readings[program].items() if r.status == "unhealthy"}


@pytest.mark.parametrize(
    ("program", "probe"),
    [("sound", name) for name in MINE if name not in ("planned-steps",)]
    + [(name, "planned-steps") for name in ("plan in steps", "plan in epochs, once an epoch", "two plans in a row")],
)
def test_what_is_sound_is_seen(readings, program, probe):
    assert readings[program][probe].status == "healthy", readings[program][probe]


def test_a_plan_in_steps_is_met_exactly(readings):
    assert readings["plan in steps"]["planned-steps"].value == 1.0
    assert readings["two plans in a row"]["planned-steps"].value == 1.0
