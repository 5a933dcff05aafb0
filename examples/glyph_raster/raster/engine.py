"""One epoch of training, and the learning-rate schedule."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from .config import TrainConfig
from .losses import supervised_contrastive
from .model import GlyphNet


def build_schedule(
    optimizer: torch.optim.Optimizer, total_steps: int, warmup_frac: float
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up and cosine decay over `total_steps` optimizer steps."""
    warmup = max(1, round(total_steps * warmup_frac))

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, total_steps - warmup)
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def compute_loss(
    model: GlyphNet, out: dict[str, torch.Tensor], labels: torch.Tensor, cfg: TrainConfig
) -> dict[str, torch.Tensor]:
    """Cross entropy, plus the contrastive term where it is asked for."""
    ce = nn.functional.cross_entropy(out["logits"], labels, label_smoothing=cfg.label_smoothing)
    losses = {"ce": ce, "loss": ce}
    if cfg.supcon_weight > 0:
        supcon = supervised_contrastive(model.last_features, labels, cfg.supcon_temperature)
        losses["supcon"] = supcon
        losses["loss"] = ce + cfg.supcon_weight * supcon
    return losses


def train_one_epoch(
    model: GlyphNet,
    loader: Iterable[dict],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    cfg: TrainConfig,
    device: torch.device,
) -> dict[str, float]:
    """Train on every batch once; return the means of the losses, accuracy and gradient norm."""
    model.train()
    sums: dict[str, float] = {}
    seen = 0
    for batch in loader:
        images = batch["image"].to(device)
        labels = batch["label"].to(device)
        out = model(images)
        losses = compute_loss(model, out, labels, cfg)

        optimizer.zero_grad()
        losses["loss"].backward()
        grad_norm = nn.utils.clip_grad_norm_(model.parameters(), cfg.grad_clip)
        optimizer.step()
        schedule.step()

        values = {name: value.item() for name, value in losses.items()}
        values["acc"] = (out["logits"].argmax(dim=1) == labels).float().mean().item()
        values["grad_norm"] = grad_norm.item()
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value * len(labels)
        seen += len(labels)
    return {name: value / seen for name, value in sums.items()}
