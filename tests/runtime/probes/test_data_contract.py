"""Broken data contracts are told where they are certain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes.data_contract import DataContract
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

from ..running import Program, needs_torch, run_programs

HEAD = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
PICTURES = (torch.rand(48, 3, 12, 16) * 255).round()
NORMAL = (PICTURES / 255 - 0.45) / 0.22
LABELS = torch.arange(48) % 4

class Items(Dataset):
    def __init__(self, *fields):
        self.fields = fields
    def __len__(self):
        return len(self.fields[0])
    def __getitem__(self, i):
        return tuple(f(i) if callable(f) else f[i] for f in self.fields)

class Net(nn.Module):
    def __init__(self, outputs=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, outputs))
    def forward(self, x):
        return self.layers(x)

def main(train, evaluation=None, model=None, loss=nn.functional.cross_entropy, **more):
    model = model or Net()
    optimizer = None
    for epoch in range(2):
        model.train()
        for x, y, *_ in DataLoader(train, batch_size=8, shuffle=True, **more):
            value = loss(model(x), y)
            optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=1e-3)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for x, y, *_ in DataLoader(evaluation or train, batch_size=8, **more):
                model(x)
"""
BOXES = """
class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
    def forward(self, images):
        return self.layer(torch.stack([i.mean((1, 2)) for i in images]))

def lists(batch):
    return tuple(zip(*batch))

def boxed(width, height, count=2):
    corner = torch.rand(count, 2) * torch.tensor([width, height]) / 2
    return torch.cat([corner, corner + torch.rand(count, 2) * torch.tensor([width, height]) / 2], 1)

def box_loss(output, targets):
    return output.square().mean()

def detect(make):
    target = lambda i: {"boxes": make(), "labels": torch.ones(2)}
    main(Items(torch.rand(48, 3, 40, 80), target), model=Detector(), loss=box_loss, collate_fn=lists)
"""
DEFECTS = {
    "bytes in evaluation": ("main(Items(NORMAL, LABELS), Items(PICTURES, LABELS))", "0 to 255 in evaluation"),
    "bytes in training": ("main(Items(PICTURES, LABELS), Items(PICTURES / 255, LABELS))", "0 to 255 in training"),
    "normalised in training only": ("main(Items(NORMAL, LABELS), Items(PICTURES / 255, LABELS))", "normalised in training"),
    "channels last in evaluation": ("main(Items(NORMAL, LABELS), Items(NORMAL.permute(0, 2, 3, 1), LABELS))", "last in evaluation"),
    "changing type": ("main(Items(NORMAL, lambda i: 1.0 if i % 2 else 0), loss=lambda o, y: (o[:, 0] - y).square().mean())", "from batch to batch"),
    "nan": ("NORMAL[3, 0, 0, 0] = float('nan')\nmain(Items(NORMAL, LABELS))", "hold NaN"),
    "boxes exchanged": (BOXES + "detect(lambda: boxed(40, 80))", "with height and width exchanged"),
    "no boxes": (BOXES + "detect(lambda: boxed(80, 40, 0))", "not one of"),
    "masks exchanged": (
        "masks = torch.randint(0, 2, (48, 16, 12))\n"
        "main(Items(NORMAL, masks), loss=lambda o, y: (o.mean() - y.float().mean()).square())", "masks have height and width"),
}  # fmt: skip
CRASHES = {
    "no logit": ("main(Items(NORMAL, LABELS), model=Net(3))", "class 3 has no logit at train.py"),
    "no row": (
        "main(Items(LABELS, LABELS), model=nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 4)))", "no row in its embedding"),
}  # fmt: skip
HEALTHY = {
    "plain": "main(Items(NORMAL, LABELS))",
    "bytes everywhere": "main(Items(PICTURES, LABELS))",
    "noise in training": "main(Items(PICTURES / 255 + 0.1 * torch.randn_like(PICTURES), LABELS), Items(PICTURES / 255, LABELS))",
    "nan handled": """
NORMAL[3, 0, 0, 0] = float('nan')
class Careful(Net):
    def forward(self, x):
        return super().forward(x.nan_to_num())
main(Items(NORMAL, LABELS), model=Careful())
""",
    "boxes": BOXES + "detect(lambda: boxed(80, 40))",
    "boxes by centre": BOXES + "detect(lambda: torch.rand(2, 4) * torch.tensor([40.0, 80.0, 20.0, 20.0]))",
    "masks": "masks = torch.randint(0, 2, (48, 12, 16))\n"
    "main(Items(NORMAL, masks), loss=lambda o, y: (o.mean() - y.float().mean()).square())",
    "soft labels in training": "main(Items(NORMAL, torch.eye(4)[LABELS]), Items(NORMAL, LABELS))",
    "unlabelled types": "main(Items(NORMAL, LABELS, lambda i: {'name': str(i), 'size': (12, 16)}))",
}


def read(trace: Trace) -> Any:
    return DataContract().conclude(trace, healthy_ranges()["data-contract"])


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    calls = {n: c for n, (c, _) in DEFECTS.items()} | HEALTHY
    programs = {name: Program(f"{HEAD}\n{call}\n") for name, call in calls.items()}
    programs |= {name: Program(f"{HEAD}\n{call}\n", exits=1) for name, (call, _) in CRASHES.items()}
    return run_programs(programs, tmp_path_factory.mktemp("contract"), steps=None, probes=("data-contract",))


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", [*DEFECTS, *CRASHES])
def test_a_broken_contract_is_told(name: str, traces: Mapping[str, Trace]) -> None:
    assert not traces[name].probe_errors
    reading = read(traces[name])
    assert reading.status == "unhealthy", reading
    assert {**DEFECTS, **CRASHES}[name][1] in reading.why


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY)
def test_a_kept_contract_is_left_alone(name: str, traces: Mapping[str, Trace]) -> None:
    assert not traces[name].probe_errors
    reading = read(traces[name])
    assert reading.status == "healthy", reading


@needs_torch
@pytest.mark.slow
def test_the_fields_are_named(traces: Mapping[str, Trace]) -> None:
    reading = read(traces["plain"])
    assert reading.value == 4
    assert "train 0: float32 8x3x12x16 from -2.05 to 2.5; train 1: int64 8 from 0 to 3" in reading.why


def test_traces_without_batches() -> None:
    assert read(Trace()).status == "not seen"
    empty = {"k": "data-contract", "batches": [], "inputs": [], "nan": [], "alignment": {}}
    assert read(Trace.of([empty])).status == "not seen"
    other = {"k": "exc", "type": "ValueError", "message": "Target 3 is out of bounds."}
    assert read(Trace.of([other])).status == "not seen"
