"""Cases of ``val-autocast``: what must be found and mended, and what must be left alone."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_HEAD = """import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.cuda.amp import GradScaler, autocast


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        return self.fc(self.features(x))


"""
_VALIDATE = (
    _HEAD
    + """@torch.no_grad()
def validate(loader, device):
    model = Classifier(10).to(device).eval()
    criterion = nn.CrossEntropyLoss()
    total = 0.0
    for images, target in loader:
        images, target = images.to(device), target.to(device)
{body}
        total += loss.item() * len(target)
    return total / len(loader.dataset)
"""
)
_AFTER = """        with autocast():
            output = model(images)
        loss = criterion({output}, target)"""
_OPAQUE = """import torch


@torch.no_grad()
def validate(config, data_loader, model):
    criterion = torch.nn.CrossEntropyLoss()
    model.eval()
    for images, target in data_loader:
        images = images.cuda(non_blocking=True)
        target = target.cuda(non_blocking=True)

        # compute output
        with torch.cuda.amp.autocast(enabled=config.AMP_ENABLE):
            output = model(images)

        # measure accuracy and record loss
        loss = criterion({output}, target)
        acc1, acc5 = accuracy(output, target, topk=(1, 5))
    return loss
"""
_PASSED = """import argparse
from contextlib import suppress
from functools import partial

import torch
import torch.nn as nn
from models import create_model


def validate(model, loader, loss_fn, args, amp_autocast=suppress):
    model.eval()
    with torch.no_grad():
        for input, target in loader:
            with amp_autocast():
                output = model(input)
            if isinstance(output, (tuple, list)):
                output = output[0]
            loss = loss_fn({output}, target)
    return loss


def main(args):
    device = torch.device(args.device)
    model = create_model(args.model).to(device)
    amp_autocast = suppress
    if args.amp:
        amp_autocast = partial(torch.autocast, device_type=device.type, dtype=torch.float16)
    validate_loss_fn = nn.CrossEntropyLoss().to(device=device)
    return validate(model, loader, validate_loss_fn, args, amp_autocast=amp_autocast)
"""
_TRAIN = (
    _HEAD
    + """def train(loader, optimizer):
    model = Classifier(100).cuda()
    scaler = GradScaler()
    for images, target in loader:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device_type="cuda", dtype=torch.bfloat16):
            logits = model(images.cuda())
        loss = F.cross_entropy({logits}, target.cuda(), label_smoothing=0.1)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
"""
)
_CONSISTENCY = (
    _HEAD
    + """def step(batch, strong, weak):
    student, teacher = Classifier(10).cuda(), Classifier(10).cuda()
    with autocast():
        predicted = student(strong)
        with torch.no_grad():
            wanted = teacher(weak)
    return F.mse_loss({pair})
"""
)
_METHOD = (
    _HEAD
    + """class Trainer:
    def __init__(self, classes):
        self.model = Classifier(classes)
        self.criterion = nn.CrossEntropyLoss(reduction="sum")

    def evaluate(self, loader):
        losses = []
        for batch in loader:
            with torch.no_grad(), autocast(enabled=True):
                scores = self.model(batch["image"])
            losses.append(self.criterion({scores}, batch["label"]))
        return torch.stack(losses).mean()
"""
)
_LOSS = """import math

import torch
from torch import nn


class Pointer(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 2)
        self.head = nn.Linear(64, 1)

    def forward(self, x):
        angle = torch.tanh(self.fc(x)) * math.pi
        return {"angle": angle, "power": self.head(x)}


class PointingLoss(nn.Module):
    def forward(self, preds, batch):
        return {"angle": self.angle_term(preds, batch), "power": self.power_term(preds, batch)}

    def angle_term(self, preds, batch):
        error = preds["angle"] - batch["angle"].to(preds["angle"].dtype)
        return (1.0 - torch.cos(error)).mean()

    def power_term(self, preds, batch):
        return nn.functional.mse_loss(preds["power"], batch["power"])


"""
_INSIDE = (
    _LOSS
    + """@torch.no_grad()
def validate(loader, device):
    model, criterion = Pointer().to(device), PointingLoss()
    total = 0.0
    for batch in loader:
        with torch.autocast(device_type=device.type):
            preds = model(batch["x"])
            losses = criterion(preds, batch)
        total += losses["angle"].item() + losses["power"].item()
    return total
