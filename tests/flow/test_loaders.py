"""A loop over a DataLoader gives what the dataset's ``__getitem__`` returns, and an instance's call enters ``forward``."""

import ast
from pathlib import Path

import pytest
from mlfix.analyzer.flow.angles.units import Angles, Unit
from mlfix.rules.loss.double_deg2rad import DoubleDeg2Rad

from ..rules.harness import project_of

DATA = """\
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset


class Rays(Dataset):
    def __init__(self, rays):
        self.rays = rays

    def __len__(self):
        return len(self.rays)

    def __getitem__(self, index):
        x, y = self.rays[index]
        item = {"ray": self.rays[index]}
        item["angle"] = np.arctan2(y, x)
        return item


class Pairs(Dataset):
    def __init__(self, degrees):
        self.degrees = degrees

    def __len__(self):
        return len(self.degrees)

    def __getitem__(self, index):
        return self.degrees[index], torch.deg2rad(self.degrees[index])


def loaders(rays):
    train, val = Rays(rays), Subset(Rays(rays), range(3))
    return DataLoader(train, batch_size=2), DataLoader(val)
"""

LOOPS = {
    "dict items": "for batch in loaders(r)[0]:\n    use(batch['angle'])",
    "unpacked loaders": "a, b = loaders(r)\nfor batch in b:\n    use(batch['angle'])",
    "moved to a device": "a, b = loaders(r)\nfor batch in a:\n"
    "    batch = {k: v.cuda() for k, v in batch.items()}\n    use(batch['angle'])",
    "tuple items": "for degrees, angle in DataLoader(Pairs(d)):\n    use(angle)",
    "enumerated": "for step, (degrees, angle) in enumerate(DataLoader(Pairs(d))):\n    use(angle)",
    "unpacked later": "for batch in DataLoader(Pairs(d)):\n    degrees, angle = batch\n    use(angle)",
    "tensor dataset": "for x, angle in DataLoader(TensorDataset(x, torch.deg2rad(y))):\n    use(angle)",
    "zipped": "for one, two in zip(x, [torch.deg2rad(y)]):\n    use(two)",
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_yields_items(loop: str, tmp_path: Path) -> None:
    source = f"from data import *\nfrom data import DataLoader, Pairs, TensorDataset, loaders, torch\n\n{loop}\n"
    assert _units(tmp_path, {"data.py": DATA, "train.py": source}) == {Unit.RADIANS}


def test_the_other_part_of_an_item_stays_unknown(tmp_path: Path) -> None:
    source = "from data import DataLoader, Pairs\n\nfor degrees, angle in DataLoader(Pairs(d)):\n    use(degrees)\n"
    assert _units(tmp_path, {"data.py": DATA, "train.py": source}) == {Unit.UNKNOWN}


def test_a_project_collate_function_hides_the_items(tmp_path: Path) -> None:
    source = "from data import DataLoader, Pairs\n\nfor a, b in DataLoader(Pairs(d), collate_fn=mix):\n    use(b)\n"
    assert _units(tmp_path, {"data.py": DATA, "train.py": source}) == {Unit.UNKNOWN}


def test_a_call_of_an_instance_enters_forward(tmp_path: Path) -> None:
    source = """\
import torch


class Loss(torch.nn.Module):
    def forward(self, angle):
        return use(angle)


class Trainer:
    def __init__(self, criterion):
        self.criterion = criterion.cuda()

    def step(self, y):
        return self.criterion(torch.deg2rad(y))


Trainer(Loss()).step(1)
"""
    assert _units(tmp_path, {"train.py": source}) == {Unit.RADIANS}


def _units(root: Path, files: dict[str, str]) -> set[Unit]:
    project = project_of(root, files, DoubleDeg2Rad())
    module = project.module("train.py")
    call = next(c for c in module.calls() if isinstance(c.func, ast.Name) and c.func.id == "use")
    return {k.what.unit for k in Angles(project.flow).unit(project.flow.operand(module, call.args[0]))}
