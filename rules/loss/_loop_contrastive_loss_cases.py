"""Cases of loop-contrastive-loss."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
_NT_XENT = (
    _HEAD
    + """\
def nt_xent(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    partner = torch.arange(z.size(0), device=z.device).roll(z1.size(0))
    loss = z.new_zeros(())
{loop}
    return loss / z.size(0)
"""
)
_MATRIX = (
    _HEAD
    + """\
def nt_xent(z1, z2, temperature=0.5):
    z = torch.cat([z1, z2])
    n = z.size(0)
    partner = torch.arange(n).roll(n // 2)
    own = torch.eye(n, dtype=torch.bool)
    sim = (torch.mm(z, z.t()) / temperature).masked_fill(own, float("-inf"))
    losses = []
    total = 0.0
{loop}
    return total / n
"""
)
_MARGIN = (
    _HEAD
    + """\
class Alignment(nn.Module):
    def __init__(self, margin=0.2):
        super().__init__()
        self.margin = margin

    def forward(self, images, texts):
        sim = torch.mm(F.normalize(images, dim=1), F.normalize(texts, dim=1).t())
        loss = torch.zeros((), device=sim.device)
{loop}
        return loss / (2 * len(sim))
"""
)
_PAIRS = (
    _HEAD
    + """\
def info_nce(queries, keys, temperature):
    losses = []
{loop}
    return torch.stack(losses).mean()
"""
)

VALID = (
    Valid(
        _HEAD
        + """\
def swapped(scores, queue, prototypes, views, batch, temperature):
    loss = 0.0
    for i, view in enumerate(views):
        with torch.no_grad():
            seen = torch.cat((torch.mm(queue[i], prototypes.t()), scores[batch * view : batch * (view + 1)]))
            codes = assign(seen)[-batch:]
        part = 0.0
        for other in views:
            log_p = F.log_softmax(scores[batch * other : batch * (other + 1)] / temperature, dim=1)
            part = part - (codes * log_p).sum(dim=1).mean()
        loss = loss + part / len(views)
    return loss / len(views)
""",
        "a queue of whole batches for each view",
    ),
    Valid(
        _NT_XENT.format(
            loop="    logits = z @ z.t() / temperature\n    loss = loss + F.cross_entropy(logits, partner, reduction='sum')"
        ),
        "all rows at once",
    ),
    Valid(
        _HEAD
        + """\
def multi_view(views, labels, temperature):
    loss = 0.0
    for z in views:
        logits = z @ z.t() / temperature
        loss = loss + F.cross_entropy(logits, labels)
    return loss / len(views)
""",
        "a loop over views, each a matrix of its own",
    ),
    Valid(
        _HEAD
        + """\
def layers(features, targets, temperature):
    loss = 0.0
    for i in range(len(features)):
        q, k = F.normalize(features[i], dim=1), F.normalize(targets[i], dim=1)
        loss += F.cross_entropy(q @ k.t() / temperature, torch.arange(len(q)))
    return loss
""",
        "a loop over layers",
    ),
    Valid(
        _HEAD
        + """\
class NTXent(nn.Module):
    def __init__(self, batch_size):
        super().__init__()
        n = 2 * batch_size
        mask = torch.ones((n, n), dtype=torch.bool).fill_diagonal_(0)
        for i in range(batch_size):
            mask[i, batch_size + i] = 0
            mask[batch_size + i, i] = 0
        self.mask = mask

    def forward(self, z):
        sim = z @ z.t()
        return -torch.log_softmax(sim[self.mask].view(len(z), -1), dim=1).mean()
""",
        "the loop builds a mask, once",
    ),
    Valid(
        _HEAD
        + """\
def rank_n_contrast(features, labels):
    logits = -torch.cdist(features, features)
    diffs = (labels[:, None] - labels[None, :]).abs()
    n, loss = len(logits), 0.0
    for k in range(n - 1):
        positive = logits[:, k]
        others = (diffs >= diffs[:, k].view(-1, 1)).float()
        loss += -(positive - torch.log((others * logits.exp()).sum(dim=-1))).sum() / (n * (n - 1))
    return loss
""",
        "each turn works on a column of all rows",
    ),
    Valid(
        _HEAD
        + """\
@torch.no_grad()
def retrieval(z, labels):
    sim = z @ z.t()
    hits = 0
    for i in range(len(z)):
        order = sim[i].argsort(descending=True)
        hits += (labels[order[1]] == labels[i]).log().sum()
    return hits / len(z)
""",
        "an evaluation, without gradients",
    ),
    Valid(
        _HEAD
        + """\
def dice(probs, target):
    loss = 0.0
    for c in range(probs.size(1)):
        p, t = probs[:, c], target[:, c]
        loss += 1 - 2 * (p * t).sum() / (p.sum() + t.sum()).clamp(min=1e-5)
    return loss
""",
        "a loop over classes",
    ),
    Valid(
        _HEAD
        + """\
def attend(cell, steps, memory):
    h, loss = torch.zeros(memory.size(1)), 0.0
    for x in steps:
        h = cell(x, h)
        loss = loss - torch.log_softmax(memory @ h, dim=0)[0]
    return loss
""",
        "each step needs the one before it: what is compared is no row",
    ),
)

INVALID = (
    Invalid(
        _NT_XENT.format(
            loop="    for i, anchor in enumerate(z):\n"
            "        logits = torch.mv(z, anchor) / temperature\n"
            "        loss = loss + torch.logsumexp(logits, dim=0) - logits[partner[i]]"
        ),
        at=[("train.py", 10)],
        fixed=_NT_XENT.format(
            loop="    rows = torch.arange(len(z), device=z.device)\n"
            "    logits = (z @ z.t()) / temperature\n"
            "    loss = loss + (torch.logsumexp(logits, dim=1) - logits[rows, partner]).sum()"
        ),
        why="anchor by anchor, as in the paper",
    ),
    Invalid(
        _NT_XENT.format(
            loop="    for i, anchor in enumerate(z):\n"
            "        # every other row is a negative\n"
            "        logits = torch.mv(z, anchor) / temperature\n"
            "        own = torch.arange(logits.size(-1), device=logits.device) == i\n"
            '        loss += torch.logsumexp(logits.masked_fill(own, float("-inf")), dim=0)\n'
            "        loss -= logits[partner[i]]  # the positive"
        ),
        at=[("train.py", 10)],
        fixed=_NT_XENT.format(
            loop="    rows = torch.arange(len(z), device=z.device)\n"
            "    # every other row is a negative\n"
            "    logits = (z @ z.t()) / temperature\n"
            "    own = torch.arange(logits.size(-1), device=logits.device) == rows[:, None]\n"
            '    loss += torch.logsumexp(logits.masked_fill(own, float("-inf")), dim=1).sum()\n'
            "    loss -= logits[rows, partner].sum()  # the positive"
        ),
        why="with the row's own place masked",
    ),
    Invalid(
        _MATRIX.format(
            loop="    for i in range(n):\n        total += F.cross_entropy(sim[i].unsqueeze(0), partner[i].unsqueeze(0))"
        ),
        at=[("train.py", 14)],
        fixed=_MATRIX.format(loop='    total += F.cross_entropy(sim, partner, reduction="none").sum()'),
        why="a cross entropy for each row of the matrix",
    ),
    Invalid(
        _MATRIX.format(
            loop="    for i in range(n):\n"
            "        positive = sim[i, partner[i]].exp()\n"
            "        total = total - torch.log(positive / sim[i].exp().sum())"
        ),
        at=[("train.py", 14)],
        fixed=_MATRIX.format(
            loop="    rows = torch.arange(n, device=sim.device)\n"
            "    positive = sim[rows, partner].exp()\n"
            "    total = total + (- torch.log(positive / sim.exp().sum(dim=1))).sum()"
        ),
        why="the share of the positive",
    ),
    Invalid(
        _MARGIN.format(
            loop="        for i in range(len(sim)):\n"
            "            positive = sim[i, i]\n"
            "            others = torch.cat((sim[i, :i], sim[i, i + 1 :]))\n"
            "            loss += torch.sum(F.relu(-positive + others + self.margin))\n"
            "            others = torch.cat((sim[:i, i], sim[i + 1 :, i]))\n"
            "            loss += torch.sum(F.relu(-positive + others + self.margin))"
        ),
        at=[("train.py", 14)],
        fixed=_MARGIN.format(
            loop="        rows = torch.arange(len(sim), device=sim.device)\n"
            "        positive = sim.diagonal()\n"
            "        loss += torch.sum(F.relu(((-positive)[:, None] + sim) + self.margin)"
            ".masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), 0), dim=1).sum()\n"
            "        loss += torch.sum(F.relu(((-positive)[:, None] + sim.t()) + self.margin)"
            ".masked_fill(torch.eye(len(rows), dtype=torch.bool, device=rows.device), 0), dim=1).sum()"
        ),
        why="a margin between the positive and the others, both ways",
    ),
    Invalid(
        _PAIRS.format(
            loop="    for q, k in zip(queries, keys):\n"
            "        logits = torch.mv(keys, q) / temperature\n"
            "        losses.append(torch.logsumexp(logits, dim=0) - torch.dot(q, k) / temperature)"
        ),
        at=[("train.py", 8)],
        fixed=_PAIRS.format(
            loop="    logits = (queries @ keys.t()) / temperature\n"
            "    losses.extend(torch.logsumexp(logits, dim=1) - ((queries * keys).sum(dim=1) / temperature))"
        ),
        why="two towers, and a list of losses",
    ),
    Invalid(
        _MATRIX.format(
            loop="    for i in range(n):\n"
            "        if torch.isnan(sim[i]).all():\n"
            "            continue\n"
            "        total += F.cross_entropy(sim[i].unsqueeze(0), partner[i].unsqueeze(0))"
        ),
        at=[("train.py", 14)],
        confidence=Confidence.MEDIUM,
        why="a branch for each row: reported, not mended",
    ),
    Invalid(
        _NT_XENT.format(
            loop="    for i in range(len(z)):\n"
            "        bottom = 0.0\n"
            "        for j in range(len(z)):\n"
            "            if j != i:\n"
            "                bottom = bottom + torch.exp(torch.dot(z[i], z[j]) / temperature)\n"
            "        loss = loss + torch.log(bottom) - torch.dot(z[i], z[partner[i]]) / temperature"
        ),
        at=[("train.py", 10)],
        confidence=Confidence.MEDIUM,
        why="pair by pair: reported, not mended",
    ),
)
