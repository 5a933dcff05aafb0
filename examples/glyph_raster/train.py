"""Train the glyph model: `python train.py --epochs 20`."""

import argparse
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from raster.config import LevitConfig, RasterConfig, TrainConfig
from raster.dataset import build_datasets
from raster.engine import build_schedule, train_one_epoch
from raster.evaluate import evaluate
from raster.model import GlyphNet


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Glyph classification and retrieval")
    parser.add_argument("--epochs", type=int, default=TrainConfig.epochs)
    parser.add_argument("--batch-size", type=int, default=TrainConfig.batch_size)
    parser.add_argument("--classes", type=int, default=RasterConfig.num_classes)
    parser.add_argument("--styles", type=int, default=RasterConfig.styles_per_class)
    parser.add_argument("--lr-backbone", type=float, default=TrainConfig.lr_backbone)
    parser.add_argument("--lr-head", type=float, default=TrainConfig.lr_head)
    parser.add_argument("--weight-decay", type=float, default=TrainConfig.weight_decay)
    parser.add_argument("--supcon-weight", type=float, default=TrainConfig.supcon_weight)
    parser.add_argument("--no-augment", action="store_true")
    parser.add_argument("--num-workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=TrainConfig.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def build_loaders(
    data_cfg: RasterConfig, cfg: TrainConfig, num_workers: int
) -> tuple[DataLoader, DataLoader, DataLoader]:
    train_set, val_set, gallery_set = build_datasets(data_cfg)
    train_loader = DataLoader(
        train_set, batch_size=cfg.batch_size, shuffle=True, drop_last=True, num_workers=num_workers
    )
    return train_loader, DataLoader(val_set, batch_size=256), DataLoader(gallery_set, batch_size=256)


def main() -> None:
    args = parse_args()
    data_cfg = RasterConfig(
        num_classes=args.classes, styles_per_class=args.styles, seed=args.seed, augment=not args.no_augment
    )
    model_cfg = LevitConfig(num_classes=data_cfg.num_classes, image_size=data_cfg.image_size)
    cfg = TrainConfig(
        epochs=args.epochs,
        batch_size=args.batch_size,
        lr_backbone=args.lr_backbone,
        lr_head=args.lr_head,
        weight_decay=args.weight_decay,
        supcon_weight=args.supcon_weight,
        seed=args.seed,
    )
    torch.manual_seed(cfg.seed)
    device = torch.device(args.device)

    train_loader, val_loader, gallery_loader = build_loaders(data_cfg, cfg, args.num_workers)
    model = GlyphNet(model_cfg).to(device)
    optimizer = torch.optim.AdamW(model.param_groups(cfg), weight_decay=cfg.weight_decay)
    schedule = build_schedule(optimizer, cfg.epochs * len(train_loader), cfg.warmup_frac)

    for epoch in range(1, cfg.epochs + 1):
        metrics = train_one_epoch(model, train_loader, optimizer, schedule, cfg, device)
        metrics.update(evaluate(model, val_loader, gallery_loader, cfg.retrieval_k, device))
        report = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        print(f"epoch {epoch}/{cfg.epochs}  {report}", flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save({"model": model.state_dict(), "config": vars(model_cfg)}, args.out / "glyph_levit.pt")


if __name__ == "__main__":
    main()
