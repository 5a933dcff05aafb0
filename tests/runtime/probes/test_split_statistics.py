"""How many sets of statistics the splits are normalised by."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes.split_statistics import SplitStatistics
from mlfix.analyzer.runtime.trace import Trace

from ..running import needs_torch, run_programs

HEAD = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(0), x.std(0)
        return self
    def transform(self, x):
        return (x - self.mean) / self.std

class Rows(Dataset):
    def __init__(self, x, mean=None, std=None, scaler=None):
        if scaler is not None:
            self.scaler, self.x = scaler, scaler.transform(x)
        elif mean is not None:
            self.mean, self.std = mean, std
            self.x = (x - mean) / std
        else:
            self.x = x
    def __len__(self):
        return len(self.x)
    def __getitem__(self, i):
        return self.x[i], i % 2

def main(train, val):
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in DataLoader(train, batch_size=8):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for x, y in DataLoader(val, batch_size=8):
            model(x)

a, b = torch.randn(32, 3), torch.randn(16, 3) + 2
"""
PROGRAMS = {
    "own numbers": ("main(Rows(a, a.mean(0), a.std(0)), Rows(b, b.mean(0), b.std(0)))", 2),
    "those of training": ("main(Rows(a, a.mean(0), a.std(0)), Rows(b, a.mean(0), a.std(0)))", 1),
    "own scalers": ("main(Rows(a, scaler=Scaler().fit(a)), Subset(Rows(b, scaler=Scaler().fit(b)), range(8)))", 2),
    "one scaler": ("s = Scaler().fit(a)\nmain(Rows(a, scaler=s), Rows(b, scaler=s))", 1),
    "none kept": ("main(Rows(a), Rows(b))", None),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    texts = {name: HEAD + text for name, (text, _) in PROGRAMS.items()}
    return run_programs(texts, tmp_path_factory.mktemp("splits"), probes=["split-statistics"])


@needs_torch
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_number_of_sets(name: str, traces: dict[str, Trace]) -> None:
    assert not traces[name].events("probe_err")
    reading = SplitStatistics().conclude(traces[name], {})
    assert reading.value == PROGRAMS[name][1]
    assert reading.status == ("not seen" if reading.value is None else "healthy")
