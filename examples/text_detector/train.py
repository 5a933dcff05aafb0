"""Train the text detector: `python train.py --epochs 10`."""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from detector.config import Config, load_config, save_config
from detector.dataset import TextLines, collate
from detector.evaluate import evaluate
from detector.losses import DBLoss
from detector.model import DBNet


class Trainer:
    """Holds the model, the criterion and the optimizer over the epochs."""

    def __init__(self, cfg: Config, device: torch.device):
        self.cfg = cfg
        self.device = device
        self.model = DBNet(cfg.model).to(device)
        self.criterion = DBLoss(cfg.loss)
        self.opt = torch.optim.AdamW(self.model.parameters(), lr=cfg.train.lr, weight_decay=cfg.train.weight_decay)
        self.step = 0

    def train_epoch(self, loader: DataLoader) -> dict[str, float]:
        """One pass over the training pages; returns the mean of every loss term."""
        self.model.train()
        sums: dict[str, float] = {}
        batches = 0
        for batch in loader:
            if self.step >= self.cfg.train.max_steps:
                break
            tensors = {name: value.to(self.device) for name, value in batch.items() if torch.is_tensor(value)}
            losses = self.criterion(self.model(tensors["image"]), tensors)
            self.opt.zero_grad()
            losses["loss"].backward()
            self.opt.step()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.item()
            batches += 1
            self.step += 1
        return {name: value / batches for name, value in sums.items()}

    def fit(self, train_loader: DataLoader, val_loader: DataLoader) -> None:
        for epoch in range(1, self.cfg.train.epochs + 1):
            metrics = self.train_epoch(train_loader)
            metrics |= evaluate(self.model, val_loader, self.cfg.decode, self.cfg.data.stride, self.device)
            report = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            print(f"epoch {epoch}/{self.cfg.train.epochs}  {report}", flush=True)
            if self.step >= self.cfg.train.max_steps:
                break


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Text lines as quads, by differentiable binarisation")
    parser.add_argument("--config", type=Path, default=Path("configs/base.yaml"))
    parser.add_argument("--data", default="default", help="a file in configs/data, without .yaml")
    parser.add_argument("--epochs", type=int, help="instead of the config's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args.config)
    if args.epochs is not None:
        cfg = replace(cfg, train=replace(cfg.train, epochs=args.epochs))
    torch.manual_seed(cfg.train.seed)

    train_set, val_set = TextLines(cfg.data, "train"), TextLines(cfg.data, "val")
    train_loader = DataLoader(train_set, cfg.train.batch_size, shuffle=True, drop_last=True, collate_fn=collate)
    val_loader = DataLoader(val_set, cfg.train.batch_size, collate_fn=collate)
    trainer = Trainer(cfg, torch.device(args.device))
    trainer.fit(train_loader, val_loader)

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(trainer.model.state_dict(), args.out / "detector.pt")
    save_config(cfg, args.out / "config.yaml")


if __name__ == "__main__":
    main()
