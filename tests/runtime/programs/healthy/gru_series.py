"""Forecasts a noisy sum of sines with a GRU; plateau schedule, early stopping, best weights restored at the end."""

import copy
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

WINDOW, HORIZON = 32, 4


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden, num_layers=1, batch_first=True)
        self.head = nn.Linear(hidden, HORIZON)

    def forward(self, x):
        _, last = self.gru(x.unsqueeze(-1))
        return self.head(last[-1])


class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.best, self.waited, self.state = patience, math.inf, 0, None

    def __call__(self, value, model):
        if value < self.best:
            self.best, self.waited, self.state = value, 0, copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


def windows(series):
    pieces = series.unfold(0, WINDOW + HORIZON, 3)
    return TensorDataset(pieces[:, :WINDOW].contiguous(), pieces[:, WINDOW:].contiguous())


def run_epoch(model, loader, criterion, optimizer=None):
    """One pass; trains when an optimizer is given. Returns the mean loss."""
    model.train(optimizer is not None)
    total, count = 0.0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for past, future in loader:
            loss = criterion(model(past), future)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
            total += loss.item() * len(past)
            count += len(past)
    return total / count


torch.manual_seed(42)
time = torch.arange(2400) * 0.1
series = torch.sin(time) + 0.5 * torch.sin(2.3 * time + 1) + 0.1 * torch.randn_like(time)
dataset = windows(series)
cut = int(0.8 * len(dataset))
train_loader = DataLoader(Subset(dataset, range(cut)), batch_size=64, shuffle=True)
valid_loader = DataLoader(Subset(dataset, range(cut + 12, len(dataset))), batch_size=64)

model = Forecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
stopping = EarlyStopping(patience=4)

for epoch in range(8):
    train_loss = run_epoch(model, train_loader, criterion, optimizer)
    valid_loss = run_epoch(model, valid_loader, criterion)
    scheduler.step(valid_loss)
    print(f"epoch {epoch:2d}  train {train_loss:.4f}  valid {valid_loss:.4f}  lr {optimizer.param_groups[0]['lr']:.4g}")
    if stopping(valid_loss, model):
        print("no progress: stopped")
        break

model.load_state_dict(stopping.state)
print(f"best valid mse {stopping.best:.4f}, variance of the series {series.var().item():.4f}")
