"""One small training program, and what may be wrong in its loss: by name, the pieces that differ."""

from __future__ import annotations

from collections.abc import Mapping

BASE = """
import copy
import math
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

PRIOR = {prior}

class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1))
        self.proj = nn.Linear(16, width)
        self.head = {head}

    def forward(self, x):
        h = self.body(x)
        {run}
        return self.head(h), self.proj(h)

def loss_of(model, x, y):
    logits, vectors = model(x)
    ce = F.cross_entropy(logits{scale}, y)
    {loss}

@torch.no_grad()
def validate(model, loader):
    {mode}
    total = 0.0
    for x, y in loader:
        total += F.cross_entropy(model(x)[0]{half}, y).item()
    model.train()
    return total

def main():
    x = torch.randn(96, 8)
    y = {labels}
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
    held_out = DataLoader(TensorDataset(x[:32], y[:32]), batch_size=16)
    model = Net()
    judged = {judged}
    opt = torch.optim.SGD(model.parameters(), lr={lr}, momentum=0.9)
    for epoch in range({epochs}):
        for x, y in loader:
            loss = loss_of(model, x, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        validate(judged, held_out)
    return model

main()
"""
PLAIN: dict[str, str] = {
    "prior": "0.5",
    "head": "nn.Linear(16, 3)",
    "run": "pass",
    "scale": "",
    "loss": "return ce",
    "mode": "model.eval()",
    "half": "",
    "labels": "(x[:, 0] > 0).long() + (x[:, 1] > 0).long()",
    "judged": "model",
    "lr": "0.05",
    "epochs": "4",
}
_PAIRS = "z = F.normalize(torch.cat([vectors, vectors + 0.1 * torch.randn_like(vectors)]), dim=1)"
_PARTNERS = "partner = torch.arange(len(z)).roll(len(z) // 2)"
_CONTRAST = f"{_PAIRS}\n    {_PARTNERS}\n    sim = z @ z.t() / 0.2"
_EYE = "torch.eye(len(z), dtype=torch.bool)"
_LOOP = f"""{_PAIRS}
    {_PARTNERS}
    for i, anchor in enumerate(z):
        row = torch.mv(z, anchor) / 0.2
        row = ROW
        ce = ce + torch.logsumexp(row, dim=0) / len(z)
    return ce"""
_BY_HAND = (
    f"{_PAIRS}\n    {_PARTNERS}\n    e = torch.exp(z @ z.t() / 0.2)\n    positive = e[torch.arange(len(z)), partner]"
)
_PSEUDO = """with torch.no_grad():
        sure, guess = torch.softmax(logits, dim=-1).max(dim=-1)
        mask = sure.ge(LIMIT).float()
    return ce + (F.cross_entropy(logits, guess, reduction="none") * mask).mean()"""

DEFECTS: dict[str, dict[str, str]] = {
    "term of zero": {"loss": "aux = torch.tensor(0.0)\n    return ce + 0.3 * aux"},
    "term that is cut": {"loss": "reg = vectors.square().mean().detach()\n    return ce + 0.1 * reg"},
    "term without gradient": {
        "loss": "margin = F.relu(vectors.square().mean() - 1e6)\n    return ce + 0.5 * margin",
        "epochs": "12",
    },
    "stacked terms": {"loss": "parts = [ce, torch.zeros(())]\n    return torch.stack(parts).sum()"},
    "diagonal in the cross entropy": {"loss": f"{_CONTRAST}\n    return ce + F.cross_entropy(sim, partner)"},
    "diagonal in the loop": {"loss": _LOOP.replace("ROW", "row")},
    "diagonal in the sum": {"loss": f"{_BY_HAND}\n    return ce - torch.log(positive / e.sum(dim=1)).mean()"},
    "norm at the logits": {"head": "nn.Sequential(nn.Linear(16, 3), nn.BatchNorm1d(3))"},
    "norm before the head": {
        "run": "h = h + 0.1 * torch.roll(h, 1, 1)",
        "head": "nn.Sequential(nn.BatchNorm1d(16), nn.Linear(16, 3))",
    },
    "evaluated in training mode": {"mode": "model.train()"},
    "evaluated on a copy": {"judged": "copy.deepcopy(model)"},
    "evaluated in half precision": {
        "half": ".to(torch.bfloat16)",
    },
    "logits of thousands": {"scale": " * 10000"},
    "no input": {"run": "h = h * 0"},
    "samples mixed": {"run": "h = h.t().reshape(h.shape)"},
    "threshold out of reach": {
        "loss": _PSEUDO.replace("LIMIT", "0.999"),
        "lr": "0.001",
        "epochs": "12",
    },
    "prior of another data set": {"labels": "(x[:, 0] > -1.2).long()", "prior": "0.3"},
    "collapse": {"loss": "return (vectors[:8] - vectors[8:]).square().mean() * 100 + 0 * ce.detach()", "lr": "0.1"},
}
HEALTHY: dict[str, dict[str, str]] = {
    "plain": {},
    "sum that starts at zero": {
        "loss": "total = torch.tensor(0.0)\n    for part in (ce, 0.1 * vectors.square().mean()):\n"
        "        total = total + part\n    return total",
    },
    "sum in place": {"loss": "total = torch.zeros(())\n    total += ce\n    return total"},
    "term with a weight of zero": {"loss": "aux = torch.tensor(0.0)\n    return ce + 0.0 * aux"},
    "value of another, gradient of one": {
        "loss": "other = vectors.square().mean()\n    return ce + other - other.detach()",
    },
    "entropy of the labels": {
        "loss": "shares = torch.full((3,), 1 / 3)\n    return ce - (shares * shares.log()).sum()"
    },
    "masked": {"loss": f"{_CONTRAST}\n    return ce + F.cross_entropy(sim.masked_fill({_EYE}, -1e9), partner)"},
    "masked in the loop": {
        "loss": _LOOP.replace("ROW", "row.masked_fill(torch.arange(len(z)) == i, float('-inf'))"),
    },
    "taken off the sum": {
        "loss": f"{_BY_HAND}\n    return ce - torch.log(positive / (e.sum(dim=1) - e.diag())).mean()",
    },
    "masked sum": {
        "loss": f"{_BY_HAND}\n    return ce - torch.log(positive / e.masked_fill({_EYE}, 0).sum(dim=1)).mean()",
    },
    "distillation of similarities": {
        "loss": f"{_CONTRAST}\n    other = (z.detach() @ z.detach().t()).softmax(1)\n"
        "    return ce + F.kl_div(F.log_softmax(sim, dim=1), other, reduction='batchmean')",
    },
    "attention": {"run": "h = h + torch.softmax(h @ h.t() / 4, dim=-1).detach() @ h * 0"},
    "the diagonal is meant": {
        "loss": f"{_CONTRAST}\n    return ce + F.cross_entropy(sim, torch.arange(len(z)))",
    },
    "two towers": {
        "loss": "a, b = vectors, vectors.detach() + 0.1 * torch.randn_like(vectors)\n"
        "    return ce + F.cross_entropy(a @ b.t(), torch.arange(len(a)))",
    },
    "hidden norm": {"head": "nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Linear(16, 3))"},
    "threshold within reach": {"loss": _PSEUDO.replace("LIMIT", "0.35"), "epochs": "12"},
    "prior of the data set": {"labels": "torch.arange(96) % 2", "prior": "0.5"},
}


def source(pieces: Mapping[str, str]) -> str:
    """The program with some pieces of its own."""
    text = BASE
    for name, piece in {**PLAIN, **pieces}.items():
        text = text.replace("{" + name + "}", piece)
    return text
