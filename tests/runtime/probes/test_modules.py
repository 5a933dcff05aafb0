"""Gradient norms by module."""

import math

import pytest
from mlfix.analyzer.runtime.agent.probes._modules import grouped

from tests.runtime.running import needs_torch, run_program

PROGRAM = """
import torch
from torch import nn

net = nn.ModuleDict({"body": nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), "head": nn.Linear(4, 1), "aux": nn.Linear(4, 1)})
stray = nn.Parameter(torch.ones(1))
optimizer = torch.optim.SGD([*net.parameters(), stray], lr=0.1)
for step in range(6):
    optimizer.zero_grad()
    x = torch.randn(8, 4)
    loss = (net["head"](net["body"](x)) * stray).pow(2).mean()
    if step >= 3:
        loss = loss + net["aux"](x).mean()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["a.weight", "a.bias", "b.weight"], ["a", "a", "b"]),
        (["net.0.weight", "net.1.weight"], ["net.0", "net.1"]),
        (["scale"], ["scale"]),
        ([f"body.{i}.weight" for i in range(13)] + ["head.weight"], ["body"] * 13 + ["head"]),
        ([], []),
    ],
)
def test_modules_are_as_deep_as_a_dozen_allows(names: list[str], groups: list[str]) -> None:
    assert grouped(names) == groups


@needs_torch
@pytest.mark.slow
def test_the_trace_holds_each_module_s_norm(tmp_path) -> None:
    trace = run_program(PROGRAM, tmp_path, steps=6)
    (named,) = trace.events("gradient-modules")
    # The modules are called one by one, so that each is a root of its own.
    assert named["names"][-1] == "elsewhere"
    rows = trace.events("gradient")
    assert len(rows) == 6
    for row in rows:
        assert math.hypot(*row["modules"]) == pytest.approx(row["norm"], rel=1e-5)
    assert trace.probe_errors == {}
