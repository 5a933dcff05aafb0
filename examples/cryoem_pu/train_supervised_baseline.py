"""Can the labeled patches be learned at all? A plain CNN on them, nothing else."""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import nn

from cryoem.dataset import build_loaders
from cryoem.metrics import validate


class SimpleCNN(nn.Module):
    """Three convolutions and a linear layer."""

    def __init__(self, width: int = 16):
        super().__init__()
        layers: list[nn.Module] = []
        for c_in, c_out in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(4 * width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Supervised baseline")
    parser.add_argument("--config", type=Path, default=Path("configs/fixmatch_pu.yaml"))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    with open(args.config) as file:
        cfg = yaml.safe_load(file)
    torch.manual_seed(cfg["seed"])
    device = torch.device(args.device)

    labeled, _, val = build_loaders(cfg)
    model = SimpleCNN().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-3)
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for patches, labels in labeled:
            loss = F.cross_entropy(model(patches.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        scores = validate(model, val, device)
        print(
            f"epoch {epoch:03d}/{args.epochs:03d}  loss {total / len(labeled):.4f}  auc {scores['auc']:.4f}", flush=True
        )


if __name__ == "__main__":
    main()
