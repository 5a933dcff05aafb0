"""How far objects lie from the middle of their crops."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes.object_position import ObjectPosition
from mlfix.analyzer.runtime.trace import Trace

from ..running import needs_torch, run_programs

HEAD = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Crops(Dataset):
    def __init__(self, jitter, grey=False):
        self.jitter, self.grey = jitter, grey
    def __len__(self):
        return 48
    def __getitem__(self, i):
        y, x = (10 + torch.randint(-self.jitter, self.jitter + 1, (2,))).tolist()
        mask = torch.zeros(1, 21, 21)
        mask[0, y - 1 : y + 2, x - 1 : x + 2] = 0.5 if self.grey else 1
        return torch.cat([torch.rand(1, 21, 21), mask]), i % 2

def main(data):
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 441, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in DataLoader(data, batch_size=8):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

"""
PROGRAMS = {
    "centred": ("main(Crops(0))", (0.0, 0.0)),
    "with jitter": ("main(Crops(6))", (2.0, 4.0)),
    "no mask": ("main(Crops(0, grey=True))", None),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    texts = {name: HEAD + text for name, (text, _) in PROGRAMS.items()}
    return run_programs(texts, tmp_path_factory.mktemp("crops"), probes=["object-position"])


@needs_torch
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_usual_distance_from_the_middle(name: str, traces: dict[str, Trace]) -> None:
    assert not traces[name].events("probe_err")
    reading = ObjectPosition().conclude(traces[name], {})
    wanted = PROGRAMS[name][1]
    if wanted is None:
        assert reading.status == "not seen"
    else:
        assert wanted[0] <= reading.value <= wanted[1]
        assert "channel 1" in reading.why
