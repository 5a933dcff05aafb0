"""Choices that fall on NaN are told, wherever an item is made."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes.nan_choice import NanChoice
from mlfix.analyzer.runtime.trace import Trace

from ..running import needs_torch, run_programs

HEAD = """
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Items(Dataset):
    def __init__(self, choose):
        self.choose = choose
    def __len__(self):
        return 32
    def __getitem__(self, i):
        gaps = np.array([0.5, 0.25, float("nan") if i % 2 else 1.0])
        return torch.tensor(float(self.choose(gaps))), i % 2

def main(choose, workers=0, inside=lambda x: x):
    model = nn.Linear(1, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in DataLoader(Items(choose), batch_size=8, num_workers=workers):
        inside(x)
        loss = nn.functional.cross_entropy(model(x[:, None]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

"""
PROGRAMS = {
    "numpy": ("main(lambda gaps: np.argmin(gaps))", 0.5),
    "numpy, mended": ("main(lambda gaps: np.nanargmin(gaps))", 0.0),
    "numpy, by rows": ("main(lambda gaps: np.argmax(np.stack([gaps, [1.0, 0.0, 0.0]]), axis=1)[0])", 0.25),
    "workers": ("if __name__ == '__main__':\n    main(lambda gaps: np.argmin(gaps), workers=1)", 0.5),
    "torch": ("main(np.nanargmin, inside=lambda x: torch.stack([x, x / 0 * 0], 1).argmin(dim=1))", 1.0),
    "whole numbers": ("main(lambda gaps: np.argmin(np.nan_to_num(gaps).astype(int)))", None),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    texts = {name: HEAD + text for name, (text, _) in PROGRAMS.items()}
    return run_programs(texts, tmp_path_factory.mktemp("choices"), probes=["nan-choice"])


@needs_torch
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_share_of_choices_on_nan(name: str, traces: dict[str, Trace]) -> None:
    assert not traces[name].events("probe_err")
    reading = NanChoice().conclude(traces[name], {})
    wanted = PROGRAMS[name][1]
    assert reading.value == wanted
    assert reading.status == ("not seen" if wanted is None else "unhealthy" if wanted else "healthy")


def test_the_worst_line_is_told() -> None:
    rows = [["a.py:3 f", 10, 0], ["b.py:7 g", 48, 4]]
    reading = NanChoice().conclude(Trace.of([{"k": "nan-choice", "sites": rows}]), {})
    assert "4 of 48 choices at b.py:7" in reading.why
    assert NanChoice().conclude(Trace.of([]), {}).status == "not seen"
