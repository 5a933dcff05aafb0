"""One training run: PU risk on the labeled patches, FixMatch on the unlabeled ones."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from .losses import NonNegativePULoss, consistency_loss
from .metrics import validate
from .model import Ema, PatchResNet


def _endless(loader: DataLoader) -> Iterator:
    while True:
        yield from loader


class Trainer:
    """Holds model, EMA copy, losses and optimizer."""

    def __init__(self, cfg: dict, device: torch.device):
        self.cfg = cfg
        self.device = device
        self.model = PatchResNet(cfg["model"]["width"], cfg["model"]["dropout"]).to(device)
        self.ema = Ema(self.model, cfg["model"]["ema_decay"])
        pu = cfg["pu"]
        self.pu_loss = NonNegativePULoss(prior=pu["prior"], beta=pu["beta"], gamma=pu["gamma"])
        self.threshold = cfg["fixmatch"]["threshold"]
        optim = cfg["optim"]
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=optim["lr"], weight_decay=optim["weight_decay"])

    def _lambda(self, epoch: int) -> float:
        """Weight of the consistency term: grows linearly over the first epochs."""
        fixmatch = self.cfg["fixmatch"]
        return fixmatch["lambda_u"] * min(1.0, epoch / fixmatch["rampup_epochs"])

    def train_epoch(self, epoch: int, labeled: DataLoader, unlabeled: Iterator) -> dict[str, float]:
        """One pass over the labeled patches; returns the mean losses and the share of pseudo-labels in use."""
        self.model.train()
        sums = {"loss": 0.0, "pu": 0.0, "consistency": 0.0, "used": 0.0}
        for patches, labels in labeled:
            patches, labels = patches.to(self.device), labels.to(self.device)
            weak, strong = (view.to(self.device) for view in next(unlabeled))
            logits, logits_strong = self.model(torch.cat([patches, strong])).split([len(patches), len(strong)])
            with torch.no_grad():
                logits_weak = self.ema.model(weak)

            pu = self.pu_loss(logits, labels)
            consistency, used = consistency_loss(logits_weak, logits_strong, self.threshold)
            loss = pu + self._lambda(epoch) * consistency

            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.ema.update(self.model)
            for name, value in (("loss", loss), ("pu", pu), ("consistency", consistency), ("used", used)):
                sums[name] += value.item()
        return {name: value / len(labeled) for name, value in sums.items()}

    def fit(self, labeled: DataLoader, unlabeled: DataLoader, val: DataLoader) -> None:
        """Train for the configured epochs, with a line and a validation after each."""
        epochs = self.cfg["optim"]["epochs"]
        stream = _endless(unlabeled)
        for epoch in range(1, epochs + 1):
            train = self.train_epoch(epoch, labeled, stream)
            scores = validate(self.ema.model, val, self.device)
            print(
                f"epoch {epoch:03d}/{epochs:03d}  loss {train['loss']:.4f}  pu {train['pu']:.4f}"
                f"  consistency {train['consistency']:.4f}  used {100 * train['used']:.1f} %"
                f"  auc {scores['auc']:.4f}  std {scores['std']:.4f}",
                flush=True,
            )

    def save(self, path: Path) -> None:
        """Write the EMA weights."""
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(self.ema.model.state_dict(), path)
