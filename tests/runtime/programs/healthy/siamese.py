"""A siamese network over pairs of images: shared trunk, BCE on the pair's head (pytorch/examples/siamese_network)."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class SiameseNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.Flatten(),
        )
        self.fc = nn.Sequential(nn.Linear(32 * 3 * 3 * 2, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))
        self.trunk.apply(self.init_weights)
        self.fc.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, nn.Linear):
            torch.nn.init.xavier_uniform_(m.weight)
            m.bias.data.fill_(0.01)

    def forward(self, input1, input2):
        output1 = self.trunk(input1)
        output2 = self.trunk(input2)
        both = torch.cat(((output1 - output2).abs(), output1 * output2), 1)
        return torch.sigmoid(self.fc(both))


class APPMatcher(Dataset):
    """Half of the pairs show the same of six shapes, half two different ones; drawn anew whenever one is asked for."""

    def __init__(self, pairs, train):
        self.pairs = pairs
        shapes = torch.Generator().manual_seed(5)
        self.shapes = F.interpolate(torch.randn(6, 1, 4, 4, generator=shapes), size=12, mode="bilinear")
        self.fixed = None if train else [self.draw(i) for i in range(pairs)]

    def draw(self, index):
        first = random.randrange(6)
        same = index % 2 == 0
        second = first if same else (first + random.randrange(1, 6)) % 6
        return tuple(self.shapes[k] + 1.1 * torch.randn(1, 12, 12) for k in (first, second)) + (float(same),)

    def __len__(self):
        return self.pairs

    def __getitem__(self, index):
        return self.fixed[index] if self.fixed else self.draw(index)


def train(model, train_loader, optimizer, epoch):
    model.train()
    criterion = nn.BCELoss()
    for batch_idx, (images_1, images_2, targets) in enumerate(train_loader):
        targets = targets.float()
        optimizer.zero_grad()
        outputs = model(images_1, images_2).squeeze()
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        if batch_idx % 10 == 0:
            print(f"Train Epoch: {epoch} [{batch_idx}/{len(train_loader)}] Loss: {loss.item():.6f}")


def test(model, test_loader):
    model.eval()
    test_loss, correct = 0.0, 0
    criterion = nn.BCELoss(reduction="sum")
    with torch.no_grad():
        for images_1, images_2, targets in test_loader:
            outputs = model(images_1, images_2).squeeze()
            test_loss += criterion(outputs, targets.float()).item()
            correct += torch.where(outputs > 0.5, 1, 0).eq(targets).sum().item()
    total = len(test_loader.dataset)
    print(f"Test set: average loss {test_loss / total:.4f} accuracy {correct / total:.4f}")


def main():
    torch.manual_seed(3)
    random.seed(3)
    train_loader = DataLoader(APPMatcher(960, train=True), batch_size=48, shuffle=True)
    test_loader = DataLoader(APPMatcher(240, train=False), batch_size=120)
    model = SiameseNetwork()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(1, 4):
        train(model, train_loader, optimizer, epoch)
        test(model, test_loader)


if __name__ == "__main__":
    main()
