"""Relative imports work only because the module is run as a part of its package."""

import torch
import torch.nn.functional as F

from . import __name__ as package
from .model import Linear

torch.manual_seed(0)
x = torch.randn(96, 16)
y = (x @ torch.randn(16, 6)).argmax(1)
model = Linear(16, 6)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for step in range(12):
    index = torch.randint(0, 96, (32,))
    loss = F.cross_entropy(model(x[index]), y[index])
    optimizer.zero_grad()
    loss.backward()
    print(f"step {step} loss {loss.item()!r}", flush=True)
    optimizer.step()
print("done in", package)
