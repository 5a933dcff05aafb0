"""Cases of missing-diagonal-mask."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

VALID = (Valid("x = 1\n", "nothing here"),)
INVALID = (
    Invalid(
        """\
import torch
import torch.nn.functional as F


def loss(z, labels):
    z = F.normalize(z, dim=1)
    logits = z @ z.t() / 0.1
    return F.cross_entropy(logits, torch.arange(len(z)).roll(4))
""",
        [("train.py", 8)],
        """\
import torch
import torch.nn.functional as F


def loss(z, labels):
    z = F.normalize(z, dim=1)
    logits = z @ z.t() / 0.1
    self_pairs = torch.eye(logits.size(-1), dtype=torch.bool, device=logits.device)
    return F.cross_entropy(logits.masked_fill(self_pairs, float("-inf")), torch.arange(len(z)).roll(4))
""",
    ),
)
