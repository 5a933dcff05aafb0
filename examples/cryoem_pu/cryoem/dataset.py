"""Labeled, unlabeled and validation patches."""

import csv
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .augment import strong, weak
from .preprocessing import PatchNormalizer
from .synthetic import render_patch

TRAIN_MICROGRAPHS = 24
VAL_MICROGRAPHS = range(100, 106)
PARTICLE_RATE = 0.2


def read_labels(path: str | Path) -> list[tuple[int, int, int]]:
    """Rows (patch, micrograph, label) of the labels file."""
    with open(path, newline="") as file:
        return [(int(row["patch"]), int(row["micrograph"]), int(row["label"])) for row in csv.DictReader(file)]


def _render(rows: list[tuple[int, int, int]], size: int) -> np.ndarray:
    return np.stack([render_patch(label, micrograph, patch, size) for patch, micrograph, label in rows])


class LabeledPatches(Dataset):
    """Items (patch, label); augmented weakly in training."""

    def __init__(self, rows: list[tuple[int, int, int]], size: int, train: bool):
        raw = _render(rows, size)
        self.normalizer = PatchNormalizer().fit(raw)
        self.patches = torch.from_numpy(self.normalizer.transform(raw))[:, None]
        self.labels = torch.tensor([label for _, _, label in rows])
        self.train = train

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        patch = self.patches[index]
        return (weak(patch) if self.train else patch), self.labels[index]


class UnlabeledPatches(Dataset):
    """Items (weak view, strong view)."""

    def __init__(self, rows: list[tuple[int, int, int]], size: int):
        raw = _render(rows, size)
        self.normalizer = PatchNormalizer().fit(raw)
        self.patches = torch.from_numpy(self.normalizer.transform(raw))[:, None]

    def __len__(self) -> int:
        return len(self.patches)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return weak(self.patches[index]), strong(self.patches[index])


def simulated_rows(count: int, micrographs: range, seed: int, first: int) -> list[tuple[int, int, int]]:
    """Rows of patches that are in no labels file."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(count) < PARTICLE_RATE).astype(int)
    places = rng.integers(micrographs.start, micrographs.stop, count)
    return [(first + i, int(places[i]), int(labels[i])) for i in range(count)]


def build_loaders(cfg: dict) -> tuple[DataLoader, DataLoader, DataLoader]:
    """Loaders of the labeled, the unlabeled and the validation patches."""
    data = cfg["data"]
    size, seed = data["patch_size"], cfg["seed"]
    labeled = LabeledPatches(read_labels(data["labels"]), size, train=True)
    unlabeled = UnlabeledPatches(simulated_rows(data["unlabeled"], range(TRAIN_MICROGRAPHS), seed, 10_000), size)
    val = LabeledPatches(simulated_rows(data["val"], VAL_MICROGRAPHS, seed + 1, 20_000), size, train=False)
    workers = data["num_workers"]
    return (
        DataLoader(labeled, batch_size=data["batch_size"], shuffle=True, drop_last=True, num_workers=workers),
        DataLoader(
            unlabeled,
            batch_size=data["batch_size"] * data["mu"],
            shuffle=True,
            drop_last=True,
            num_workers=workers,
        ),
        DataLoader(val, batch_size=200, num_workers=workers),
    )
