"""Whether a training took the epochs that its loop asks for: told where it left the last one in the middle, by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probe import Reading
from mlfix.analyzer.runtime.agent.probes.planned_steps import PlannedSteps
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

from ..running import Program, needs_torch, run_programs

EPOCHS = {"path": "train.py", "first": 40, "last": 60, "kind": "range", "count": 10, "guarded": False}
BATCHES = {"path": "train.py", "first": 42, "last": 58, "kind": "loader", "count": None, "guarded": False}


def conclude(trace: Trace) -> Reading:
    return PlannedSteps().conclude(trace, healthy_ranges()["planned-steps"])


def one(batches: int = 32, left: bool = False, **more: Any) -> dict[str, Any]:
    event = {"k": "epoch", "loader": 0, "role": "train", "length": 32, "batches": batches, "cut": False, "left": left}
    return {**event, **more}


def reading(
    *passes: dict[str, Any], loops: list[Any] | None = None, why: str = "finished", more: tuple = ()
) -> Reading:
    optimizer = {"k": "opt", "opt": 0, "loops": [BATCHES, EPOCHS] if loops is None else loops}
    steps = sum(p["batches"] for p in passes)
    rows = [optimizer, *passes, *more, {"k": "stop", "why": why, "hard": False}, {"k": "end", "steps": steps}]
    return conclude(Trace.of([{"s": steps, "m": steps, "t": 0.0, **row} for row in rows]))


def test_a_pass_left_in_the_middle_with_epochs_to_come() -> None:
    found = reading(one(), one(18, left=True))
    assert found.status == "unhealthy" and found.value == pytest.approx((1 + 18 / 32) / 10)
    assert found.why == (
        "train.py:40 asks for 10 epochs of 32 batches, and the training ended by itself after 50 steps: "
        "epoch 2 was left at batch 18, 0.156 of what was asked for"
    )
    assert reading(one(5, left=True)).status == "unhealthy"


@pytest.mark.parametrize(
    ("passes", "value"),
    [
        ([one()] * 10, 1.0),
        ([one()] * 3, 0.3),
        ([*[one()] * 6, one(20, left=True)], 0.6625),
        ([*[one()] * 9, one(20, left=True)], 0.9625),
        ([one(8, left=True)] * 4, 0.4),
    ],
    ids=["all of them", "early stopping", "most of them", "a last one that is shorter", "a part of the data"],
)
def test_what_may_be_meant_is_no_more_than_told(passes: list[dict[str, Any]], value: float) -> None:
    found = reading(*passes)
    assert (found.status, found.value) == ("healthy", pytest.approx(value))


@pytest.mark.parametrize(
    "more",
    [
        {"why": "steps"},
        {"why": "seconds"},
        {"why": "interrupted"},
        {"loops": []},
        {"loops": [BATCHES]},
        {"loops": [BATCHES, {**EPOCHS, "count": 10**6}]},
        {"loops": [BATCHES, {**EPOCHS, "count": 1}]},
        {"loops": [BATCHES, {**EPOCHS, "kind": "while", "count": None}]},
        {"loops": [{**EPOCHS, "count": 100}]},
        {"more": ({"k": "exc", "phase": "train", "type": "ValueError", "message": "x", "at": None},)},
        {"more": ({"k": "replay", "loader": 0},)},
        {"more": (one(3, loader=1),)},
        {"more": (one(3, cut=True),)},
        {"more": ({"k": "opt", "opt": 1, "loops": []},)},
        {"more": ({"k": "opt", "opt": 1, "loops": [BATCHES, {**EPOCHS, "first": 9}]},)},
    ],
)
def test_what_is_not_known_is_not_guessed(more: dict[str, Any]) -> None:
    assert reading(one(), one(18, left=True), **more).status == "not seen"


def test_a_loader_without_a_length_is_not_judged() -> None:
    assert reading(one(length=None), one(18, left=True, length=None)).status == "not seen"


def test_several_passes_over_a_loader_for_each_turn_are_not_judged() -> None:
    assert reading(*[one()] * 11, one(18, left=True)).status == "not seen"


# --- whole programs

HEAD = """
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

