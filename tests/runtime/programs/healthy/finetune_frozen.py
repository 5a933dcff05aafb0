"""Transfer learning: a pre-trained backbone with a frozen stem, and two learning rates for the rest."""

import time

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.block = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2))
        self.pool = nn.AdaptiveAvgPool2d(2)

    def forward(self, x):
        return self.pool(self.block(self.stem(x))).flatten(1)


class Model(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.backbone = Backbone()
        self.fc = nn.Linear(128, num_classes)

    def forward(self, x):
        return self.fc(self.backbone(x))


def textures(count, classes):
    """Gratings: the class is the orientation; phase, colour and noise vary."""
    labels = torch.randint(0, classes, (count,))
    angle = labels * torch.pi / classes
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    phase = 6.28 * torch.rand(count, 1, 1)
    wave = torch.sin(1.3 * (x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]) + phase)
    colour = 0.5 + torch.rand(count, 3, 1, 1)
    return TensorDataset(colour * wave[:, None] + 1.6 * torch.randn(count, 3, 16, 16), labels)


def pretrain(path):
    """Stands for the download of weights that were trained on another task."""
    torch.manual_seed(1)
    model = Model(num_classes=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for images, labels in DataLoader(textures(960, 8), batch_size=48, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    torch.save(model.state_dict(), path)


def build(path, num_classes):
    model = Model(num_classes)
    state = {k: v for k, v in torch.load(path, weights_only=True).items() if not k.startswith("fc.")}
    model.load_state_dict(state, strict=False)
    for param in model.backbone.stem.parameters():
        param.requires_grad = False
    return model


def train_model(model, criterion, optimizer, scheduler, dataloaders, num_epochs):
    since = time.time()
    for epoch in range(num_epochs):
        for phase in ("train", "val"):
            model.train(phase == "train")
            if phase == "train":
                model.backbone.stem.eval()  # its statistics stay those of the weights
            running_loss, running_corrects, seen = 0.0, 0, 0
            for inputs, labels in dataloaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    _, preds = torch.max(outputs, 1)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                running_corrects += torch.sum(preds == labels.data).item()
                seen += inputs.size(0)
            if phase == "train":
                scheduler.step()
            print(f"{epoch} {phase} loss: {running_loss / seen:.4f} acc: {running_corrects / seen:.4f}")
    print(f"Training complete in {time.time() - since:.0f}s")


if __name__ == "__main__":
    pretrain("backbone.pt")
    torch.manual_seed(2)
    model = build("backbone.pt", num_classes=4)
    train_set, val_set = random_split(textures(640, 4), [480, 160])
    loaders = {
        "train": DataLoader(train_set, batch_size=32, shuffle=True),
        "val": DataLoader(val_set, batch_size=32),
    }
    optimizer = torch.optim.SGD(
        [
            {"params": model.backbone.block.parameters(), "lr": 5e-3},
            {"params": model.fc.parameters(), "lr": 5e-2},
        ],
        momentum=0.9,
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
    train_model(model, nn.CrossEntropyLoss(), optimizer, scheduler, loaders, num_epochs=3)
