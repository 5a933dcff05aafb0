"""A transformer classifier with gradient accumulation, linear warm-up and cosine decay counted in optimizer steps."""

import math

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

config = {
    "vocabulary": 40,
    "length": 16,
    "dim": 32,
    "heads": 4,
    "layers": 2,
    "batch_size": 16,
    "accumulation_steps": 4,
    "epochs": 4,
    "warmup": 0.1,
    "lr": 4e-3,
    "weight_decay": 0.01,
}


def sentences(count, generator):
    """Class 1 where words of the first quarter of the vocabulary are more frequent than those of the second."""
    tokens = torch.randint(0, config["vocabulary"], (count, config["length"]), generator=generator)
    quarter = config["vocabulary"] // 4
    first, second = (tokens < quarter).sum(1), ((tokens >= quarter) & (tokens < 2 * quarter)).sum(1)
    keep = first != second
    return TensorDataset(tokens[keep], (first > second).long()[keep])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        dim = config["dim"]
        self.tokens = nn.Embedding(config["vocabulary"], dim)
        self.position = nn.Parameter(0.02 * torch.randn(config["length"], dim))
        layer = nn.TransformerEncoderLayer(
            dim, config["heads"], 4 * dim, dropout=0.0, batch_first=True, norm_first=True, activation="gelu"
        )
        self.encoder = nn.TransformerEncoder(layer, config["layers"], enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 2)

    def forward(self, tokens):
        x = self.encoder(self.tokens(tokens) + self.position)
        return self.head(self.norm(x).mean(dim=1))


class Trainer:
    def __init__(self, model, train_loader, valid_loader):
        self.model, self.train_loader, self.valid_loader = model, train_loader, valid_loader
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
        decay = [p for p in model.parameters() if p.dim() >= 2]
        plain = [p for p in model.parameters() if p.dim() < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": config["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
            lr=config["lr"],
        )
        self.accumulation = config["accumulation_steps"]
        steps_per_epoch = math.ceil(len(train_loader) / self.accumulation)
        self.total_steps = steps_per_epoch * config["epochs"]
        self.warmup_steps = int(config["warmup"] * self.total_steps)
        self.scheduler = LambdaLR(self.optimizer, self.factor)

    def factor(self, step):
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    def train_epoch(self):
        self.model.train()
        total = 0.0
        self.optimizer.zero_grad()
        for i, (tokens, labels) in enumerate(self.train_loader):
            loss = self.criterion(self.model(tokens), labels)
            total += loss.item()
            (loss / self.accumulation).backward()
            if (i + 1) % self.accumulation == 0 or i + 1 == len(self.train_loader):
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.scheduler.step()
                self.optimizer.zero_grad()
        return total / len(self.train_loader)

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        hits = losses = count = 0
        for tokens, labels in self.valid_loader:
            logits = self.model(tokens)
            losses += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            hits += (logits.argmax(1) == labels).sum().item()
            count += len(labels)
        return losses / count, hits / count

    def fit(self):
        for epoch in range(config["epochs"]):
            train_loss = self.train_epoch()
            valid_loss, accuracy = self.validate()
            lr = self.scheduler.get_last_lr()[0]
            print(f"{epoch}: train {train_loss:.4f} valid {valid_loss:.4f} accuracy {accuracy:.4f} lr {lr:.2e}")


if __name__ == "__main__":
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    train_loader = DataLoader(sentences(1200, generator), batch_size=config["batch_size"], shuffle=True)
    valid_loader = DataLoader(sentences(400, generator), batch_size=100)
    Trainer(Classifier(), train_loader, valid_loader).fit()
