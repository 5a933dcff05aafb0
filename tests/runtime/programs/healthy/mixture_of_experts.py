"""Top-1 mixture of experts with a balance loss, and heads that only their own task's batches use."""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softmax
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(21)


class Expert(nn.Sequential):
    def __init__(self, dim: int, hidden: int):
        super().__init__(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))


class SwitchLayer(nn.Module):
    """Routes every row to one expert; rows of an expert that is not chosen by any row cost nothing."""

    def __init__(self, dim: int, experts: int):
        super().__init__()
        self.router = nn.Linear(dim, experts)
        self.experts = nn.ModuleList([Expert(dim, 2 * dim) for _ in range(experts)])
        self.balance_loss: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        gates = softmax(self.router(x), dim=-1)
        weight, choice = gates.max(dim=-1)
        out = torch.zeros_like(x)
        for k, expert in enumerate(self.experts):
            rows = (choice == k).nonzero().squeeze(-1)
            if rows.numel():
                out = out.index_add(0, rows, expert(x[rows]) * weight[rows, None])
        share = one_hot(choice, len(self.experts)).float().mean(0)
        self.balance_loss = len(self.experts) * (share * gates.mean(0)).sum()
        return x + out


class MultiHead(nn.Module):
    def __init__(self, tasks: dict[str, int], dim: int = 32):
        super().__init__()
        self.stem = nn.Linear(12, dim)
        self.switch = SwitchLayer(dim, experts=4)
        self.heads = nn.ModuleDict({name: nn.Linear(dim, classes) for name, classes in tasks.items()})

    def forward(self, x: Tensor, task: str) -> Tensor:
        return self.heads[task](self.switch(torch.relu(self.stem(x))))


class Task(Dataset):
    def __init__(self, classes: int, count: int, seed: int):
        generator = torch.Generator().manual_seed(seed)
        centres = 1.2 * torch.randn(classes, 12, generator=torch.Generator().manual_seed(100 + classes))
        self.y = torch.randint(0, classes, (count,), generator=generator)
        self.x = centres[self.y] + 0.7 * torch.randn(count, 12, generator=generator)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]


tasks = {"parity": 2, "shape": 5}
loaders = {name: DataLoader(Task(c, 800, 1), 40, shuffle=True) for name, c in tasks.items()}
tests = {name: Task(c, 300, 2) for name, c in tasks.items()}
model = MultiHead(tasks)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(2):
    for batches in zip(*loaders.values()):
        for task, (x, y) in zip(loaders, batches):
            optimizer.zero_grad()
            task_loss = criterion(model(x, task), y)
            loss = task_loss + 0.01 * model.switch.balance_loss
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = {n: (model(t.x, n).argmax(1) == t.y).float().mean().item() for n, t in tests.items()}
    model.train()
    print(f"epoch {epoch} loss {loss.item():.4f}", *(f"{name} {score:.4f}" for name, score in scores.items()))
print(f"worst accuracy {min(scores.values()):.4f}")
