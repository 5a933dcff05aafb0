"""The task that the programs beside this file share: six classes of noisy vectors, a net with batch norm and dropout."""

import torch
from torch import nn
from torch.utils.data import Dataset

ITEMS, FEATURES, CLASSES = 96, 16, 6


class Vectors(Dataset):
    """Items get their noise when they are asked for, so that the workers' random numbers count."""

    def __init__(self, items=ITEMS):
        g = torch.Generator().manual_seed(3)
        self.centres = torch.randn(CLASSES, FEATURES, generator=g)
        self.labels = torch.randint(0, CLASSES, (items,), generator=g)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.centres[self.labels[index]] + 0.5 * torch.randn(FEATURES), self.labels[index]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(FEATURES, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(32, CLASSES)

    def forward(self, x):
        return self.head(self.body(x))


def report(step, loss):
    """Every digit, so that two runs can be compared bit by bit."""
    print(f"step {step} loss {float(loss)!r}", flush=True)
