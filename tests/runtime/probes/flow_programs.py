"""One small training program, and what may be wrong in it: by name, the pieces that differ."""

from __future__ import annotations

from collections.abc import Mapping

BASE = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Linear(16, 3)
        {layers}

    def forward(self, x):
        h = self.body(x)
        {run}
        return self.head(h)

def update(model, opt, scaler):
    {step}

def main():
    x = torch.randn(96, 8)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
    model = Net()
    epochs, accumulation = 5, 4
    scaler = None
    {optimizer}
    {schedule}
    for epoch in range(epochs):
        model.train()
        for i, (x, y) in enumerate(loader):
            loss = F.cross_entropy(model({x}).float(), y)
            {clear}
            {loss}
            {backward}
            {after}
        {end}

main()
"""
SOUND = {
    "layers": "pass",
    "run": "pass",
    "optimizer": "opt = torch.optim.AdamW(model.parameters(), lr=1e-2)",
    "schedule": "pass",
    "x": "x",
    "clear": "opt.zero_grad()",
    "loss": "pass",
    "backward": "loss.backward()",
    "step": "opt.step()",
    "after": "update(model, opt, scaler)",
    "end": "pass",
}
COSINE = "sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max={})"
ACCUMULATED = {
    "clear": "pass",
    "after": """if (i + 1) % accumulation == 0:
                update(model, opt, scaler)
                opt.zero_grad()
                sched.step()""",
}
SCALED = {
    "schedule": "scaler = torch.amp.GradScaler('cpu', init_scale=4.0)",
    "backward": "scaler.scale(loss).backward()",
    "step": "scaler.step(opt); scaler.update()",
}

DEFECTS: Mapping[str, Mapping[str, str]] = {
    "head without a path": {"layers": "self.embed = nn.Linear(16, 4)", "run": "self.z = self.embed(h)"},
    "layer never called": {"layers": "self.more = nn.Linear(16, 16)"},
    "head times zero": {"layers": "self.aux = nn.Linear(16, 1)", "run": "h = h + 0.0 * self.aux(h)"},
    "rate of zero": {
        "optimizer": "opt = torch.optim.SGD([{'params': model.body.parameters(), 'lr': 0.0}, "
        "{'params': model.head.parameters()}], lr=0.1)"
    },
    "built too early": {
        "optimizer": "opt = torch.optim.SGD(model.parameters(), lr=0.1); model.head = nn.Linear(16, 3)"
    },
    "head left out": {"optimizer": "opt = torch.optim.SGD(model.body.parameters(), lr=0.1)"},
    "hidden in a list": {
        "layers": "self.parts = [nn.Linear(16, 16), nn.Linear(16, 16)]",
        "run": "h = self.parts[1](self.parts[0](h).relu())",
    },
    "too small for bfloat16": {
        "optimizer": "model.bfloat16(); opt = torch.optim.SGD(model.parameters(), lr=1e-7)",
        "x": "x.bfloat16()",
    },
    "never cleared": {"clear": "pass"},
    "plan in batches": {"schedule": COSINE.format("epochs * len(loader)"), **ACCUMULATED},
    "plan in epochs": {"schedule": COSINE.format("epochs"), "after": "update(model, opt, scaler); sched.step()"},
    "plan in batches, once an epoch": {"schedule": COSINE.format("epochs * len(loader)"), "end": "sched.step()"},
    "decay on every batch": {
        "schedule": "sched = torch.optim.lr_scheduler.ExponentialLR(opt, gamma=0.5)",
        "after": "update(model, opt, scaler); sched.step()",
    },
    "loss of NaN": {"loss": "loss = loss + (0.0 * x).log().sum() * 0.0"},
    "statistics of Inf": {"after": "model.body[1].running_var.fill_(float('inf')); update(model, opt, scaler)"},
    "always skipped": {**SCALED, "loss": "loss = loss * (float('inf') if epoch or i > 1 else 1.0)"},
}
"""What each breaks is said in the test."""

HEALTHY: Mapping[str, Mapping[str, str]] = {
    "sound": {},
    "plan in steps": {"schedule": COSINE.format("epochs * len(loader) // accumulation"), **ACCUMULATED},
    "plan in epochs, once an epoch": {"schedule": COSINE.format("epochs"), "end": "sched.step()"},
    "two plans in a row": {
        "schedule": "sched = torch.optim.lr_scheduler.SequentialLR(opt, ["
        "torch.optim.lr_scheduler.LinearLR(opt, 0.1, total_iters=6), "
        "torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * len(loader) - 6)], milestones=[6])",
        "after": "update(model, opt, scaler); sched.step()",
    },
    "warm-up from zero": {
        "schedule": "sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda n, total_steps=60: min(n, 5) / 5)",
        "after": "update(model, opt, scaler); sched.step()",
    },
    "moving average inside": {
        "layers": "self.teacher = nn.Linear(16, 3)",
        "run": "with torch.no_grad(): self.teacher(h)",
        "after": """update(model, opt, scaler)
            with torch.no_grad():
                for a, b in zip(model.teacher.parameters(), model.head.parameters()):
                    a.lerp_(b, 0.1)""",
    },
    "only the head is trained": {"optimizer": "opt = torch.optim.SGD(model.head.parameters(), lr=0.1, momentum=0.9)"}
    | {"layers": "self.body.insert(0, nn.Linear(8, 8))"},
    "frozen body": {
        "optimizer": "model.body.requires_grad_(False); opt = torch.optim.Adam(model.parameters(), weight_decay=1e-2)"
    },
    "rows of an embedding": {
        "layers": "self.table = nn.Embedding(50000, 16)",
        "run": "h = h + self.table((x[:, 0].abs() * 5).long())",
        "optimizer": "opt = torch.optim.Adam([{'params': model.table.parameters()}, {'params': [p for n, p in "
        "model.named_parameters() if 'table' not in n]}], lr=1e-3)",
    },
    "cleared by hand": {"clear": "for p in model.parameters(): p.grad = None"},
    "cleared to zeros": {"clear": "opt.zero_grad(set_to_none=False)"},
    "warm-up of the scaler": {**SCALED, "loss": "loss = loss * (float('inf') if not epoch and i < 2 else 1.0)"},
    "one expert at a time": {
        "layers": "self.experts = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))",
        "run": "h = self.experts[0](h)",
    },
}


def source(pieces: Mapping[str, str]) -> str:
    """The program with some of its pieces replaced."""
    return BASE.format(**{**SOUND, **pieces})
