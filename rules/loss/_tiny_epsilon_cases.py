"""Cases of tiny-epsilon."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_AMP = """\
import torch
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 1)

    def forward(self, x):
        return self.head(x).squeeze(-1)


def focal(logits, target, gamma=2.0):
    p = torch.sigmoid({logits})
    pos = (1 - p) ** gamma * target * -{pos}.log()
    neg = p**gamma * (1 - target) * -{neg}.log()
    return (pos + neg).mean()


def train(loader, device):
    model = Detector().to(device)
    optimizer = torch.optim.AdamW(model.parameters())
    scaler = torch.cuda.amp.GradScaler()
    for x, target in loader:
        with torch.autocast("cuda", dtype=torch.{type}):
            loss = focal(model(x.to(device)), target.to(device))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
"""
_KL = """\
import torch
import torch.nn.functional as F
from torch import nn


class SoftCrossEntropy(nn.Module):
    def forward(self, logits, target):
{body}
"""
_BCE = """\
import torch

EPS = {eps}


def bce(prob, target):
    prob = torch.clamp(prob, EPS, {high})
    return -(target * torch.log(prob) + (1 - target) * torch.log(1 - prob)).mean()
"""
_TRIPLET = """\
import torch
import torch.nn.functional as F
from torch import nn


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(128, 32)

    def forward(self, x):
        return self.fc(x)


def pairwise(z):
    square = z.pow(2).sum(1)
    dist = square[:, None] + square[None, :] - 2 * z @ z.t()
    return {root}


