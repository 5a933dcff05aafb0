"""A program forked from the nursery leaves the trace that it leaves as a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .running import Program, needs_torch, run_program, run_programs

pytestmark = [needs_torch, pytest.mark.slow]

TRAINS = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = TensorDataset(torch.randn(32, 4), torch.randint(0, 2, (32,)))
for epoch in range(5):
    for x, y in DataLoader(data, batch_size=8, shuffle=True, num_workers=WORKERS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
"""
FAILS = "import torch\n\ndef load():\n    raise ValueError('no data')\n\nload()\n"


def test_both_ways_of_running_are_alike(tmp_path: Path) -> None:
    forks = "2, multiprocessing_context='fork'"
    programs = {"plain": TRAINS.replace("WORKERS", "0"), "workers": TRAINS.replace("WORKERS", forks)}
    forked = run_programs({**programs, "fails": Program(FAILS, exits=1)}, tmp_path / "forked", steps=6)
    alone = run_program(programs["workers"], tmp_path, steps=6)
    for trace in (alone, forked["plain"], forked["workers"]):
        assert trace.steps == 6
        assert len(trace.losses) == 6
        assert trace.main is not None
        assert trace.main.ended
        assert trace.header["start"] == "main"
    assert alone.losses == forked["workers"].losses
    exception = forked["fails"].last("exc")
    assert exception is not None
    assert (exception["type"], exception["message"], exception["at"]) == ("ValueError", "no data", "train.py:4 load")
