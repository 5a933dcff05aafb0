"""Train the direction finder: `python train.py --epochs 30`."""

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from doa.config import ArrayConfig, DataConfig, FieldOfView, LossConfig, TrainConfig
from doa.dataset import SnapshotDataset
from doa.evaluate import validate
from doa.losses import DoaLoss
from doa.model import CovarianceNet


class Trainer:
    """Holds the model, the criterion and the optimizer over the epochs."""

    def __init__(self, model: CovarianceNet, criterion: DoaLoss, cfg: TrainConfig, device: torch.device):
        self.model = model.to(device)
        self.criterion = criterion.to(device)
        self.cfg = cfg
        self.device = device
        self.opt = torch.optim.AdamW(model.param_groups(cfg), weight_decay=cfg.weight_decay)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.opt, T_max=cfg.epochs)

    def train_epoch(self, loader: Iterable[dict[str, torch.Tensor]]) -> dict[str, float]:
        """One pass over the training set; returns the mean of every loss term."""
        self.model.train()
        sums: dict[str, float] = {}
        batches = 0
        for batch in loader:
            batch = {name: value.to(self.device) for name, value in batch.items()}
            losses = self.criterion(self.model(batch["cov"]), batch)
            self.opt.zero_grad()
            losses["total"].backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.cfg.grad_clip)
            self.opt.step()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.item()
            batches += 1
        self.schedule.step()
        return {name: value / batches for name, value in sums.items()}

    def fit(self, train_loader: DataLoader, val_loader: DataLoader) -> None:
        weights = self.criterion.cfg.weights
        for epoch in range(1, self.cfg.epochs + 1):
            losses = self.train_epoch(train_loader)
            val = validate(self.model, self.criterion, val_loader, self.device)
            print(
                f"epoch {epoch:03d}/{self.cfg.epochs:03d}  train {losses['total']:.6f}  val {val['val_loss']:.6f}"
                f"  rmse {val['rmse']:.2f} deg  music {val['music']:.2f} deg",
                flush=True,
            )
            for name, weight in weights.items():
                print(f"  {name:<10} {losses[name]:.6f} @ {weight}", flush=True)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Learned direction finding")
    parser.add_argument("--epochs", type=int, default=TrainConfig.epochs)
    parser.add_argument("--batch-size", type=int, default=TrainConfig.batch_size)
    parser.add_argument("--items", type=int, default=DataConfig.train_items)
    parser.add_argument("--fov", type=float, default=FieldOfView.azimuth, help="half width in azimuth, degrees")
    parser.add_argument("--lr-backbone", type=float, default=TrainConfig.lr_backbone)
    parser.add_argument("--lr-head", type=float, default=TrainConfig.lr_head)
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    array = ArrayConfig()
    fov = FieldOfView(azimuth=args.fov)
    data_cfg = DataConfig(train_items=args.items, seed=args.seed)
    cfg = TrainConfig(
        epochs=args.epochs,
        batch_size=args.batch_size,
        lr_backbone=args.lr_backbone,
        lr_head=args.lr_head,
        seed=args.seed,
    )
    torch.manual_seed(cfg.seed)

    train_set = SnapshotDataset(array, fov, data_cfg, "train")
    val_set = SnapshotDataset(array, fov, data_cfg, "val")
    train_loader = DataLoader(train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True)
    val_loader = DataLoader(val_set, batch_size=cfg.batch_size)

    model = CovarianceNet(array, fov, data_cfg.num_sources)
    trainer = Trainer(model, DoaLoss(array, LossConfig()), cfg, torch.device(args.device))
    trainer.fit(train_loader, val_loader)

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), args.out / "doa.pt")


if __name__ == "__main__":
    main()
