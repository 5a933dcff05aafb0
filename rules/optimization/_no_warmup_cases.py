"""Cases of ``no-warmup``: what must be found, and what must be left alone."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid
from ._no_grad_clip_cases import HALF, fixmatch, transformer

_SEQ2SEQ = """import torch
import torch.nn as nn


class Translator(nn.Module):
    def __init__(self, vocabulary, dim=512):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, dim)
        self.transformer = nn.Transformer(d_model=dim, nhead=8, num_encoder_layers=6, num_decoder_layers=6)
        self.out = nn.Linear(dim, vocabulary)

    def forward(self, src, tgt):
        return self.out(self.transformer(self.embed(src), self.embed(tgt)))


class Trainer:
    def __init__(self, vocabulary):
        self.model = Translator(vocabulary).cuda()
        self.optim = torch.optim.AdamW(self.model.parameters(), lr=5e-4)
        self.criterion = nn.CrossEntropyLoss(ignore_index=0)

    def run(self, loader):
        for src, tgt in loader:
            self.optim.zero_grad()
            out = self.model(src, tgt[:-1])
            loss = self.criterion(out.flatten(0, 1), tgt[1:].flatten())
            loss.backward()
            self.optim.step()
"""
_ONE_CYCLE = "    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=epochs * len(loader))\n"
_LAMBDA = (
    "    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) ** -0.5, (s + 1) / 4000))\n"
)
_DECAY = "    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)\n"

VALID = (
    Valid(transformer(option=", norm_first=True"), "pre-norm trains without a warm-up"),
    Valid(transformer(schedule=_ONE_CYCLE, turn="            scheduler.step()\n"), "one cycle starts low"),
    Valid(transformer(schedule=_LAMBDA, turn="            scheduler.step()\n"), "a schedule of its own, with a rise"),
    Valid(
        transformer(schedule="    for g in optimizer.param_groups:\n        g['warmup'] = 500\n"), "a word of warm-up"
    ),
    Valid(transformer(optimizer="SGD"), "not under Adam: low confidence, which is hidden"),
    Valid(transformer().replace("lr=1e-3", "lr=5e-5"), "a low rate needs none"),
    Valid(transformer().replace("epochs):", "epochs, lr):").replace("lr=1e-3", "lr=lr"), "the rate is not known"),
    Valid(fixmatch(), "FixMatch itself has none: low confidence, which is hidden"),
    Valid(
        {"train.py": transformer(), "run.sh": "python train.py --warmup-epochs 5\n"},
        "a script speaks of it",
    ),
)

INVALID = (
    Invalid(transformer(), at=[("train.py", 24)], confidence=Confidence.MEDIUM),
    Invalid(transformer(optimizer="AdamW"), at=[("train.py", 24)], confidence=Confidence.MEDIUM),
    Invalid(transformer(option=", norm_first=False"), at=[("train.py", 24)], confidence=Confidence.MEDIUM),
    Invalid(
        transformer(schedule=_DECAY, turn="        scheduler.step()\n"),
        at=[("train.py", 25)],
        confidence=Confidence.MEDIUM,
        why="the schedule only falls",
    ),
    Invalid(_SEQ2SEQ, at=[("train.py", 28)], confidence=Confidence.MEDIUM),
    Invalid(HALF, at=[("train.py", 13)], confidence=Confidence.LOW),
)
