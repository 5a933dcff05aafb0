"""Semi-supervised particle classifier: `python train.py --config configs/fixmatch_pu.yaml`."""

import argparse
from pathlib import Path

import torch
import yaml

from cryoem.dataset import build_loaders
from cryoem.trainer import Trainer


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="FixMatch + PU learning on cryo-EM patches")
    parser.add_argument("--config", type=Path, default=Path("configs/fixmatch_pu.yaml"))
    parser.add_argument("--epochs", type=int, help="instead of the number in the config")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with open(args.config) as file:
        cfg = yaml.safe_load(file)
    if args.epochs is not None:
        cfg["optim"]["epochs"] = args.epochs
    torch.manual_seed(cfg["seed"])

    labeled, unlabeled, val = build_loaders(cfg)
    trainer = Trainer(cfg, torch.device(args.device))
    trainer.fit(labeled, unlabeled, val)
    trainer.save(args.out / args.config.stem / "model.pt")


if __name__ == "__main__":
    main()
