"""SimCLR on small images: two random views, NT-Xent without the diagonal, then a linear probe on frozen features."""

import argparse
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


@dataclass
class Config:
    classes: int = 5
    images: int = 768
    batch: int = 64
    epochs: int = 4
    temperature: float = 0.2
    lr: float = 2e-3
    seed: int = 0


class Augment:
    """Shift, flip, contrast and noise, drawn anew at every call."""

    def __call__(self, image):
        image = image.roll(tuple(torch.randint(-2, 3, (2,)).tolist()), dims=(1, 2))
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        image = image * (0.7 + 0.6 * torch.rand(())) + 0.2 * (torch.rand(()) - 0.5)
        return image + 0.1 * torch.randn_like(image)


class TwoViews(Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels, self.augment = images, labels, augment

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return self.augment(image), self.augment(image), self.labels[index]


class Encoder(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.projector = nn.Sequential(nn.Linear(width * 4, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, x):
        h = self.features(x)
        return h, F.normalize(self.projector(h), dim=1)


class NTXent(nn.Module):
    def __init__(self, temperature):
        super().__init__()
        self.temperature = temperature

    def forward(self, z1, z2):
        n = z1.size(0)
        z = torch.cat([z1, z2])
        similarity = z @ z.t() / self.temperature
        itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
        similarity = similarity.masked_fill(itself, float("-inf"))
        partner = torch.arange(2 * n, device=z.device).roll(n)
        return F.cross_entropy(similarity, partner)


def make_images(config):
    prototypes = F.interpolate(torch.randn(config.classes, 1, 4, 4), size=(16, 16), mode="bilinear")
    labels = torch.randint(0, config.classes, (config.images,))
    return prototypes[labels] + 0.2 * torch.randn(config.images, 1, 16, 16), labels


def pretrain(config, encoder, loader):
    criterion = NTXent(config.temperature)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=config.lr, weight_decay=1e-6)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.epochs * len(loader))
    for epoch in range(config.epochs):
        encoder.train()
        total = 0.0
        for view1, view2, _ in loader:
            _, z1 = encoder(view1)
            _, z2 = encoder(view2)
            loss = criterion(z1, z2)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
        print(f"epoch {epoch}: nt-xent {total / len(loader):.4f}")


@torch.no_grad()
def extract(encoder, images):
    encoder.eval()
    return torch.cat([encoder(part)[0] for part in images.split(128)])


def linear_probe(config, features, labels):
    cut = int(0.8 * len(features))
    features = (features - features[:cut].mean(0)) / (features[:cut].std(0) + 1e-6)
    head = nn.Linear(features.size(1), config.classes)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(head(features[:cut]), labels[:cut]).backward()
        optimizer.step()
    with torch.no_grad():
        return (head(features[cut:]).argmax(1) == labels[cut:]).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    config = Config(epochs=parser.parse_args().epochs)
    torch.manual_seed(config.seed)
    images, labels = make_images(config)
    loader = DataLoader(TwoViews(images, labels, Augment()), batch_size=config.batch, shuffle=True, drop_last=True)
    encoder = Encoder()
    pretrain(config, encoder, loader)
    accuracy = linear_probe(config, extract(encoder, images), labels)
    print(f"linear probe accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
