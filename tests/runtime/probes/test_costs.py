"""What a step costs: its time, its memory, its calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes.loop_calls import LoopCalls
from mlfix.analyzer.runtime.agent.probes.memory import Memory
from mlfix.analyzer.runtime.agent.probes.throughput import Throughput
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

from ..running import Program, needs_torch, run_programs

HEAD = """
import time
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
X, Y = torch.randn(96, 32), torch.arange(96) % 3

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(*[nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()) for _ in range(4)])
        self.head = nn.Linear(32, 3)
    def forward(self, x):
        return self.head(self.body(x))

def main(model, wait=0.0, keep=lambda loss: None, between=lambda: None):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(3):
        for x, y in DataLoader(TensorDataset(X, Y), batch_size=8, collate_fn=lambda b: (time.sleep(wait), torch.utils.data.default_collate(b))[1]):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            keep(loss)
            between()
"""
CHECKPOINTED = """
class Saving(Net):
    def forward(self, x):
        for block in self.body:
            x = checkpoint(block, x, use_reentrant=False)
        return self.head(x)
"""
LOOP = """
class Loop(Net):
    def forward(self, x):
        rows = []
        for i in range(x.shape[1]):
            rows.append(
                torch.tanh(x[:, i] * 2)
            )
        return self.head(torch.stack(rows, 1))
"""
PROGRAMS = {
    "plain": "main(Net())",
    "waits": "main(Net(), wait=0.05)",
    "kept": "losses = []\nmain(Net(), keep=losses.append)",
    "summed": "total = 0\ndef add(loss):\n    global total\n    total = total + loss\nmain(Net(), keep=add)",
    "numbers": "losses = []\nmain(Net(), keep=lambda loss: losses.append(loss.item()))",
    "checkpointed": CHECKPOINTED + "main(Saving())",
    "loop": LOOP + "main(Loop())",
    "functional": "net = Net()\ndef side():\n    torch.func.grad(lambda v: net(v).sum())(X[0])\nmain(net, between=side)",
    "functional inside": """
class Inner(Net):
    def forward(self, x):
        return super().forward(x) + torch.func.vmap(torch.func.grad(lambda v: (v ** 3).sum()))(x)[:, :3]
main(Inner())
""",
}
OUT = "import torch\nmodel = torch.nn.Linear(2, 2)\nx = torch.empty(2**48)\n"
NAMES = ("loop-calls", "memory", "throughput")


def read(probe: Any, trace: Trace) -> Any:
    return probe.conclude(trace, healthy_ranges()[probe.name])


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    programs = {n: Program(f"{HEAD}\n{c}\n") for n, c in PROGRAMS.items()}
    programs["out"] = Program(OUT, exits=1)
    return run_programs(programs, tmp_path_factory.mktemp("costs"), steps=16, probes=NAMES)


@needs_torch
@pytest.mark.slow
def test_no_probe_fails(traces: Mapping[str, Trace]) -> None:
    assert {n: dict(t.probe_errors) for n, t in traces.items() if t.probe_errors} == {}
    assert {n: t.steps for n, t in traces.items() if n != "out"} == dict.fromkeys(PROGRAMS, 16)


@needs_torch
@pytest.mark.slow
def test_waiting_for_data_is_told(traces: Mapping[str, Trace]) -> None:
    waits, plain = read(Throughput(), traces["waits"]), read(Throughput(), traces["plain"])
    assert waits.status == plain.status == "healthy"
    assert waits.value > 70 > plain.value
    assert "data" in waits.why


@needs_torch
@pytest.mark.slow
def test_losses_that_keep_their_graph_are_told(traces: Mapping[str, Trace]) -> None:
    readings = {n: read(Memory(), traces[n]) for n in PROGRAMS}
    assert {n for n, r in readings.items() if r.status == "unhealthy"} == {"kept", "summed"}, readings
    assert re.search(r"the graphs of (\d+) of \1 past losses are still held", readings["kept"].why)
    assert 50 < readings["plain"].value < 5000


def saved(trace: Trace) -> int:
    return next(e["saved"] for e in trace.events("memory") if "saved" in e)


@needs_torch
@pytest.mark.slow
def test_saved_bytes_are_exact(traces: Mapping[str, Trace]) -> None:
    # The input, and the output of each of eight Tanh, 8 x 32 floats each; a checkpoint saves its input alone.
    assert saved(traces["plain"]) == 9 * 8 * 32 * 4
    assert saved(traces["numbers"]) == saved(traces["plain"])
    assert saved(traces["checkpointed"]) == 5 * 8 * 32 * 4


@needs_torch
@pytest.mark.slow
def test_memory_that_ran_out_is_told(traces: Mapping[str, Trace]) -> None:
    reading = read(Memory(), traces["out"])
    assert reading.status == "unhealthy"
    assert "memory ran out at train.py:3" in reading.why


@needs_torch
@pytest.mark.slow
def test_calls_are_counted_by_line(traces: Mapping[str, Trace]) -> None:
    loop, plain = read(LoopCalls(), traces["loop"]), read(LoopCalls(), traces["plain"])
    assert loop.status == plain.status == "healthy"
    assert loop.value == 3 * 32
    assert "Loop.forward calls torch 96 times" in loop.why
    assert plain.value <= 2


BUSY = f"""
class Busy(Net):
    def gate(self, x):
        y = torch.sigmoid(x)
        return y
    def forward(self, x):
        for i in range(3):
{chr(10).join("            x = torch.tanh(x)" for _ in range(30))}
        return super().forward(self.gate(x))
