"""Programs with nothing wrong: they learn, under the agent too, and no probe finds fault with them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from mlfix.analyzer.runtime.readings import collect, healthy_ranges
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules import knowledge

from .launched import PROGRAMS
from .running import needs_torch, run_programs

pytestmark = [pytest.mark.slow, needs_torch]
HEALTHY = PROGRAMS / "healthy"
# As `mlfix probe` runs a program when nothing is asked, and whole.
MODES = {"bounded": {"steps": 30, "train_batches": 12, "validation_batches": 12}, "whole": {"steps": None}}


@dataclass(frozen=True)
class Goal:
    """The last number behind a name in a program's output, and what it must be beside a limit."""

    name: str
    holds: Callable[[float, float], bool]
    limit: float


GOALS = {
    "accumulation_cosine": Goal("accuracy", operator.gt, 0.95),
    "actor_critic": Goal("Average reward:", operator.gt, 0.5),
    "dcgan": Goal("distance to the mean image", operator.lt, 0.5),
    "finetune_frozen": Goal("acc:", operator.gt, 0.95),
    "fixmatch": Goal("accuracy", operator.gt, 0.95),
    "forward_forward": Goal("test accuracy:", operator.gt, 0.95),
    "gru_series": Goal("best valid mse", operator.lt, 0.1),
    "iterable_stream": Goal("accuracy", operator.gt, 0.9),
    "mixed_precision": Goal("accuracy", operator.gt, 0.95),
    "mixture_of_experts": Goal("worst accuracy", operator.gt, 0.9),
    "mnist_cnn": Goal("accuracy", operator.gt, 0.95),
    "multitask_uncertainty": Goal("accuracy", operator.gt, 0.85),
    "regression": Goal("Loss:", operator.lt, 0.01),
    "siamese": Goal("accuracy", operator.gt, 0.95),
    "simclr": Goal("linear probe accuracy", operator.gt, 0.95),
    "unet_segmentation": Goal("best IoU", operator.gt, 0.8),
    "vae": Goal("Test set loss:", operator.lt, 92.0),
    "word_language_model": Goal("valid ppl", operator.lt, 5.0),
}

UNSEEN = ["angle-conversion", "class-prior", "nan-choice", "split-statistics", "view-alignment"]
"""Probes of what no program here has: angles in degrees, a prior that the configuration names, a choice in training,
data that is normalised by statistics that the dataset keeps, masks or
points of images that are mirrored."""


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Trace]]:
    """Each program's trace in each mode."""
    folder = tmp_path_factory.mktemp("healthy")
    programs = {name: HEALTHY / f"{name}.py" for name in GOALS}
    return {mode: run_programs(programs, folder / mode, **settings) for mode, settings in MODES.items()}


def test_every_program_is_listed() -> None:
    assert sorted(GOALS) == sorted(p.stem for p in HEALTHY.glob("*.py"))


def test_the_probes_are_not_silent_for_want_of_sight(traces: dict[str, dict[str, Trace]]) -> None:
    found: dict[str, set[str]] = {}
    for trace in traces["bounded"].values():
        for reading in collect(trace, healthy_ranges(knowledge.healthy_ranges(), {})):
            found.setdefault(reading.probe, set()).add(reading.status)
    assert sorted(probe for probe, statuses in found.items() if "healthy" not in statuses) == UNSEEN


@pytest.mark.parametrize("name", GOALS)
def test_it_learns(name: str, traces: dict[str, dict[str, Trace]]) -> None:
    trace, goal = traces["whole"][name], GOALS[name]
    assert trace.folder is not None
    printed = (trace.folder / "output.txt").read_text()
    numbers = re.findall(rf"{re.escape(goal.name)}\s*(-?[\d.]+)", printed)
    assert numbers, printed
    assert goal.holds(float(numbers[-1]), goal.limit), printed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", GOALS)
def test_no_probe_finds_fault(name: str, mode: str, traces: dict[str, dict[str, Trace]]) -> None:
    trace = traces[mode][name]
    assert trace.probe_errors == {}
    readings = collect(trace, healthy_ranges(knowledge.healthy_ranges(), {}))
    assert [f"{r.probe}: {r.why}" for r in readings if r.status == "unhealthy"] == []
    assert [f"{r.probe}: {r.why}" for r in readings if "conclusion failed" in r.why] == []