def step(net, x, same, optimizer):
    net = Embedder()
    dist = pairwise(net(x))
    loss = (dist * same).sum() + F.relu(1 - dist * (1 - same)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_GAP = """\
import torch

FLOOR = {floor}


def gap_term(factor, noise):
    values = torch.linalg.eigvalsh(factor.transpose(-1, -2) @ factor)
    gap = values[:, 0]
    return torch.log1p(noise / ({gap})).mean()
"""

_DRAWN = """\
import torch


def step(model, ids, greedy=False):
    probs = torch.softmax(model(ids)[:, -1], dim=-1)
    if greedy:
        chosen = torch.argmax(probs, dim=-1, keepdim=True)
    else:
        chosen = {chosen}
    picked = probs.gather(dim=1, index=chosen).squeeze(-1)
    return chosen, picked.log()
"""

VALID = (
    Valid(_DRAWN.format(chosen="torch.multinomial(probs, num_samples=1)"), "what was drawn had a probability"),
    Valid(
        _DRAWN.format(chosen="nucleus(probs, 0.9)")
        + """\


def nucleus(probs, mass):
    ranked, order = probs.sort(dim=-1, descending=True)
    before = ranked.cumsum(dim=-1) - ranked
    drawn = torch.multinomial(ranked.masked_fill(before > mass, 0.0), num_samples=1)
    return torch.gather(order, -1, drawn)
""",
        "what a helper has drawn had a probability",
    ),
    Valid(
        """\
import torch


def surprise(logits, typical):
    p = logits.softmax(dim=1)
    own = torch.where(p > 0, p * p.log(), torch.zeros_like(p)).sum(dim=1, keepdim=True)
    return (own - p @ typical.t()).min(dim=1).values
""",
        "a score without a gradient, and the infinity is left out: low confidence",
    ),
    Valid(
        _AMP.format(logits="logits", pos="(p + 1e-8)", neg="(1 - p + 1e-8)", type="bfloat16"),
        "bfloat16 has float32's range",
    ),
    Valid(
        _AMP.format(logits="logits", pos="(p + 1e-6)", neg="(1 - p + 1e-6)", type="float16"), "large enough for float16"
    ),
    Valid(_AMP.format(logits="logits.float()", pos="(p + 1e-8)", neg="(1 - p + 1e-8)", type="float16"), "in float32"),
    Valid(
        _AMP.format(logits="logits", pos="(p + 1e-8)", neg="(1 - p + 1e-8)", type="float16").replace(
            "torch.sigmoid(logits)", "torch.softmax(logits, dim=0)"
        ),
        "autocast runs softmax in float32",
    ),
    Valid(
        _KL.format(
            body="        probs = F.softmax(logits, 1)\n        return (-target * torch.log(probs + 1e-8)).sum(1).mean()"
        ),
        "a floor that float32 has",
    ),
    Valid(_KL.format(body="        return (-target * F.log_softmax(logits, 1)).sum(1).mean()"), "nothing underflows"),
    Valid(
        _KL.format(body="        mean = F.softmax(logits, 1).mean(0)\n        return (mean * torch.log(mean)).sum()"),
        "a mean over the batch is 0 only where every row is",
    ),
    Valid(
        _KL.format(
            body="        p = F.softmax(logits, 1)\n        p = torch.masked_select(p, p.ge(1e-6))\n        return -(p * torch.log(p)).sum()"
        ),
        "what is small is left out first",
    ),
    Valid(_BCE.format(eps="1e-6", high="1 - EPS"), "float32 tells 1 - 1e-6 from 1"),
    Valid(
        _BCE.format(eps="1e-8", high="1 - EPS").replace("torch.clamp(prob,", "torch.clamp(prob.double(),"),
        "float64 tells 1 - 1e-8 from 1",
    ),
    Valid(_TRIPLET.format(root="dist.clamp(min=1e-12).sqrt()"), "clamped above 0"),
    Valid(_TRIPLET.format(root="dist.clamp(min=0)"), "no root"),
    Valid(_GAP.format(floor="1e-5", gap="gap + FLOOR"), "above the rounding of eigenvalues"),
    Valid(
        """\
import numpy as np
import torch


def ap_per_class(tp, conf, n_labels):
    recall = np.cumsum(tp) / (n_labels + 1e-16)
    return np.log(recall + 1e-16), torch.tensor(recall)
""",
        "NumPy's float64",
    ),
    Valid(
        """\
import torch


@torch.no_grad()
def distances(a, b):
    return torch.sqrt(torch.clamp((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, min=0))
""",
        "no gradient is asked for",
    ),
)

INVALID = (
    Invalid(
        _DRAWN.format(chosen="ids[:, -1:]"),
        at=[("train.py", 11)],
        why="what was there may have none",
    ),
    Invalid(
        _AMP.format(logits="logits", pos="(p + 1e-8)", neg="(1 - p + 1e-8)", type="float16"),
        at=[("train.py", 16), ("train.py", 17)],
        fixed=_AMP.format(
            logits="logits",
            pos="(p + max(1e-8, torch.finfo(p.dtype).tiny))",
            neg="(1 - p + max(1e-8, torch.finfo(p.dtype).tiny))",
            type="float16",
        ),
        why="sigmoid stays in float16 under autocast, and the loss is called inside of the region",
    ),
    Invalid(
        _AMP.format(logits="logits", pos="p.clamp(min=1e-9)", neg="(1 - p).clamp(min=1e-9)", type="half"),
        at=[("train.py", 16), ("train.py", 17)],
        fixed=_AMP.format(
            logits="logits",
            pos="p.clamp(min=max(1e-9, torch.finfo(p.dtype).tiny))",
            neg="(1 - p).clamp(min=max(1e-9, torch.finfo(p.dtype).tiny))",
            type="half",
        ),
        why="the same with clamps",
    ),
    Invalid(
        _KL.format(
            body="        probs = F.softmax(logits, 1)\n        nll_loss = (-target * torch.log(probs)).sum(1).mean()\n        return nll_loss"
        ),
        at=[("train.py", 9)],
        fixed=_KL.format(
            body="        probs = F.softmax(logits, 1)\n        nll_loss = (\n            -target * torch.log("
            "probs.clamp_min(torch.finfo(probs.dtype).tiny))\n        ).sum(1).mean()\n        return nll_loss"
        ),
        why="0 * -inf where the target is 0 as well",
    ),
    Invalid(
        _KL.format(body="        return F.kl_div(torch.log(F.softmax(logits, dim=1)), target)"),
        at=[("train.py", 8)],
        fixed=_KL.format(body="        return F.kl_div(F.log_softmax(logits, dim=1), target)").removeprefix(
            "import torch\n"
        ),
        why="the logarithm of a softmax, written in one",
    ),
    Invalid(
        _KL.format(body="        return (-target * logits.softmax(dim=-1).log()).sum(1).mean()"),
        at=[("train.py", 8)],
        fixed=_KL.format(body="        return (-target * logits.log_softmax(dim=-1)).sum(1).mean()"),
        why="as methods",
    ),
    Invalid(
        _KL.format(body="        return -(target * torch.log(torch.sigmoid(logits))).mean()"),
        at=[("train.py", 8)],
        fixed=_KL.format(body="        return -(target * nn.functional.logsigmoid(logits)).mean()").removeprefix(
            "import torch\n"
        ),
        why="the logarithm of a sigmoid",
    ),
    Invalid(
        _KL.format(
            body="        p = torch.sigmoid(logits)\n        return -(target * torch.log(p + 1e-7) + (1 - target) * torch.log(1 - p)).mean()"
        ),
        at=[("train.py", 9)],
        fixed=_KL.format(
            body="        p = torch.sigmoid(logits)\n        return -(\n            target * torch.log(p + 1e-7)\n"
            "            + (1 - target) * torch.log((1 - p).clamp_min(torch.finfo(p.dtype).tiny))\n        ).mean()"
        ),
        why="one of both sides has no floor",
    ),
    Invalid(
        _BCE.format(eps="1e-8", high="1 - EPS"),
        at=[("train.py", 7)],
        fixed=_BCE.format(eps="1e-8", high="min(1 - EPS, 1 - torch.finfo(prob.dtype).eps)"),
        why="1 - 1e-8 is 1 in float32",
    ),
    Invalid(
        """\
import torch


def angle(a, b):
    cosine = (a * b).sum(-1)
    return torch.acos(cosine.clamp(-1 + 1e-8, 1 - 1e-8)).mean()
""",
        at=[("train.py", 6)],
        fixed="""\
import torch


def angle(a, b):
    cosine = (a * b).sum(-1)
    eps = torch.finfo(cosine.dtype).eps
    return torch.acos(cosine.clamp(max(-1 + 1e-8, eps - 1), min(1 - 1e-8, 1 - eps))).mean()
""".replace("    eps = torch.finfo(cosine.dtype).eps\n", "")
        .replace("eps - 1", "torch.finfo(cosine.dtype).eps - 1")
        .replace("1 - eps", "1 - torch.finfo(cosine.dtype).eps"),
        why="acos has an infinite slope at 1",
    ),
    Invalid(
        _TRIPLET.format(root="dist.clamp(min=0).sqrt()"),
        at=[("train.py", 18)],
        fixed=_TRIPLET.format(root="dist.clamp(min=torch.finfo(dist.dtype).tiny).sqrt()"),
        why="the distance of each row to itself is 0",
    ),
    Invalid(
        _TRIPLET.format(root="torch.sqrt(dist + 1e-12)"),
        at=[("train.py", 18)],
        fixed=_TRIPLET.format(root="torch.sqrt(dist.clamp_min(max(1e-12, torch.finfo(dist.dtype).eps)))"),
        confidence=Confidence.MEDIUM,
        why="a squared distance written out may be a little below 0",
    ),
    Invalid(
        _GAP.format(floor="1e-12", gap="gap + FLOOR"),
        at=[("train.py", 9)],
        fixed=_GAP.format(floor="1e-12", gap="gap.clamp_min(max(FLOOR, torch.finfo(gap.dtype).eps))"),
        confidence=Confidence.MEDIUM,
        why="an eigenvalue of float32 is known to 1e-7 at best",
    ),
)