"""
)
_INSIDE_FIXED = _INSIDE.replace(
    "            losses = criterion(preds, batch)\n",
    "        losses = criterion({name: value.float() for name, value in preds.items()}, batch)\n",
)
_IN_THE_MIDDLE = (
    _LOSS
    + """def train(loader, optimizer, scaler, device):
    model, criterion = Pointer().to(device), PointingLoss()
    for batch in loader:
        with torch.autocast(device_type=device.type, dtype=torch.float16):
            preds = model(batch["x"])
            losses = criterion(preds, batch)
            loss = losses["angle"] + losses["power"]
        scaler.scale(loss).backward()
        scaler.step(optimizer)
"""
)
_IN_THE_MIDDLE_FIXED = _IN_THE_MIDDLE.replace(
    "            losses = criterion(preds, batch)\n",
    "            with torch.autocast(device_type=device.type, enabled=False):\n"
    "                losses = criterion({name: value.float() for name, value in preds.items()}, batch)\n",
)
_HINGE = (
    _HEAD
    + """def hinge_loss(real, fake):
    return torch.relu(1.0 - real).mean() + torch.relu(1.0 + fake).mean()


def discriminate(images, fakes):
    net = Classifier(1).cuda()
    with torch.cuda.amp.autocast():
        real, fake = net(images), net(fakes)
        loss = hinge_loss({real}, {fake})
    return loss
"""
)

VALID = (
    Valid(
        _VALIDATE.format(
            body="        with autocast():\n            output = model(images)\n            loss = criterion(output, target)"
        ),
        "cross entropy inside of autocast runs in float32",
    ),
    Valid(_VALIDATE.format(body=_AFTER.format(output="output.float()")), "the logits are made float32"),
    Valid(
        _VALIDATE.format(body=_AFTER.format(output="output").replace("autocast()", "autocast(enabled=False)")),
        "autocast is switched off",
    ),
    Valid(
        _VALIDATE.format(
            body="        with torch.no_grad():\n            output = model(images)\n        loss = criterion(output, target)"
        ),
        "no mixed precision at all",
    ),
    Valid(
        _VALIDATE.format(
            body="""        with autocast():
            output = model(images)
        output = output.to(torch.float32)
        loss = F.nll_loss(F.log_softmax(output, dim=1), target)"""
        ),
        "made float32 by a line of its own",
    ),
    Valid(
        """import torch.nn.functional as F
from torch.cuda.amp import autocast


class Head:
    def __call__(self, embeddings, labels):
        with autocast(self.fp16):
            logits = F.linear(embeddings, self.weight)
        if self.fp16:
            logits = logits.float()
        logits = logits.clamp(-1, 1)
        return F.cross_entropy(logits, labels)
