"""Items that are alike in each epoch are told where they should not be, and only there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes.augmentation_variety import AugmentationVariety
from mlfix.analyzer.runtime.trace import Trace

from ..running import needs_torch, run_programs

HEAD = """
import random
import numpy as np
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset
from random import Random
from numpy.random import default_rng

torch.manual_seed(0)
PICTURES = torch.nn.functional.interpolate(torch.rand(64, 1, 4, 4), size=(16, 16), mode="bilinear")
LABELS = [i % 4 for i in range(64)]

class Pictures(Dataset):
    def __init__(self, pictures, labels):
        self.pictures, self.labels, self.epoch = pictures, labels, 0
    def __len__(self):
        return len(self.pictures)
"""
TAIL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.LazyLinear(4)
    def forward(self, x):
        return self.head(x.flatten(1))

def main(data, workers=0, persistent=False, each_epoch=lambda epoch: None):
    model = Net()
    optimizer = None
    loader = DataLoader(data, batch_size=8, shuffle=True, num_workers=workers, persistent_workers=persistent)
    for epoch in range(4):
        each_epoch(epoch)
        for x, y, *_ in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
SHIFT = """
def shifted(x, rng):
    dy, dx = int(rng.integers(-3, 4)), int(rng.integers(-3, 4))
    return torch.roll(x, (dy, dx), (1, 2)) * float(rng.uniform(0.7, 1.3))
"""


def item(body: str, main: str = "main(Pictures(PICTURES, LABELS))", more: str = "") -> str:
    indented = "".join(f"        {line}\n" for line in body.strip().splitlines())
    return f"{HEAD}    def __getitem__(self, i):\n{indented}{more}{SHIFT}{TAIL}\n{main}\n"


DEFECTS = {
    "random": item("rng = Random(i)\nx = torch.roll(self.pictures[i], rng.randint(-3, 3), 1) * rng.uniform(0.5, 1.5)\nreturn x, self.labels[i]"),
    "default_rng": item("return shifted(self.pictures[i], default_rng([7, i])), self.labels[i]"),
    "constant": item("return shifted(self.pictures[i], np.random.Generator(np.random.PCG64(1))), self.labels[i]"),
    "numpy seed": item("np.random.seed(i)\nx = self.pictures[i] + 0.05 * torch.from_numpy(np.random.randn(1, 16, 16)).float()\nreturn x, self.labels[i]"),
    "torch seed": item("torch.manual_seed(i)\nreturn self.pictures[i] + 0.05 * torch.randn(1, 16, 16), self.labels[i], i"),
    "torch generator": item("g = torch.Generator()\ng.manual_seed(100 + i)\nx = self.pictures[i]\nreturn x.flip(2) * torch.rand(1, generator=g) + 0.1 * torch.rand(1, generator=g), self.labels[i]"),
    "random state": item("rng = np.random.RandomState(i)\nx = torch.roll(self.pictures[i], int(rng.randint(-3, 4)), 2) * float(rng.uniform(0.5, 1.5))\nreturn x, self.labels[i]"),
    "wrapped": item(
        "return shifted(self.pictures[i], default_rng(i)), self.labels[i]",
        "main(Subset(ConcatDataset([Pictures(PICTURES[:32], LABELS[:32]), Pictures(PICTURES[32:], LABELS[32:])]), range(48)))",
    ),
    "epoch never set": item(
        "return shifted(self.pictures[i], default_rng([self.epoch, i])), self.labels[i]",
        more="\n    def set_epoch(self, epoch):\n        self.epoch = epoch\n",
    ),
    "epoch unheard": item(
        "return shifted(self.pictures[i], default_rng([self.epoch, i])), self.labels[i]",
        "data = Pictures(PICTURES, LABELS)\nmain(data, 2, True, data.set_epoch)",
        more="\n    def set_epoch(self, epoch):\n        self.epoch = epoch\n",
    ),
}  # fmt: skip
HEALTHY = {
    "plain": item("return self.pictures[i], self.labels[i]"),
    "global": item("return shifted(self.pictures[i], np.random.default_rng(np.random.randint(2**31))), self.labels[i]"),
    "torch's own": item("return self.pictures[i] + 0.1 * torch.randn(1, 16, 16), self.labels[i]"),
    "drawn seed": item("seed = int(torch.randint(2**31, ()))\ntorch.manual_seed(seed)\nreturn self.pictures[i] + torch.randn(1, 16, 16), self.labels[i]"),
    "synthetic": item("rng = default_rng(i)\nlabel = int(rng.integers(4))\nreturn torch.from_numpy(rng.normal(size=(1, 16, 16))).float() + label, label"),
    "synthetic with stored labels": item("rng = default_rng(i)\nreturn torch.from_numpy(rng.normal(size=(1, 16, 16))).float() + self.labels[i], self.labels[i]"),
    "synthetic templates": item("rng = default_rng(i)\nreturn torch.from_numpy(rng.normal(size=(1, 16, 16))).float() + self.pictures[self.labels[i]], self.labels[i]"),
    "moved targets": item("rng = default_rng(i)\nd = float(rng.uniform(-3, 3))\nreturn torch.roll(self.pictures[i], int(d), 2), self.labels[i], d"),
    "seeded for nothing": item("random.seed(i)\nreturn self.pictures[i], self.labels[i]"),
    "epoch set": item(
        "return shifted(self.pictures[i], default_rng([self.epoch, i])), self.labels[i]",
        "data = Pictures(PICTURES, LABELS)\nmain(data, each_epoch=data.set_epoch)",
        more="\n    def set_epoch(self, epoch):\n        self.epoch = epoch\n",
    ),
}  # fmt: skip
ITERABLE = (
    HEAD
    + TAIL
    + """
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(zip(PICTURES, LABELS))
model = Net()
for x, y in DataLoader(Stream(), batch_size=8):
    nn.functional.cross_entropy(model(x), y).backward()
"""
)


def read(trace: Trace) -> Any:
    return AugmentationVariety().conclude(trace, {})


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    programs = {**DEFECTS, **HEALTHY, "iterable": ITERABLE}
    folder: Path = tmp_path_factory.mktemp("variety")
    return run_programs(programs, folder, steps=20, train_batches=5, probes=("augmentation-variety",))


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
def test_views_that_repeat_are_told(name: str, traces: Mapping[str, Trace]) -> None:
    reading = read(traces[name])
    assert not traces[name].probe_errors
    assert reading.status == "unhealthy", reading
    assert "are the same in each" in reading.why or name == "epoch unheard"
    if name == "epoch unheard":
        assert "never hear of" in reading.why
    else:
        assert reading.value == 0


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY)
def test_what_repeats_rightly_or_varies_is_left_alone(name: str, traces: Mapping[str, Trace]) -> None:
    reading = read(traces[name])
    assert not traces[name].probe_errors
    assert reading.status == "healthy", reading
    assert reading.value == (1 if name in ("global", "torch's own", "drawn seed", "epoch set") else 0)


@needs_torch
@pytest.mark.slow
def test_a_stream_has_no_items_to_compare(traces: Mapping[str, Trace]) -> None:
    assert read(traces["iterable"]).status == "not seen"


def test_traces_without_a_dataset() -> None:
    assert read(Trace()).status == "not seen"
    failed = {"k": "augmentation-variety", "dataset": "Photos", "error": "OSError: gone"}
    reading = read(Trace.of([failed]))
    assert (reading.status, reading.why) == ("not seen", "Photos: OSError: gone")
