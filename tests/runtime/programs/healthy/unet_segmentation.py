"""A small U-Net on synthetic cells: numpy augmentation in the dataset, Dice + BCE, IoU on validation, best checkpoint."""

import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Cells(Dataset):
    def __init__(self, count, seed, augment):
        rng = np.random.default_rng(seed)
        self.augment = augment
        self.images, self.masks = [], []
        y, x = np.mgrid[:32, :32]
        for _ in range(count):
            mask = np.zeros((32, 32), dtype=bool)
            for _ in range(rng.integers(2, 5)):
                cy, cx, r = rng.uniform(5, 27), rng.uniform(5, 27), rng.uniform(3, 6)
                mask |= (y - cy) ** 2 + (x - cx) ** 2 < r**2
            image = 0.3 + 0.4 * mask + 0.15 * rng.standard_normal((32, 32))
            self.images.append(image.astype(np.float32))
            self.masks.append(mask.astype(np.float32))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, mask = self.images[index], self.masks[index]
        if self.augment:
            if np.random.rand() < 0.5:
                image, mask = np.fliplr(image), np.fliplr(mask)
            turns = np.random.randint(4)
            image, mask = np.rot90(image, turns), np.rot90(mask, turns)
            image = image + np.random.uniform(-0.1, 0.1)
        image = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))
        mask = torch.from_numpy(np.ascontiguousarray(mask))
        return {"image": image[None], "mask": mask[None]}


def double_conv(inside, outside):
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
        nn.GroupNorm(4, outside),
        nn.SiLU(),
        nn.Conv2d(outside, outside, 3, padding=1, bias=False),
        nn.GroupNorm(4, outside),
        nn.SiLU(),
    )


class UNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.down1 = double_conv(1, width)
        self.down2 = double_conv(width, 2 * width)
        self.bottom = double_conv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.merge2 = double_conv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge1 = double_conv(2 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        b = self.merge2(torch.cat([b, self.up2(c)], dim=1))
        a = self.merge1(torch.cat([a, self.up1(b)], dim=1))
        return self.out(a)


def dice_loss(logits, target):
    prob = torch.sigmoid(logits)
    overlap = (prob * target).sum(dim=(1, 2, 3))
    size = prob.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return (1 - (2 * overlap + 1) / (size + 1)).mean()


def evaluate(net, loader):
    net.eval()
    inter = union = 0.0
    losses = []
    with torch.inference_mode():
        for batch in loader:
            logits = net(batch["image"])
            losses.append(F.binary_cross_entropy_with_logits(logits, batch["mask"]).item())
            pred, true = logits > 0, batch["mask"] > 0.5
            inter += (pred & true).sum().item()
            union += (pred | true).sum().item()
    net.train()
    return sum(losses) / len(losses), inter / union


def main(epochs=3, checkpoint_dir="checkpoints"):
    os.makedirs(checkpoint_dir, exist_ok=True)
    np.random.seed(2)
    torch.manual_seed(2)
    train_loader = DataLoader(Cells(192, seed=0, augment=True), batch_size=16, shuffle=True, num_workers=2)
    val_loader = DataLoader(Cells(48, seed=1, augment=False), batch_size=16)
    net = UNet()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9)
    best = 0.0
    for epoch in range(epochs):
        running = 0.0
        for batch in train_loader:
            logits = net(batch["image"])
            loss = F.binary_cross_entropy_with_logits(logits, batch["mask"]) + dice_loss(logits, batch["mask"])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_value_(net.parameters(), 1.0)
            optimizer.step()
            running += loss.item()
        val_loss, iou = evaluate(net, val_loader)
        print(f"[{epoch}] train {running / len(train_loader):.4f} val {val_loss:.4f} IoU {iou:.4f}")
        if iou > best:
            best = iou
            torch.save({"epoch": epoch, "net": net.state_dict(), "iou": iou}, f"{checkpoint_dir}/best.pt")
    print(f"best IoU {best:.4f}")


if __name__ == "__main__":
    main()
