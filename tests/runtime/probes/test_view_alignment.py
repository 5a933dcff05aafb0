"""Maps and points that follow their image, and those that do not."""

from __future__ import annotations

import pytest
from mlfix.analyzer.runtime.agent.probes.view_alignment import ViewAlignment, _compare
from mlfix.analyzer.runtime.trace import Trace

from ..running import needs_torch, run_programs

HEAD = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Scenes(Dataset):
    def __init__(self, image, mask, points, axis=-1):
        self.flips, self.axis = (image, mask, points), axis
    def __len__(self):
        return 24
    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        x, y = (torch.randint(3, 12, (2,), generator=g)).tolist()
        mask = torch.zeros(24, 36)
        mask[y : y + 4, x : x + 6] = 1
        image = mask.expand(3, -1, -1) + 0.05 * torch.rand(3, 24, 36, generator=g)
        points = torch.tensor([[x, y], [x + 6, y], [x + 6, y + 4], [x, y + 4.0]])
        flip = bool(torch.rand(()) < 0.5)
        choose = lambda how: flip if how == "with" else bool(torch.rand(()) < 0.5) if how == "alone" else False
        if choose(self.flips[0]):
            image = image.flip(self.axis)
        if choose(self.flips[1]):
            mask = mask.flip(self.axis)
        if choose(self.flips[2]):
            column = 0 if self.axis == -1 else 1
            points[:, column] = (36, 24)[column] - points[:, column]
        return {"image": image, "mask": mask, "points": points, "label": i % 2}

def main(data):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 36, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for batch in DataLoader(data, batch_size=8):
        loss = nn.functional.cross_entropy(model(batch["image"]), batch["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

"""
PROGRAMS = {
    "together": ('main(Scenes("with", "with", "with"))', ("healthy", 0.0, "")),
    "top against bottom": ('main(Scenes("with", "with", "with", axis=-2))', ("healthy", 0.0, "")),
    "image alone": ('main(Scenes("with", "never", "never"))', ("unhealthy", 1.0, "mask")),
    "points left behind": ('main(Scenes("with", "with", "never"))', ("unhealthy", 1.0, "points")),
    "mask left behind, upright": ('main(Scenes("with", "never", "with", axis=-2))', ("unhealthy", 1.0, "mask")),
    "result thrown away": ('main(Scenes("never", "never", "with"))', ("unhealthy", 1.0, "points")),
    "never": ('main(Scenes("never", "never", "never"))', ("not seen", None, "")),
}


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    texts = {name: HEAD + text for name, (text, _) in PROGRAMS.items()}
    texts["draws of their own"] = HEAD + 'main(Scenes("alone", "alone", "alone"))'
    return run_programs(texts, tmp_path_factory.mktemp("views"), probes=["view-alignment"])


@needs_torch
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_mirrored_with_the_image(name: str, traces: dict[str, Trace]) -> None:
    assert not traces[name].events("probe_err")
    reading = ViewAlignment().conclude(traces[name], {"max": 0.2})
    status, share, field = PROGRAMS[name][1]
    assert (reading.status, reading.value) == (status, share)
    assert field in reading.why


@needs_torch
def test_separate_draws_disagree_in_part(traces: dict[str, Trace]) -> None:
    reading = ViewAlignment().conclude(traces["draws of their own"], {"max": 0.2})
    assert reading.status == "unhealthy"
    assert 0.2 < reading.value < 1.0


@needs_torch
@pytest.mark.parametrize("axis", [-1, -2])
def test_a_picture_that_fits_upside_down_too_is_mirrored_one_way_only(axis: int) -> None:
    import torch

    image = torch.zeros(3, 24, 36)
    image[:, 2:8, 2:10], image[:, 16:22, 26:34] = 1.0, 0.5
    points = torch.tensor([[2.0, 2.0], [10.0, 9.0], [26.0, 16.0], [34.0, 22.0]])
    column = 0 if axis == -1 else 1
    moved = points.clone()
    moved[:, column] = (36, 24)[column] - points[:, column]
    counts: dict[str, dict[str, object]] = {}
    _compare(torch, {"image": image, "points": points}, {"image": image.flip(axis), "points": moved}, counts)
    assert counts == {"points": {"field": "points", "mirrored": 1, "apart": 0}}
