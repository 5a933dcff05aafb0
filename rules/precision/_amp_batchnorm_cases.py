"""Cases of ``amp-batchnorm``: what must be found, and what must be left alone."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_TRAIN = """import argparse

import torch
import torch.nn as nn
import torchvision
from torch.cuda.amp import GradScaler, autocast
from torch.utils.data import DataLoader


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default={size})
    parser.add_argument("--amp", action="store_true")
    args = parser.parse_args()

    model = torchvision.models.resnet50().cuda()
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    loader = DataLoader(dataset, batch_size={given}, shuffle=True, drop_last=True)
    scaler = GradScaler(enabled=args.amp)
    for images, target in loader:
        with {context}:
            loss = nn.functional.cross_entropy(model(images.cuda()), target.cuda())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
"""


def _train(size: str = "8", given: str = "args.batch_size", context: str = "autocast(enabled=args.amp)") -> str:
    return _TRAIN.format(size=size, given=given, context=context)


_NO_AUTOCAST = """import torch.nn as nn
from torch.utils.data import DataLoader


def train(model, dataset):
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for x, y in DataLoader(dataset, batch_size=4):
        nn.functional.cross_entropy(model(x), y).backward()
"""
_CONFIG = """import torch
import torchvision
import yaml
from torch import nn
from torch.cuda.amp import GradScaler
from torch.utils.data import DataLoader

with open("config.yaml") as f:
    config = yaml.safe_load(f)


def train(dataset):
    model = torchvision.models.video.r3d_18().cuda()
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    scaler = GradScaler()
    loader = DataLoader(dataset, batch_size=config["data"]["batch_size"])
    for x, y in loader:
        with torch.autocast("cuda"):
            loss = nn.functional.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
"""
_INSTANCE = """import torch
from torch import nn
from torch.cuda.amp import GradScaler, autocast
from torch.utils.data import DataLoader


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(1, 8, 3), nn.InstanceNorm3d(8), nn.ReLU())

    def forward(self, x):
        return self.body(x)


def train(dataset):
    net = nn.SyncBatchNorm.convert_sync_batchnorm(Net().cuda())
    scaler = GradScaler()
    for x, y in DataLoader(dataset, batch_size=2):
        with autocast():
            loss = nn.functional.mse_loss(net(x), y)
        scaler.scale(loss).backward()
"""
_HELPER = """import torch
from torch.cuda import amp
from data import create_dataloader

WORLD_SIZE = 8


def train(model, paths, batch_size=16, sync_bn=False):
    if sync_bn:
        model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model).to("cuda")
    loader = create_dataloader(paths, 640, batch_size // WORLD_SIZE, shuffle=True)
    val_loader = create_dataloader(paths, 640, batch_size // WORLD_SIZE * 2)
    scaler = amp.GradScaler()
    for imgs, targets in loader:
        with torch.cuda.amp.autocast():
            loss, items = compute_loss(model(imgs), targets)
        scaler.scale(loss).backward()
"""
_DATA = """from torch.utils.data import DataLoader


def create_dataloader(paths, imgsz, batch_size, shuffle=False):
    return DataLoader(Images(paths, imgsz), batch_size=batch_size, shuffle=shuffle)
"""

VALID = (
    Valid(_train(size="256"), "a large batch"),
    Valid(_train(context="torch.autocast('cuda', dtype=torch.bfloat16)"), "bfloat16 does not overflow"),
    Valid(_train(context="autocast(enabled=False)"), "autocast is off"),
    Valid(_train(given="len(dataset) // 100"), "a batch size that is computed is not known"),
    Valid(_NO_AUTOCAST, "float32 throughout"),
    Valid(_INSTANCE, "the conversion does nothing: there is no batch normalisation"),
    Valid({"train.py": _HELPER, "data.py": _DATA}, "the network is out of sight: low confidence, which is hidden"),
    Valid({"train.py": _CONFIG, "config.yaml": "data:\n  batch_size: 1024\n"}, "1024 in the configuration"),
)

INVALID = (
    Invalid(_train(), at=[("train.py", 17)], confidence=Confidence.MEDIUM),
    Invalid(_train(size="32"), at=[("train.py", 17)], confidence=Confidence.LOW, why="small, and often well"),
    Invalid(_train(given="4"), at=[("train.py", 17)], confidence=Confidence.MEDIUM),
    Invalid(
        {"train.py": _CONFIG, "config.yaml": "data:\n  batch_size: 6\n"},
        at=[("train.py", 14)],
        confidence=Confidence.MEDIUM,
    ),
    Invalid(
        {"train.py": _HELPER, "data.py": _DATA},
        at=[("train.py", 10)],
        confidence=Confidence.LOW,
        why="the network is out of sight",
    ),
    Invalid(_INSTANCE.replace("InstanceNorm3d", "BatchNorm3d"), at=[("train.py", 17)], confidence=Confidence.MEDIUM),
)
