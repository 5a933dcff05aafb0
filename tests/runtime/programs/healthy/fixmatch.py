"""FixMatch: few labels, pseudo-labels from weakly augmented views above a confidence threshold, EMA teacher for testing."""

import argparse
from copy import deepcopy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

CLASSES, SIZE = 4, 12


class Shapes(Dataset):
    """Images of four prototypes. A transform decides what an item is; labels are dropped for the unlabelled set."""

    def __init__(self, prototypes, labels, transform):
        self.images = prototypes[labels] + 1.1 * torch.randn(len(labels), 1, SIZE, SIZE)
        self.labels, self.transform = labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


def weak(image):
    return image.roll(tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2))


def strong(image):
    image = weak(image) * (0.6 + 0.8 * torch.rand(())) + 0.2 * torch.randn_like(image)
    top, left = torch.randint(0, SIZE - 3, (2,)).tolist()
    image = image.clone()
    image[:, top : top + 3, left : left + 3] = 0
    return image


def weak_and_strong(image):
    return weak(image), strong(image)


class WideNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.LeakyReLU(0.1),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.1),
            nn.MaxPool2d(2),
        )
        self.fc = nn.Linear(32 * 9, CLASSES)

    def forward(self, x):
        return self.fc(self.body(x).flatten(1))


class ModelEMA:
    def __init__(self, model, decay):
        self.ema = deepcopy(model).eval()
        self.decay = decay
        for p in self.ema.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for ours, theirs in zip(self.ema.parameters(), model.parameters()):
            ours.mul_(self.decay).add_(theirs, alpha=1 - self.decay)
        for ours, theirs in zip(self.ema.buffers(), model.buffers()):
            ours.copy_(theirs)


def forever(loader):
    while True:
        yield from loader


def accuracy(model, loader):
    hits = [(model(x).argmax(1) == y).float() for x, y in loader]
    return torch.cat(hits).mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--lambda-u", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--mu", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    args = parser.parse_args()
    torch.manual_seed(7)
    prototypes = F.interpolate(torch.randn(CLASSES, 1, 4, 4), size=SIZE, mode="bilinear")
    balanced = torch.arange(CLASSES).repeat_interleave(16)
    labelled = DataLoader(Shapes(prototypes, balanced, weak), batch_size=args.batch_size, shuffle=True, drop_last=True)
    unlabelled = DataLoader(
        Shapes(prototypes, torch.randint(0, CLASSES, (1536,)), weak_and_strong),
        batch_size=args.batch_size * args.mu,
        shuffle=True,
        drop_last=True,
    )
    test = DataLoader(Shapes(prototypes, torch.randint(0, CLASSES, (400,)), lambda image: image), batch_size=200)

    model = WideNet()
    ema = ModelEMA(model, 0.9)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4)
    stream_x, stream_u = forever(labelled), forever(unlabelled)
    for step in range(args.steps):
        inputs_x, targets_x = next(stream_x)
        (inputs_w, inputs_s), _ = next(stream_u)
        model.train()
        logits = model(torch.cat([inputs_x, inputs_w, inputs_s]))
        logits_x = logits[: len(inputs_x)]
        logits_w, logits_s = logits[len(inputs_x) :].chunk(2)
        supervised = F.cross_entropy(logits_x, targets_x)

        pseudo = torch.softmax(logits_w.detach(), dim=-1)
        confidence, targets_u = pseudo.max(dim=-1)
        mask = confidence.ge(args.threshold).float()
        consistency = (F.cross_entropy(logits_s, targets_u, reduction="none") * mask).mean()

        loss = supervised + args.lambda_u * consistency
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(model)
        if (step + 1) % 20 == 0:
            with torch.no_grad():
                score = accuracy(ema.ema, test)
            print(
                f"step {step + 1} loss_x {supervised.item():.4f} loss_u {consistency.item():.4f} "
                f"mask {mask.mean().item():.4f} accuracy {score:.4f}"
            )


if __name__ == "__main__":
    main()
