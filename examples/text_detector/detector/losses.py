"""The loss: probability, threshold and binary map."""

import torch
import torch.nn.functional as F
from torch import nn

from .config import LossConfig


class DBLoss(nn.Module):
    """Returns every term by name, and their weighted sum as `loss`."""

    def __init__(self, cfg: LossConfig):
        super().__init__()
        self.cfg = cfg

    def forward(self, preds: dict[str, torch.Tensor], batch: dict) -> dict[str, torch.Tensor]:
        prob = balanced_bce(preds["prob_logits"], batch["prob"], self.cfg.negative_ratio)
        thresh = masked_l1(preds["thresh"], batch["thresh"], batch["near"])
        binary = dice(preds["binary"], batch["prob"])
        total = self.cfg.prob * prob + self.cfg.thresh * thresh + self.cfg.binary * binary
        return {"loss": total, "prob": prob, "thresh": thresh, "binary": binary}


def balanced_bce(logits: torch.Tensor, target: torch.Tensor, negative_ratio: float) -> torch.Tensor:
    """Cross entropy over all text pixels and the hardest others, `negative_ratio` for each text pixel."""
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    text = target > 0.5
    count = int(text.sum())
    others = losses[~text]
    keep = min(max(int(count * negative_ratio), 64), others.numel())
    hardest = others.topk(keep).values
    return (losses[text].sum() + hardest.sum()) / (count + keep)


def masked_l1(pred: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return ((pred - target).abs() * mask).sum() / mask.sum().clamp(min=1.0)


def dice(pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    overlap = (pred * target).sum(dim=(1, 2))
    sizes = pred.sum(dim=(1, 2)) + target.sum(dim=(1, 2))
    return (1.0 - (2.0 * overlap + 1.0) / (sizes + 1.0)).mean()
