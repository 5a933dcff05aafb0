"""Probes of losses, predictions and modes on small programs: each defect is told, and sound ones are left alone."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes import all_probes
from mlfix.rules.knowledge import healthy_ranges

from ..running import Program, needs_torch, run_programs
from .loss_programs import DEFECTS, HEALTHY, source

pytestmark = [pytest.mark.slow, needs_torch]
MINE = (
    "amp-active", "angle-conversion", "batch-mixing", "class-prior", "embedding", "evaluation-mode", "initial-loss",
    "logits-producer", "loss-terms", "prediction-spread", "pseudo-label-use", "self-similarity", "train-loss",
    "validation-loss",
)  # fmt: skip
CAUGHT = {
    "term of zero": {"loss-terms": "`aux` (train.py:26) is 0"},
    "term that is cut": {"loss-terms": "`reg` (train.py:26) is cut from its graph"},
    "term without gradient": {"loss-terms": "`margin` (train.py:26) stays at 0"},
    "stacked terms": {"loss-terms": "is 0 and has no gradient"},
    "diagonal in the cross entropy": {"self-similarity": "cross_entropy of 32 similarities (train.py:29)"},
    "diagonal in the loop": {"self-similarity": "logsumexp of 32 similarities (train.py:31)"},
    "diagonal in the sum": {"self-similarity": "sum of 32 similarities (train.py:30)"},
    "norm at the logits": {"logits-producer": "come from a batch norm"},
    "norm before the head": {"logits-producer": "a linear layer behind a batch norm"},
    "evaluated in training mode": {"evaluation-mode": "body.2 (Dropout)"},
    "evaluated on a copy": {"validation-loss": "although the weights had moved"},
    "evaluated in half precision": {"validation-loss": "torch.bfloat16"},
    "logits of thousands": {"initial-loss": "a guess among 3 classes gives 1.099"},
    "no input": {"prediction-spread": "every input gets the same answer"},
    "samples mixed": {"batch-mixing": "goes to other samples"},
    "threshold out of reach": {"pseudo-label-use": "over the threshold 0.999"},
    "prior of another data set": {"class-prior": "the prior is 0.300"},
    "collapse": {"embedding": "have the same vector"},
}
"""For each defect the probe that must tell it, and a part of what it says."""
BESIDE = {
    "logits of thousands": {"prediction-spread"},
    "collapse": {"prediction-spread", "loss-terms"},
    "threshold out of reach": {"loss-terms"},
}
"""Probes that may tell a defect too."""
SETTINGS = {
    "term without gradient": {"steps": 70},
    "threshold out of reach": {"steps": 70},
    "threshold within reach": {"steps": 70},
    "collapse": {"watch": {"embedding": "model.proj"}},
    "prior of another data set": {"watch": {"class-prior": "train.py:PRIOR"}},
    "prior of the data set": {"watch": {"class-prior": "train.py:PRIOR", "embedding": "proj"}},
}


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    """What each probe says of each program."""
    programs = {n: Program(source(p), settings=SETTINGS.get(n, {})) for n, p in {**DEFECTS, **HEALTHY}.items()}
    named = {f"program-{i}": name for i, name in enumerate(programs)}
    folder = tmp_path_factory.mktemp("loss")
    runs = run_programs({k: programs[n] for k, n in named.items()}, folder, steps=20, probes=MINE)
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
def test_a_defect_is_told_by_nobody_else(readings, defect):
    others = {p for p, r in readings[defect].items() if r.status == "unhealthy"} - set(CAUGHT[defect])
    assert others <= BESIDE.get(defect, set()), {p: readings[defect][p] for p in others}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_sound_program_is_left_alone(readings, name):
    assert not {p: r for p, r in readings[name].items() if r.status == "unhealthy"}


def test_what_must_be_seen_is_seen(readings):
    plain = readings["plain"]
    for probe in ("batch-mixing", "evaluation-mode", "initial-loss", "logits-producer", "loss-terms", "train-loss",
                  "prediction-spread", "validation-loss"):  # fmt: skip
        assert plain[probe].status == "healthy", plain[probe]
    assert readings["masked"]["self-similarity"].value == 0.0
    assert readings["masked in the loop"]["self-similarity"].value == 0.0
    assert readings["masked sum"]["self-similarity"].value == 0.0
    assert readings["masked"]["embedding"].status == "healthy"
    assert readings["prior of the data set"]["class-prior"].status == "healthy"
    assert readings["prior of the data set"]["embedding"].status == "healthy"
    assert readings["threshold within reach"]["pseudo-label-use"].status == "healthy"
    assert "other" in readings["value of another, gradient of one"]["loss-terms"].why