torch.manual_seed(0)
X, Y = torch.randn(64, 8), torch.arange(64) % 3
STEPS, EPOCHS, EVERY = 10**9, 6, 1

class Trainer:
    def __init__(self, loader):
        self.loader, self.valid, self.step = loader, DataLoader(TensorDataset(X, Y), 16), 0
        self.model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
    def batches(self):
        return self.loader
    def epoch(self):
        self.model.train()
        for i, (x, y) in enumerate(self.batches()):
            if self.step >= STEPS or self.is_enough(i):
                break
            nn.functional.cross_entropy(self.model(x), y).backward()
            if (i + 1) % EVERY == 0:
                self.optimizer.step()
                self.optimizer.zero_grad()
                self.step += 1
    def is_enough(self, i):
        return False
    def is_over(self, epoch):
        return self.step >= STEPS
    def fit(self):
        for epoch in range(EPOCHS):
            self.epoch()
            self.model.eval()
            with torch.no_grad():
                for x, y in self.valid:
                    nn.functional.cross_entropy(self.model(x), y)
                    break
            if self.is_over(epoch):
                break

def sound():
    return DataLoader(TensorDataset(X, Y), 8, shuffle=True)
"""
RUN = "Trainer(sound()).fit()"
STREAM = """
class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y))
    def __len__(self):
        return 80  # promises more than it has
Trainer(DataLoader(Stream(), 8)).fit()
"""
PROGRAMS = {
    "a limit of steps": f"STEPS = 11\n{RUN}",
    "accumulated": f"STEPS, EVERY = 5, 2\n{RUN}",
    "whole": RUN,
    "drop_last": "Trainer(DataLoader(TensorDataset(X, Y), 12, drop_last=True)).fit()",
    "early stopping": f"Trainer.is_over = lambda self, epoch: epoch == 1\n{RUN}",
    "a part of the data": f"Trainer.is_enough = lambda self, i: i >= 3\nTrainer.is_over = lambda self, epoch: epoch == 2\n{RUN}",
    "endless": f"STEPS, EPOCHS = 11, 10**6\n{RUN}",
    "as many steps as planned": f"STEPS = 11\nEPOCHS = STEPS // 8 + 1\n{RUN}",
    "stream": STREAM,
    "interrupted": f"def stop(self, i):\n    if self.step == 11:\n        raise KeyboardInterrupt\nTrainer.is_enough = stop\n{RUN}",
    "failed": f"def stop(self, i):\n    if self.step == 11:\n        raise ValueError\nTrainer.is_enough = stop\n{RUN}",
    "ended by mlfix": RUN,
    "cut by mlfix": f"STEPS = 11\n{RUN}",
}
SETTINGS = {"ended by mlfix": {"steps": 11}, "cut by mlfix": {"train_batches": 4}}
FOUND = {
    "a limit of steps": ("unhealthy", (1 + 4 / 8) / 6),
    "accumulated": ("unhealthy", (1 + 3 / 8) / 6),
    "whole": ("healthy", 1.0),
    "drop_last": ("healthy", 1.0),
    "early stopping": ("healthy", 2 / 6),
    "a part of the data": ("healthy", 0.5),
    "as many steps as planned": ("healthy", (1 + 4 / 8) / 2),
    "stream": ("healthy", 1.0),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    programs = {
        name: Program(f"{HEAD}\n{code}\n", settings={"steps": None, **SETTINGS.get(name, {})}, exits=None)
        for name, code in PROGRAMS.items()
    }
    return run_programs(programs, tmp_path_factory.mktemp("endings"), probes=("planned-steps",))


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name: str, traces: Mapping[str, Trace]) -> None:
    trace = traces[name]
    assert trace.steps >= 5 and not trace.probe_errors
    found = conclude(trace)
    status, value = FOUND.get(name, ("not seen", None))
    assert (found.status, found.value) == (status, pytest.approx(value) if value is not None else None), found.why