""",
        "made float32 under the switch that autocast hangs on",
    ),
    Valid(
        _CONSISTENCY.format(pair="predicted, torch.zeros(8, 10)"), "a target in float32 raises the squared error to it"
    ),
    Valid(
        _HEAD
        + """class Seg(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        return self.norm(self.body(x).flatten(2).transpose(1, 2))


def step(x, target):
    net = Seg().cuda()
    with autocast():
        out = net(x)
    return F.cross_entropy(out, target)
""",
        "a LayerNorm is the last layer, and its result is float32",
    ),
    Valid(
        """import torch.nn.functional as F
from accelerate import Accelerator

accelerator = Accelerator(mixed_precision="fp16")


def step(model, batch):
    with accelerator.autocast():
        logits = model(batch["input"])
    loss = F.cross_entropy(logits, batch["label"])
    accelerator.backward(loss)
""",
        "a prepared model of accelerate gives its outputs in float32",
    ),
    Valid(
        _HEAD
        + """def contrastive_loss(a, b, temperature=0.1):
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    logits = a @ b.t() / temperature
    return F.cross_entropy(logits, torch.arange(len(a), device=a.device))


def step(x1, x2):
    net = Classifier(128).cuda()
    with autocast():
        loss = contrastive_loss(net(x1), net(x2))
    return loss
""",
        "written by hand, but the cross entropy in it is autocast's",
    ),
    Valid(
        _HEAD
        + """def dice_loss(logits, target):
    p = logits.sigmoid()
    inter = (p * target).sum()
    return 1 - 2 * inter / (p.sum() + target.sum() + 1.0)


def step(x, target):
    net = Classifier(2).cuda()
    with autocast():
        loss = dice_loss(net(x), target)
    return loss
""",
        "autocast sums in float32",
    ),
    Valid(
        _HEAD
        + """@torch.no_grad()
def predict(loader):
    net = Classifier(10).cuda().eval()
    found = []
    for images in loader:
        with autocast():
            scores = net(images)
        found.append(scores.softmax(dim=1).argmax(dim=1))
    return torch.cat(found)
""",
        "inference: no loss is computed",
    ),
    Valid(
        _CONSISTENCY.format(pair="predicted, target=torch.ones(8, 10).cuda()"),
        "a target in float32 makes the loss float32, by whatever name it is given",
    ),
    Valid(_INSIDE_FIXED, "the loss is computed outside of autocast, on inputs in float32"),
)

INVALID = (
    Invalid(
        """import torch.nn.functional as F
from torch.cuda.amp import autocast


class Head:
    def __call__(self, embeddings, labels):
        with autocast(self.fp16):
            logits = F.linear(embeddings, self.weight)
        if self.debug:
            logits = logits.float()
        return F.cross_entropy(logits, labels)
""",
        [("train.py", 11)],
        None,
        Confidence.MEDIUM,
        "made float32 under another switch",
    ),
    Invalid(
        _VALIDATE.format(body=_AFTER.format(output="output")),
        at=[("train.py", 26)],
        fixed=_VALIDATE.format(body=_AFTER.format(output="output.float()")),
    ),
    Invalid(
        _OPAQUE.format(output="output"),
        at=[("train.py", 17)],
        fixed=_OPAQUE.format(output="output.float()"),
        confidence=Confidence.MEDIUM,
        why="the network is out of sight; nearly every classifier ends with a linear layer",
    ),
    Invalid(
        {
            "train.py": _PASSED.format(output="output"),
            "models.py": "def create_model(name):\n    return REGISTRY[name]()\n",
        },
        at=[("train.py", 18)],
        fixed={
            "train.py": _PASSED.format(output="output.float()"),
            "models.py": "def create_model(name):\n    return REGISTRY[name]()\n",
        },
        confidence=Confidence.MEDIUM,
        why="the autocast is a partial that is passed in",
    ),
    Invalid(
        _TRAIN.format(logits="logits"),
        at=[("train.py", 24)],
        fixed=_TRAIN.format(logits="logits.float()"),
        why="in training, and in bfloat16",
    ),
    Invalid(
        _TRAIN.format(logits="target=target.cuda(), input=logits").replace(", target.cuda(),", ","),
        at=[("train.py", 24)],
        fixed=_TRAIN.format(logits="target=target.cuda(), input=logits.float()").replace(", target.cuda(),", ","),
        why="by name, in another order",
    ),
    Invalid(
        _CONSISTENCY.format(pair="predicted.softmax(dim=1), wanted.softmax(dim=1)"),
        at=[("train.py", 23)],
        fixed=_CONSISTENCY.format(pair="predicted.softmax(dim=1).float(), wanted.softmax(dim=1).float()"),
        why="neither side is float32: softmax outside of autocast keeps its argument's type",
    ),
    Invalid(
        _METHOD.format(scores="scores"),
        at=[("train.py", 27)],
        fixed=_METHOD.format(scores="scores.float()"),
    ),
    Invalid(
        _INSIDE,
        at=[("train.py", 37)],
        fixed=_INSIDE_FIXED,
        confidence=Confidence.MEDIUM,
        why="written by hand: the target is rounded to half precision, and 1 - cos of a small angle is 0",
    ),
    Invalid(
        _IN_THE_MIDDLE,
        at=[("train.py", 35)],
        fixed=_IN_THE_MIDDLE_FIXED,
        confidence=Confidence.MEDIUM,
        why="not the last statement of the block: it gets a block of its own",
    ),
    Invalid(
        _HINGE.format(real="real", fake="fake"),
        at=[("train.py", 25)],
        fixed=_HINGE.format(real="real", fake="fake").replace(
            "        loss = hinge_loss(real, fake)\n", "    loss = hinge_loss(real.float(), fake.float())\n"
        ),
        confidence=Confidence.MEDIUM,
    ),
)
