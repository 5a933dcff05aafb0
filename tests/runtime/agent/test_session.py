"""The agent around real torch programs: counting, ending, replaying, seeding, and leaving the numbers alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .test_boot import BOOT

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

TRAIN = """
import random, sys
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def seed(n):
    random.seed(n); np.random.seed(n); torch.manual_seed(n)

def loaders(workers=0):
    x = torch.randn(48, 6)
    y = (x.sum(1) > 0).long()
    return (DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True, num_workers=workers),
            DataLoader(TensorDataset(x[:16], y[:16]), batch_size=4))

def fit(epochs, accumulate=1, workers=0, seeded=42):
    if seeded is not None:
        seed(seeded)
    train, val = loaders(workers)
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2))
    opt = torch.optim.AdamW(model.parameters(), lr=0.1)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=epochs * len(train))
    for epoch in range(epochs):
        model.train()
        seen = []
        for i, (x, y) in enumerate(train):
            loss = nn.functional.cross_entropy(model(x), y)
            (loss / accumulate).backward()
            if (i + 1) % accumulate == 0:
                opt.step(); opt.zero_grad(); sched.step()
            seen.append(x[0, 0].item())
            print("loss", repr(loss.item()))
        model.eval()
        with torch.no_grad():
            for x, y in val:
                print("val", repr(nn.functional.cross_entropy(model(x), y).item()))
        print("epoch", epoch, len(train), sorted(set(seen)))
"""


@dataclass
class Ran:
    code: int
    out: str
    err: str
    events: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["k"] == kind]

    def lines(self, start: str) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith(start)]


def run(folder: Path, tail: str, agent: bool = True, **settings: object) -> Ran:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(TRAIN + tail)
    traces = folder / "traces"
    traces.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    if agent:
        environment["PYTHONPATH"] = str(BOOT)
        environment["MLFIX_AGENT_TRACE"] = str(traces)
        environment["MLFIX_AGENT_SETTINGS"] = json.dumps({"root": str(folder), **settings})
    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    events = [json.loads(line) for file in sorted(traces.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return Ran(done.returncode, done.stdout, done.stderr, events)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_numbers_are_those_of_a_plain_run(tmp_path: Path, workers: int) -> None:
    tail = f"if __name__ == '__main__':\n    fit(2, accumulate=2, workers={workers})\n"
    plain = run(tmp_path / "plain", tail, agent=False)
    traced = run(tmp_path / "traced", tail)
    assert plain.code == traced.code == 0
    assert plain.out == traced.out
    assert len(plain.lines("loss")) == 24
    # Where workers are no forks, whatever loads torch for them has a trace of its own.
    assert max((e["steps"], e["backwards"]) for e in traced.of("end")) == (12, 24)
    assert not traced.of("probe_err")


def test_what_is_counted(tmp_path: Path) -> None:
    ran = run(tmp_path, "fit(2, accumulate=3)\n", train_batches=6, validation_batches=2)
    assert ran.code == 0, ran.err
    assert [(e["role"], e["index"], e["batches"], e["length"]) for e in ran.of("epoch")] == [
        ("train", 0, 6, 12),
        ("validation", 0, 2, 4),
        ("train", 1, 6, 12),
        ("validation", 1, 2, 4),
    ]
    assert ran.of("sched")[-1]["calls"] == 4
    assert ran.of("sched")[-1]["plan"]["T_max"] == 24
    assert [e["taken"] for e in ran.of("step")] == [1, 2, 3, 4]
    assert ran.of("stop")[0]["why"] == "finished"
    assert ran.events[-1]["k"] == "end"
    assert [e["at"] for e in ran.of("loss")][:1] == ["main.py:29 fit"]


@pytest.mark.parametrize(
    "tail",
    [
        "fit(50)\n",
        "try:\n    fit(50)\nexcept BaseException:\n    pass\nfit(50)\n",
        "try:\n    fit(50)\nfinally:\n    torch.save({}, 'last.pt')\n",
        "import time\ntry:\n    fit(50)\nfinally:\n    time.sleep(60)\n",
    ],
    ids=["plain", "swallowed", "finally", "long-finally"],
)
def test_it_ends_after_its_steps(tmp_path: Path, tail: str) -> None:
    ran = run(tmp_path, tail, steps=5, grace=1.0)
    assert ran.code == 0
    assert "Traceback" not in ran.err
    assert len(ran.lines("loss")) <= 6
    assert ran.of("stop")[0]["why"] == "steps"
    assert ran.of("end")[0]["steps"] == 5
    if "torch.save" in tail:
        assert (tmp_path / "last.pt").exists()


@pytest.mark.parametrize(("is_rank", "code"), [(True, 0), (False, 3)])
def test_a_stopped_rank_ends_before_its_process_group_can_abort(tmp_path: Path, is_rank: bool, code: int) -> None:
    # As a thread of gloo does it: after all exit handlers, while Python takes itself apart.
    tail = "import os\nclass Late:\n    def __del__(self):\n        os._exit(3)\nlate = Late()\n"
    if is_rank:
        start = f"'gloo', init_method='file://{tmp_path}/store', rank=0, world_size=1"
        tail += f"torch.distributed.init_process_group({start})\n"
    ran = run(tmp_path, tail + "fit(50)\n", steps=5)
    assert ran.code == code, ran.err
    assert len(ran.lines("loss")) == 4, "what was printed is kept"
    assert ran.of("end")[0]["steps"] == 5


def test_without_an_optimizer_backward_calls_count(tmp_path: Path) -> None:
    tail = (
        "w = torch.zeros(3, requires_grad=True)\n"
        "for i in range(10_000):\n    ((w - 1) ** 2).sum().backward()\n"
        "    with torch.no_grad():\n        w -= 0.1 * w.grad\n        w.grad = None\n"
    )
    ran = run(tmp_path, tail, steps=10)
    assert ran.code == 0
    assert ran.of("stop")[0]["why"] == "backwards"
    assert ran.of("end")[0]["backwards"] == 64


def test_overfit_replays_the_first_training_batches(tmp_path: Path) -> None:
    ran = run(tmp_path, "fit(3)\n", overfit=2)
    assert ran.code == 0, ran.err
    epochs = [json.loads("[" + line.partition("[")[2]) for line in ran.lines("epoch")]
    assert len(epochs[0]) <= 3  # the batch in whose pass the role became known may be one of its own
    assert epochs[1] == epochs[2]
    assert len(epochs[1]) == 2
    assert len(ran.lines("loss")) == 36
    assert len(ran.lines("val")) == 12


def test_seeds_are_replicates_and_repeat(tmp_path: Path) -> None:
    runs = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        runs[name] = run(tmp_path / name, "fit(1)\n", seed=seed, force_seed=True).lines("loss")
    assert runs["a"] == runs["b"]
    assert runs["a"] != runs["c"]


def test_a_failure_in_training_is_told_with_its_phase(tmp_path: Path) -> None:
    tail = "def broken():\n    fit(1)\n    raise RuntimeError('no space')\n\nbroken()\n"
    ran = run(tmp_path, tail)
    assert ran.code == 1
    [error] = ran.of("exc")
    assert (error["phase"], error["type"], error["message"]) == ("train", "RuntimeError", "no space")
    assert error["at"].endswith(" broken")
