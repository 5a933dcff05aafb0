"""Workers that draw the same numbers are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes.worker_seeds import WorkerSeeds
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

from ..running import needs_torch, run_program, run_programs

HEAD = """
import random
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    def __init__(self):
        self.x = torch.randn(32, 4)
        self.rng = np.random.default_rng(0)
        self.transforms = [Jitter()]
    def __len__(self):
        return 32
    def __getitem__(self, i):
        return self.draw(self, self.x[i]), i % 2

class Jitter:
    def __init__(self):
        self.own = random.Random(3)
    def __call__(self, x):
        return x * self.own.uniform(0.5, 1.5)

def of(view):
    data = Noisy()
    data.draw = view
    return data

def seed_alike(worker):
    np.random.seed(7)

def seed_apart(worker):
    np.random.seed(7 + worker)

def reseed_held(worker):
    torch.utils.data.get_worker_info().dataset.rng = np.random.default_rng(worker)

def main(data, workers=2, init=None, **more):
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(data, batch_size=8, shuffle=True, num_workers=workers, worker_init_fn=init, **more)
    for epoch in range(2):
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x.float()), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

def numpy_noise(self, x):
    return x + np.random.randn()
def held_noise(self, x):
    return x + self.rng.normal()
def jitter(self, x):
    return self.transforms[0](x)
def torch_noise(self, x):
    return x + torch.randn(())
def seeded_noise(self, x):
    return x + np.random.default_rng(abs(int(x[0] * 1e6))).normal()
"""
DEFECTS = {
    "init seeds alike": "main(of(numpy_noise), 3, seed_alike)",
    "generator of the dataset": "main(of(held_noise))",
    "generator of a transform": "main(of(jitter), persistent_workers=True)",
}
HEALTHY = {
    "numpy": "main(of(numpy_noise))",
    "init seeds apart": "main(of(numpy_noise), 2, seed_apart)",
    "alike but not drawn from": "main(of(torch_noise), 2, seed_alike)",
    "init replaces the copy": "main(of(held_noise), 2, reseed_held)",
    "item seeds its own": "main(of(seeded_noise))",
}
SPAWNED = (
    HEAD
    + """
if __name__ == "__main__":
    main(of(held_noise), multiprocessing_context="HOW")
"""
)


def read(trace: Trace) -> Any:
    return WorkerSeeds().conclude(trace, healthy_ranges()["worker-seeds"])


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    stream = """
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter([(torch.randn(4), 1)] * 32)
DataLoader = lambda data, shuffle, **more: torch.utils.data.DataLoader(data, **more)
main(Stream())
"""
    calls = {**DEFECTS, **HEALTHY, "no workers": "main(of(numpy_noise), 0)", "stream": stream}
    programs = {name: f"{HEAD}\n{call}\n" for name, call in calls.items()}
    return run_programs(programs, tmp_path_factory.mktemp("seeds"), steps=12, probes=("worker-seeds",))


@needs_torch
@pytest.mark.slow
def test_workers_with_one_state_are_told(traces: Mapping[str, Trace]) -> None:
    readings = {name: read(traces[name]) for name in DEFECTS}
    assert {name: (r.status, r.value) for name, r in readings.items()} == {
        "init seeds alike": ("unhealthy", 3),
        "generator of the dataset": ("unhealthy", 2),
        "generator of a transform": ("unhealthy", 2),
    }
    assert "3 of 3 workers start with the same state of NumPy's global generator" in readings["init seeds alike"].why
    assert "`Noisy.rng`" in readings["generator of the dataset"].why
    assert "`Noisy.transforms[0].own`" in readings["generator of a transform"].why


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY)
def test_workers_of_their_own_are_left_alone(name: str, traces: Mapping[str, Trace]) -> None:
    assert not traces[name].probe_errors
    reading = read(traces[name])
    assert (reading.status, reading.value) == ("healthy", 1), reading


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_workers_that_are_no_forks_tell_too(how: str, tmp_path: Any) -> None:
    trace = run_program(SPAWNED.replace("HOW", how), tmp_path, steps=6, probes=("worker-seeds",))
    assert read(trace).status == "unhealthy", read(trace)
    assert [p.steps for p in trace.processes if p.header["start"] == "main"] == [6]


@needs_torch
@pytest.mark.slow
def test_without_workers_nothing_is_seen(traces: Mapping[str, Trace]) -> None:
    assert read(traces["no workers"]).status == "not seen"
    assert not traces["stream"].probe_errors
    assert "cannot be asked for one by one" in read(traces["stream"]).why
    assert read(Trace()).status == "not seen"
