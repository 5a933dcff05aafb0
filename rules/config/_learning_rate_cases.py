"""Cases of the rule ``learning-rate``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_NET = """\
import torch.nn as nn


class ConvBlock(nn.Sequential):
    def __init__(self, c_in, c_out):
        super().__init__(nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU())


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(ConvBlock(3, 32), ConvBlock(32, 64))
        self.head = nn.Linear(64, classes)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))
"""
_LOOP = """\
for images, labels in loader:
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_HEAD = """\
import torch
import torch.nn.functional as F

from data import loader
from net import Net

model = Net(10)
"""


def _plain(optimizer: str, head: str = _HEAD, loop: str = _LOOP) -> dict[str, str]:
    return {"net.py": _NET, "train.py": f"{head}optimizer = {optimizer}\n{loop}"}


_OPTIONS = """\
import argparse

import torch
import torch.nn.functional as F

from data import loader
from net import Net

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.05, help="learning rate")
parser.add_argument("--optimizer", default="{chosen}")
args = parser.parse_args()

model = Net(10)
"""
_TRAINER = """\
import torch

from net import Net


class Trainer:
    def __init__(self, cfg):
        self.model = Net(cfg["classes"])
        self.optimizer = torch.optim.AdamW(
            filter(lambda p: p.requires_grad, self.model.parameters()),
            lr=cfg["optim"]["lr"],
            weight_decay=cfg["optim"]["weight_decay"],
        )
"""
_MAIN = """\
import yaml

from trainer import Trainer

with open("config.yaml") as f:
    cfg = yaml.safe_load(f)
trainer = Trainer(cfg)
"""
_CONFIG = """\
classes: 4
optim:
  lr: {rate}   # FixMatch
  weight_decay: 0.0005
"""
_CHOICE = """\
if args.optimizer == "sgd":
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
else:
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
"""
_WARM = """\
import math

import torch
import torch.nn.functional as F

from data import loader
from net import Net

model = Net(10)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
warmup_steps = 1000
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup_steps))
"""
_SET = """\
import torch
import torch.nn.functional as F

from data import loader
from net import Net

model = Net(10)
optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
for step, (images, labels) in enumerate(loader):
    for group in optimizer.param_groups:
        group["lr"] = 1e-3 * 0.99**step
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
"""
_LATENT = """\
import torch
import torch.nn.functional as F

from net import Net

model = Net(10)
image = torch.rand(1, 3, 64, 64, requires_grad=True)
optimizer = torch.optim.Adam([image], lr=0.1)
for step in range(300):
    optimizer.zero_grad()
    (-model(image)[0, 3]).backward()
    optimizer.step()
"""
_POLICY = """\
import torch
import torch.nn as nn


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(4, 128)
        self.action_head = nn.Linear(128, 2)
        self.value_head = nn.Linear(128, 1)

    def forward(self, x):
        x = torch.relu(self.affine(x))
        return self.action_head(x).softmax(-1), self.value_head(x)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-2)
"""
VALID = [
    Valid(_plain("torch.optim.Adam(model.parameters(), lr=1e-3)"), "Adam's default"),
    Valid(_plain("torch.optim.AdamW(model.parameters(), lr=0.01)"), "high, and yet in use"),
    Valid(_plain("torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)"), "what SGD is used with"),
    Valid(_plain("torch.optim.SGD(model.head.parameters(), lr=30.0)"), "a probe on frozen features"),
    Valid(
        {"net.py": _NET, "train.py": _OPTIONS.format(chosen="sgd") + _CHOICE + _LOOP},
        "the default is meant for SGD",
    ),
    Valid({"net.py": _NET, "train.py": _WARM + _LOOP}, "there is a warm-up"),
    Valid({"net.py": _NET, "train.py": _SET}, "the program sets the rate itself"),
    Valid({"net.py": _NET, "dream.py": _LATENT}, "an image is trained, and no network"),
    Valid(_POLICY, "two layers of a policy"),
    Valid(_plain("torch.optim.Adam(model.parameters(), lr=0.1 * loader.batch_size / 4096)"), "it is computed"),
]
INVALID = [
    Invalid(
        _plain("torch.optim.Adam(model.parameters(), lr=0.1)"),
        at=[("train.py", 8)],
        fixed=_plain("torch.optim.Adam(model.parameters(), lr=0.001)"),
    ),
    Invalid(
        {"net.py": _NET, "trainer.py": _TRAINER, "main.py": _MAIN, "config.yaml": _CONFIG.format(rate="0.03")},
        at=[("config.yaml", 3)],
        fixed={"net.py": _NET, "trainer.py": _TRAINER, "main.py": _MAIN, "config.yaml": _CONFIG.format(rate="0.001")},
        confidence=Confidence.MEDIUM,
    ),
    Invalid(
        {
            "net.py": _NET,
            "train.py": _OPTIONS.format(chosen="adam")
            + "optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)\n"
            + _LOOP,
        },
        at=[("train.py", 10)],
        confidence=Confidence.MEDIUM,
    ),
    Invalid(
        {
            "train.py": "import torch\nimport torchvision\n\nLR = 0.5\nmodel = torchvision.models.resnet18(num_classes=4)\n"
            "optimizer = torch.optim.AdamW(model.parameters(), lr=LR)\n"
        },
        at=[("train.py", 4)],
        fixed={
            "train.py": "import torch\nimport torchvision\n\nLR = 0.001\n"
            "model = torchvision.models.resnet18(num_classes=4)\n"
            "optimizer = torch.optim.AdamW(model.parameters(), lr=LR)\n"
        },
    ),
    Invalid(
        _plain("torch.optim.RAdam((p for p in model.parameters() if p.requires_grad), 0.2)"),
        at=[("train.py", 8)],
        fixed=_plain("torch.optim.RAdam((p for p in model.parameters() if p.requires_grad), 0.001)"),
    ),
    Invalid(
        _plain("torch.optim.SGD(model.parameters(), lr=10.0, momentum=0.9)"),
        at=[("train.py", 8)],
        fixed=_plain("torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)"),
        confidence=Confidence.LOW,
    ),
]
