"""Contrastive pre-training on synapse cubes."""
import random
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.amp import autocast, GradScaler
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader

from config import parse_config
from datasets import Augmenter, SynapseCubeDataset, make_bboxes
from losses import build_criterion
from models import SimCLR

warnings.filterwarnings("ignore", category=RuntimeWarning)


def seed_everything(seed):
    """Seed all generators in use."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def build_loader(cfg):
    """Loader of unaugmented cubes; the views are made on the device."""
    dataset = SynapseCubeDataset(make_bboxes(cfg.data, cfg.seed), cfg.data)
    return DataLoader(dataset, batch_size=cfg.optim.batch_size, shuffle=True, drop_last=True)


def build_model(cfg, device):
    """Model on its device, with synchronised statistics where several GPUs may take part."""
    model = SimCLR(cfg.model)
    if device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model.to(device)


def build_optimizer(model, cfg, steps_per_epoch):
    """AdamW with a cosine schedule over the whole training."""
    optimizer = AdamW(model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
    total_steps = cfg.epochs * steps_per_epoch
    scheduler = CosineAnnealingLR(optimizer, T_max=total_steps, eta_min=cfg.min_lr)
    return optimizer, scheduler


def optimizer_step(model, optimizer, scheduler, scaler, grad_clip):
    """Apply the accumulated gradient and move the learning rate on."""
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    scheduler.step()


def train_epoch(model, loader, augmenter, criterion, optimizer, scheduler, scaler, cfg, device):
    """One pass over the cubes.

    Returns:
        The mean loss of the epoch.
    """
    model.train()
    use_amp = scaler.is_enabled()
    accumulation = cfg.accumulation_steps
    running = 0.0
    for step, cubes in enumerate(loader):
        cubes = cubes.to(device)
        view1, view2 = augmenter(cubes), augmenter(cubes)
        with autocast(device_type=device.type, enabled=use_amp):
            z1, z2 = model(view1), model(view2)
        loss = criterion(z1.float(), z2.float())
        scaler.scale(loss / accumulation).backward()
        if (step + 1) % accumulation == 0 or step + 1 == len(loader):
            optimizer_step(model, optimizer, scheduler, scaler, cfg.grad_clip)
        running += loss.item()
    return running / len(loader)


def save_checkpoint(path, model, cfg, epoch):
    """Write weights and configuration."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": model.state_dict(), "config": cfg.to_dict(), "epoch": epoch}, path)


def main(argv=None):
    """Train and write ``last.pt``."""
    cfg = parse_config(argv)
    seed_everything(cfg.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    loader = build_loader(cfg)
    model = build_model(cfg, device)
    augmenter = Augmenter(cfg.augment)
    criterion = build_criterion(cfg.optim.loss, cfg.optim.temperature)
    optimizer, scheduler = build_optimizer(model, cfg.optim, len(loader))
    scaler = GradScaler(device.type, enabled=cfg.optim.amp and device.type == "cuda")

    for epoch in range(1, cfg.optim.epochs + 1):
        start = time.time()
        loss = train_epoch(
            model, loader, augmenter, criterion, optimizer, scheduler, scaler, cfg.optim, device
        )
        lr = optimizer.param_groups[0]["lr"]
        seconds = time.time() - start
        print(f"epoch {epoch}/{cfg.optim.epochs}  loss {loss:.4f}  lr {lr:.2e}  {seconds:.1f}s")
        save_checkpoint(Path(cfg.out) / "last.pt", model, cfg, epoch)


if __name__ == "__main__":
    main()