main(Busy())
"""


@needs_torch
@pytest.mark.slow
def test_the_lines_of_a_fix_on_trial_are_told_among_busier_ones(tmp_path: Path) -> None:
    source = f"{HEAD}\n{BUSY}"
    line = source.splitlines().index("        return y") + 1
    sites = {}
    for name, lines in (("told", (line,)), ("not told", ())):
        path = str(tmp_path / name / "program" / "train.py")
        reach = {path: lines} if lines else {}
        trace = run_programs({name: source}, tmp_path, steps=2, probes=NAMES, reach=reach)[name]
        sites[name] = [(place.partition(" ")[2], count) for place, count, _ in trace.events("loop-calls")[-1]["sites"]]
    assert sites["told"] == [*sites["not told"], ("Busy.gate", 1)]
    assert len(sites["not told"]) == 20 and {count for _, count in sites["not told"]} == {3}


def step(taken: int, **parts: float) -> dict[str, Any]:
    return {"k": "step", "s": taken, "taken": taken, "skipped": False, **parts}


def gpu(*used: float, since: float = 9.0) -> Trace:
    steps = [step(n, data=0.1, forward=0.2, backward=0.3, optimizer=0.4) for n in range(1, 9)]
    samples = [{"k": "throughput", "used": u, "since": since} for u in used]
    return Trace.of([{"k": "proc", "device": "NVIDIA"}, *steps, *samples])


def test_a_gpu_that_waits_is_told() -> None:
    assert read(Throughput(), gpu(40, 60)).status == "unhealthy"
    assert read(Throughput(), gpu(90, 60)).status == "healthy"
    assert read(Throughput(), gpu(10, since=2.0)).status == "not seen"
    assert read(Throughput(), gpu()).status == "not seen"
    assert (
        "a step takes 1e+03 ms: data 10 %, forward 20 %, backward 30 %, optimizer 40 %"
        in read(Throughput(), gpu(90)).why
    )


def end(**fields: Any) -> Trace:
    return Trace.of([{"k": "memory", "resident": 2**30, "graphs": 0, "held": 0, **fields}])


def test_a_gpu_that_fills_is_told() -> None:
    device = {"peak": 2**30, "reserved": 2**31, "total": 2**33}
    assert read(Memory(), end(device=device)).status == "healthy"
    assert read(Memory(), end(device=device)).value == 1024
    assert read(Memory(), end(device={**device, "reserved": 2**33 - 1})).status == "unhealthy"
    growing = [[n, 2**20 * (100 + 5 * n)] for n in range(32)]
    assert "grows by" in read(Memory(), end(device=device, on_device=growing)).why
    steady = [[n, 2**20 * (100 + n % 2)] for n in range(32)]
    assert read(Memory(), end(device=device, on_device=steady)).status == "healthy"


@pytest.mark.parametrize("probe", [Throughput(), Memory(), LoopCalls()], ids=NAMES[::-1])
def test_empty_traces(probe: Any) -> None:
    assert read(probe, Trace()).status == "not seen"
    assert read(probe, Trace.of([{"k": "exc", "type": "ValueError", "message": "gone"}])).status == "not seen"
