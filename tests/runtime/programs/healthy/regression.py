"""Fits a polynomial of degree four without an optimizer: `p -= lr * p.grad` (pytorch/examples/regression)."""

from itertools import count

import torch
import torch.nn.functional as F

torch.manual_seed(0)
POLY_DEGREE = 4
W_target = torch.randn(POLY_DEGREE, 1) * 2
b_target = torch.randn(1) * 2


def make_features(x):
    """Builds features i.e. a matrix with columns [x, x^2, x^3, x^4]."""
    x = x.unsqueeze(1)
    return torch.cat([x**i for i in range(1, POLY_DEGREE + 1)], 1)


def f(x):
    """Approximated function."""
    return x.mm(W_target) + b_target.item()


def poly_desc(W, b):
    """Creates a string description of a polynomial."""
    return "y = " + "".join(f"{w:+.2f} x^{i + 1} " for i, w in enumerate(W)) + f"{b[0]:+.2f}"


def get_batch(batch_size=32):
    """Builds a batch i.e. (x, f(x)) pair."""
    x = make_features(torch.randn(batch_size).clamp(-1.5, 1.5))
    return x, f(x)


fc = torch.nn.Linear(W_target.size(0), 1)
for batch_idx in count(1):
    batch_x, batch_y = get_batch()
    fc.zero_grad()
    output = F.smooth_l1_loss(fc(batch_x), batch_y)
    loss = output.item()
    output.backward()
    with torch.no_grad():
        for param in fc.parameters():
            param -= 0.1 * param.grad
    if batch_idx == 1:
        print(f"First loss: {loss:.6f}")
    if loss < 1e-3 or batch_idx >= 600:
        break

print(f"Loss: {loss:.6f} after {batch_idx} batches")
print("==> Learned function:\t" + poly_desc(fc.weight.view(-1), fc.bias))
print("==> Actual function:\t" + poly_desc(W_target.view(-1), b_target))
