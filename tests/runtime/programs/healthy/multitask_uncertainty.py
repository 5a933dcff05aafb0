"""Two tasks weighed by learned uncertainties (Kendall et al. 2018): a class and a position from one image."""

import torch
import torch.nn as nn
import torch.utils.data as data


class Blobs(data.Dataset):
    """An image with a square, a cross or a ring; targets are which it is and where its centre lies (0..1)."""

    kinds = torch.tensor(
        [
            [[1, 1, 1, 1, 1]] * 5,
            [[0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0]],
            [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]],
        ],
        dtype=torch.float32,
    )

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(0, 3, (n,), generator=g)
        self.place = torch.randint(0, 12, (n, 2), generator=g)
        self.noise = 0.2 * torch.randn(n, 1, 16, 16, generator=g)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        image = self.noise[i].clone()
        row, column = self.place[i].tolist()
        image[0, row : row + 5, column : column + 5] += self.kinds[self.kind[i]]
        return image, {"kind": self.kind[i], "position": (self.place[i] + 2) / 16}


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 16, 96),
            nn.ReLU(),
        )
        self.classify = nn.Linear(96, 3)
        self.locate = nn.Linear(96, 2)

    def forward(self, image):
        features = self.encoder(image)
        return {"kind": self.classify(features), "position": self.locate(features)}


class UncertaintyLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_var = nn.ParameterDict(
            {"kind": nn.Parameter(torch.zeros(())), "position": nn.Parameter(torch.zeros(()))}
        )
        self.cross_entropy = nn.CrossEntropyLoss()
        self.mse = nn.MSELoss()

    def forward(self, outputs, targets):
        losses = {
            "kind": self.cross_entropy(outputs["kind"], targets["kind"]),
            "position": self.mse(outputs["position"], targets["position"]),
        }
        total = sum(torch.exp(-self.log_var[k]) * v + 0.5 * self.log_var[k] for k, v in losses.items())
        return total, {k: v.item() for k, v in losses.items()}


def evaluate(model, loader):
    was_training = model.training
    model.eval()
    hits, error, n = 0, 0.0, 0
    with torch.no_grad():
        for images, targets in loader:
            outputs = model(images)
            hits += (outputs["kind"].argmax(1) == targets["kind"]).sum().item()
            error += (outputs["position"] - targets["position"]).abs().sum().item() / 2
            n += len(images)
    model.train(was_training)
    return hits / n, error / n


torch.manual_seed(13)
train_loader = data.DataLoader(Blobs(960, seed=1), batch_size=32, shuffle=True)
test_loader = data.DataLoader(Blobs(240, seed=2), batch_size=80)
model, criterion = TwoHeads(), UncertaintyLoss()
optimizer = torch.optim.Adam([*model.parameters(), *criterion.parameters()], lr=2e-3)
for epoch in range(3):
    for images, targets in train_loader:
        optimizer.zero_grad()
        loss, parts = criterion(model(images), targets)
        loss.backward()
        optimizer.step()
    accuracy, error = evaluate(model, test_loader)
    weights = {k: round(torch.exp(-v).item(), 3) for k, v in criterion.log_var.items()}
    print(f"epoch {epoch} loss {loss.item():.4f} parts {parts} weights {weights}")
    print(f"    test accuracy {accuracy:.4f} position error {error:.4f}")
