"""Cases of ``no-grad-clip``: what must be found, and what must be left alone."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

FIXMATCH = """import torch
import torch.nn.functional as F


def train(model, labeled_loader, unlabeled_loader, epochs, threshold=0.95):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
{before}    for epoch in range(epochs):
        unlabeled_iter = iter(unlabeled_loader)
        for inputs_x, targets_x in labeled_loader:
            (inputs_w, inputs_s), _ = next(unlabeled_iter)
            logits = model(torch.cat([inputs_x, inputs_w, inputs_s]))
            logits_x, (logits_w, logits_s) = logits[: len(inputs_x)], logits[len(inputs_x) :].chunk(2)
            probabilities, pseudo = logits_w.detach().softmax(dim=-1).max(dim=-1)
            mask = probabilities.ge(threshold).float()
            loss = F.cross_entropy(logits_x, targets_x)
            loss = loss + (F.cross_entropy(logits_s, pseudo, reduction="none") * mask).mean()
            optimizer.zero_grad()
            loss.backward()
{clip}            optimizer.step()
"""
_ZIPPED = """import torch


class MeanTeacherTrainer:
    def __init__(self, student, teacher, cfg):
        self.student, self.teacher = student, teacher
        self.optimizer = torch.optim.Adam(student.parameters(), lr=0.01)

    def train_epoch(self, labeled, unlabeled):
        for (x, y), (u_weak, u_strong) in zip(labeled, unlabeled):
            with torch.no_grad():
                target = self.teacher(u_weak).softmax(dim=1)
            loss = torch.nn.functional.cross_entropy(self.student(x), y)
            loss += torch.nn.functional.mse_loss(self.student(u_strong).softmax(dim=1), target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
"""
TRANSFORMER = """import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, dim, heads, depth):
        super().__init__()
        layer = nn.TransformerEncoderLayer(dim, heads, batch_first=True{option})
        self.encoder = nn.TransformerEncoder(layer, depth)
        self.head = nn.Linear(dim, 10)

    def forward(self, x):
        return self.head(self.encoder(x).mean(dim=1))


def train(loader, epochs):
    model = Encoder(256, 8, 6)
    optimizer = torch.optim.{optimizer}(model.parameters(), lr=1e-3)
{schedule}    for _ in range(epochs):
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
{turn}"""
HALF = """import torch
from torch.cuda.amp import GradScaler, autocast


def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = GradScaler()
    for x, y in loader:
        with autocast():
            loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
"""
_PLAIN = """import torch


def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_HELPER = """import torch
from training.utils import apply_gradients


def train(model, labeled, unlabeled):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for (x, y), u in zip(labeled, unlabeled):
        loss = torch.nn.functional.cross_entropy(model(x), y) + consistency_loss(model, u)
        loss.backward()
        apply_gradients(model)
        optimizer.step()
        optimizer.zero_grad()
"""
_UTILS = """from torch.nn.utils import clip_grad_norm_


def apply_gradients(model, limit=5.0):
    clip_grad_norm_(model.parameters(), limit)
"""
_LIGHTNING = """import pytorch_lightning as pl
import torch


class SemiSupervised(pl.LightningModule):
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)

    def training_step(self, batch, batch_idx):
        labeled, unlabeled = batch
        return self.supervised(labeled) + self.consistency(unlabeled)
"""


def fixmatch(clip: str = "", before: str = "") -> str:
    """A FixMatch loop, with lines before the step and before the loop."""
    return FIXMATCH.format(clip=clip, before=before)


def transformer(option: str = "", optimizer: str = "Adam", schedule: str = "", turn: str = "") -> str:
    """A classifier of torch's own encoder layers, trained by hand."""
    return TRANSFORMER.format(option=option, optimizer=optimizer, schedule=schedule, turn=turn)


VALID = (
    Valid(
        fixmatch(clip="            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"),
        "the gradient is clipped",
    ),
    Valid(
        fixmatch(clip="            for p in model.parameters():\n                p.grad.data.clamp_(-1, 1)\n"),
        "clipped by hand",
    ),
    Valid(
        fixmatch(before="    scheduler = get_cosine_schedule_with_warmup(optimizer, 0, epochs)\n"),
        "a schedule with a warm-up",
    ),
    Valid({"training/train.py": _HELPER, "training/utils.py": _UTILS}, "clipped in a helper of another file"),
    Valid(
        {"train.py": fixmatch(), "configs/base.yaml": "optim:\n  max_grad_norm: 1.0\n"},
        "a configuration speaks of it: whoever reads it may clip",
    ),
    Valid(_PLAIN, "nothing asks for it: supervised, float32, no transformer"),
    Valid(_LIGHTNING, "the trainer of Lightning steps, and may clip"),
    Valid(fixmatch().replace("AdamW", "SGD"), "FixMatch's own optimizer does without: low confidence, which is hidden"),
    Valid(HALF, "float16 alone is common and mostly goes well: low confidence, which is hidden"),
)

INVALID = (
    Invalid(fixmatch(), at=[("train.py", 19)], confidence=Confidence.MEDIUM),
    Invalid(_ZIPPED, at=[("train.py", 17)], confidence=Confidence.MEDIUM),
    Invalid(
        {"train.py": fixmatch(), "configs/base.yaml": "optim:\n  lr: 0.03\n"},
        at=[("train.py", 19)],
        confidence=Confidence.MEDIUM,
    ),
    Invalid(
        fixmatch().replace("next(unlabeled_iter)", "unlabeled_iter.next()"),
        at=[("train.py", 19)],
        confidence=Confidence.MEDIUM,
        why="the old way to draw a batch",
    ),
    Invalid(transformer(), at=[("train.py", 24)], confidence=Confidence.LOW),
    Invalid(HALF, at=[("train.py", 13)], confidence=Confidence.LOW),
)
