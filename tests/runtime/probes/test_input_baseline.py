"""A model whose output has lost its input is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes.input_baseline import InputBaseline
from mlfix.analyzer.runtime.trace import Trace

from ..running import needs_torch, run_programs

HEAD = """
import torch
from torch import nn

torch.manual_seed(0)
X, Y = torch.randn(64, 8), torch.arange(64) % 3

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(16, 3)
        self.calls = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
    def forward(self, x):
        return self.head(self.body(x))

def main(model, call=lambda model, x: model(x), steps=6):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        x, y = X[step * 8 : step * 8 + 8], Y[step * 8 : step * 8 + 8]
        out = call(model, x)
        loss = nn.functional.cross_entropy(out["logits"] if isinstance(out, dict) else out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    def check():
        same = all(torch.equal(v, state[k]) for k, v in model.state_dict().items()) and model.training
        print("UNCHANGED" if same else "CHANGED")
    import atexit
    atexit.register(check)
    torch.save(0, "kept.pt")
"""
DEFECTS = {
    "cast away": "class Lost(Net):\n    def forward(self, x):\n        return super().forward((x / 100).to(torch.uint8).float() * 0)\nmain(Lost())",
    "not used": "class Lost(Net):\n    def forward(self, x, other=None):\n        return super().forward(torch.ones_like(x))\nmain(Lost(), lambda m, x: m(x=x))",
}  # fmt: skip
HEALTHY = {
    "plain": "main(Net())",
    "keywords": "class Named(Net):\n    def forward(self, *, x):\n        return {'logits': super().forward(x)}\nmain(Named(), lambda m, x: m(x=x))",
    "zero head": "net = Net()\nnn.init.zeros_(net.head.weight)\nmain(net)",
    "token ids": "main(nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Linear(32, 3)), lambda m, x: m(x.abs().mul(10).long()))",
    "random in evaluation": "class Noisy(Net):\n    def forward(self, x):\n        return super().forward(x + torch.randn_like(x))\nmain(Noisy())",
}  # fmt: skip
NOT_SEEN = {
    "no input": "class Alone(Net):\n    def forward(self):\n        return super().forward(torch.ones(8, 8))\nmain(Alone(), lambda m, x: m())",
    "few steps": "main(Net(), steps=2)",
    "evaluation fails": "class Picky(Net):\n    def forward(self, x):\n        assert self.training, 'only for training'\n        return super().forward(x)\nmain(Picky())",
}  # fmt: skip


def read(trace: Trace) -> Any:
    return InputBaseline().conclude(trace, {})


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    # The model must be there when the run ends: a bound stops it inside of main.
    steps = {"few steps": 2}
    programs = {n: f"{HEAD}\n{c}\n" for n, c in {**DEFECTS, **HEALTHY, **NOT_SEEN}.items()}
    folder = tmp_path_factory.mktemp("input")
    found = run_programs(
        {n: p for n, p in programs.items() if n not in steps}, folder / "a", steps=6, probes=("input-baseline",)
    )
    return found | run_programs({n: programs[n] for n in steps}, folder / "b", steps=2, probes=("input-baseline",))


@needs_torch
@pytest.mark.slow
def test_readings(traces: Mapping[str, Trace]) -> None:
    assert {n: dict(t.probe_errors) for n, t in traces.items() if t.probe_errors} == {}
    readings = {n: read(t) for n, t in traces.items()}
    expected = {
        **dict.fromkeys(DEFECTS, "unhealthy"),
        **dict.fromkeys(HEALTHY, "healthy"),
        **dict.fromkeys(NOT_SEEN, "not seen"),
    }
    assert {n: r.status for n, r in readings.items()} == expected, readings
    assert "the output of Lost is the same, to the last bit" in readings["cast away"].why
    assert "only for training" in readings["evaluation fails"].why


@needs_torch
@pytest.mark.slow
def test_the_model_is_left_as_it_was(tmp_path: Any) -> None:
    program = f"{HEAD}\nnet = Net()\nmain(net)\n"
    trace = run_programs({"whole": program}, tmp_path, steps=None, probes=("input-baseline",))["whole"]
    assert read(trace).status == "healthy"
    assert trace.folder is not None
    assert "UNCHANGED" in (trace.folder / "output.txt").read_text()


def test_traces_without_a_model() -> None:
    assert read(Trace()).status == "not seen"
    events = [
        {"k": "input-baseline", "root": "A", "difference": 0.5},
        {"k": "input-baseline", "root": "B", "difference": 0},
    ]
    reading = read(Trace.of(events))
    assert (reading.status, reading.value) == ("unhealthy", 0.0)
    assert "of B is" in reading.why
