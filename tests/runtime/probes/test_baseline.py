"""Labels that cannot be learned from the inputs are told, where it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from mlfix.analyzer.runtime.agent.probes.baseline import Baseline
from mlfix.analyzer.runtime.readings import collect
from mlfix.analyzer.runtime.trace import Trace
from mlfix.rules.knowledge import healthy_ranges

from ..running import needs_torch, run_programs

HEAD = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
Y = torch.arange(640) % 3
PICTURES = torch.randn(640, 1, 12, 12)
for i, y in enumerate(Y):
    PICTURES[i, 0, 4 * y : 4 * y + 4] += 1
ROWS = torch.randn(640, 6) + torch.eye(3)[Y].repeat(1, 2)

def main(*fields, loss=nn.functional.cross_entropy, outputs=3):
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(outputs))
    optimizer = None
    for epoch in range(2):
        for x, *_, y in DataLoader(TensorDataset(*fields), batch_size=16, shuffle=True):
            value = loss(model(x), y)
            optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()

def binary(output, y):
    return nn.functional.binary_cross_entropy_with_logits(output[:, 0], y)
"""
CASES = {
    "pictures": ("main(PICTURES, Y)", "healthy"),
    "rows": ("main(ROWS, Y)", "healthy"),
    "binary": ("main(ROWS, (Y == 1).float(), loss=binary, outputs=1)", "healthy"),
    "exchanged": ("main(PICTURES[torch.randperm(640)], Y)", "unhealthy"),
    "regression": ("main(ROWS, ROWS, loss=lambda o, y: (o.mean() - y.mean()).square())", "not seen"),
    "two inputs": ("main(ROWS, ROWS + 1, Y)", "not seen"),
    "one class": ("main(ROWS, Y * 0)", "not seen"),
}


def read(trace: Trace) -> Any:
    return Baseline().conclude(trace, healthy_ranges()["baseline"])


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trace]:
    programs = {n: f"{HEAD}\n{c}\n" for n, (c, _) in CASES.items()}
    return run_programs(programs, tmp_path_factory.mktemp("baseline"), steps=None, probes=("baseline",))


@needs_torch
@pytest.mark.slow
def test_readings(traces: Mapping[str, Trace]) -> None:
    assert {n: dict(t.probe_errors) for n, t in traces.items() if t.probe_errors} == {}
    readings = {n: read(t) for n, t in traces.items()}
    assert {n: r.status for n, r in readings.items()} == {n: s for n, (_, s) in CASES.items()}, readings
    assert "several are as large" in readings["two inputs"].why or "one input" in readings["two inputs"].why
    assert "tells 1 with an AUC" in readings["pictures"].why


def test_it_runs_only_where_it_is_asked_for() -> None:
    assert Baseline.default is False
    assert "baseline" not in {r.probe for r in collect(Trace(), healthy_ranges())}


def test_traces_without_a_baseline() -> None:
    assert read(Trace()).status == "not seen"
    assert (
        read(Trace.of([{"k": "baseline", "auc": 0.5, "samples": 90, "input": "0", "label": "1"}])).status == "unhealthy"
    )
