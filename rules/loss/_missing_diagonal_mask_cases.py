"""Cases of missing-diagonal-mask."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

VALID = (
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def clip(a, b, s):
    logits = s.exp() * a @ b.t()
    labels = torch.arange(len(a))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2
""",
        "two towers",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, t):
    sim = z @ z.t() / t
    labels = torch.arange(z.size(0), dtype=torch.long, device=z.device)
    return F.cross_entropy(sim, labels)
""",
        "the diagonal is the class that is meant",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class NonLocal(nn.Module):
    def forward(self, x):
        attn = torch.softmax(x @ x.transpose(-2, -1), dim=-1)
        return attn @ x
""",
        "attention, no loss",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def att(x, w):
    e = torch.exp(x @ x.transpose(-2, -1))
    p = e / e.sum(-1, keepdim=True)
    return p @ w
""",
        "attention by hand",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, pos, t):
    e = torch.exp(z @ z.t() / t)
    mask = 1 - torch.eye(e.size(0), device=e.device)
    return -torch.log(pos / (e * mask).sum(1)).mean()
""",
        "one minus the identity",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels, t):
    sim = z @ z.T
    n = len(z)
    sim = sim[~torch.eye(n, dtype=torch.bool, device=z.device)].view(n, n - 1)
    return F.cross_entropy(sim / t, labels)
""",
        "self pairs selected away",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels):
    sim = z @ z.T / 0.1
    sim.fill_diagonal_(float("-inf"))
    return F.cross_entropy(sim, labels)
""",
        "filled in place",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels):
    sim = z @ z.T / 0.1
    d = sim.diagonal()
    d.fill_(-1e9)
    return F.cross_entropy(sim, labels)
""",
        "a view of the diagonal is filled",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels):
    sim = z @ z.T / 0.1
    for i in range(len(z)):
        sim[i, i] = -1e9
    return F.cross_entropy(sim, labels)
""",
        "set in a loop",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels):
    sim = z @ z.T / 0.1
    sim = sim - torch.eye(len(z)) * 1e9
    return F.cross_entropy(sim, labels)
""",
        "a large multiple of the identity is subtracted",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, pos):
    e = torch.exp(z @ z.T / 0.1)
    denom = e.sum(1) - e.diag()
    return -torch.log(pos / denom).mean()
""",
        "the diagonal is subtracted from the sum",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


import math
def f(z, pos, t):
    e = torch.exp(z @ z.T / t)
    denom = e.sum(1) - math.e ** (1 / t)
    return -torch.log(pos / denom).mean()
""",
        "exp(1/t) is subtracted from the sum",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def drop_self(m):
    m.fill_diagonal_(-1e9)


def f(z, labels):
    sim = z @ z.T / 0.1
    drop_self(sim)
    return F.cross_entropy(sim, labels)
""",
        "a helper fills it in place",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def sims(z, t):
    return torch.mm(z, z.t()) / t


def f(z, labels, t):
    s = sims(z, t)
    eye = torch.eye(len(z), dtype=torch.bool)
    s = s.masked_fill(eye, -9e15)
    return torch.logsumexp(s, 1).mean() - s[labels].mean()
""",
        "the caller of the helper masks",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def rkd(s, t):
    ps = F.log_softmax(s @ s.t(), dim=1)
    pt = F.softmax(t @ t.t(), dim=1)
    return F.kl_div(ps, pt, reduction="batchmean")
""",
        "distillation compares two matrices",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def ent(x):
    p = torch.softmax(x @ x.T, dim=1)
    return -(p * torch.log(p + 1e-8)).sum(1).mean()
""",
        "the entropy of a softmax",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, mask, t):
    logits = z @ z.T / t
    logits_mask = torch.scatter(torch.ones_like(mask), 1, torch.arange(len(z)).view(-1, 1), 0)
    e = torch.exp(logits) * logits_mask
    lp = logits - torch.log(e.sum(1, keepdim=True))
    return -(mask * lp).sum(1).mean()
""",
        "a mask made by scatter",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Moco(nn.Module):
    def forward(self, q, k):
        lpos = torch.einsum("nc,nc->n", [q, k]).unsqueeze(-1)
        lneg = torch.einsum("nc,ck->nk", [q, self.queue])
        logits = torch.cat([lpos, lneg], dim=1)
        return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
""",
        "a queue of other samples",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(enc, batch, t):
    z1, z2 = enc(batch), enc(batch)
    sim = F.cosine_similarity(z1.unsqueeze(1), z2.unsqueeze(0), dim=-1) / t
    return F.cross_entropy(sim, torch.arange(sim.size(0)))
""",
        "two passes",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels):
    sim = z @ z.transpose(-1, -2)
    logits = torch.tril(sim, -1)[..., :-1] + torch.triu(sim, 1)[..., 1:]
    return F.cross_entropy(logits, labels)
""",
        "the diagonal is cut out",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, labels, mask_self=True):
    sim = z @ z.T
    if mask_self:
        sim = sim.masked_fill(torch.eye(len(z)).bool(), -1e9)
    return F.cross_entropy(sim, labels)
""",
        "masked under a flag",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(a, b=None, labels=None):
    b = a if b is None else b
    return F.cross_entropy(a @ b.t(), labels)
""",
        "one tower unless two are given",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(z, neg_mask, pos, t):
    e = torch.exp(z @ z.T / t)
    return -torch.log(pos / (e * neg_mask).sum(1)).mean()
""",
        "what the given mask holds is not known",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def f(img, txt, t):
    logits = txt @ img.T / t
    targets = F.softmax((img @ img.T + txt @ txt.T) / 2 * t, dim=-1)
    return (-targets * F.log_softmax(logits, dim=-1)).sum(1).mean()
""",
        "the softmax of similarities is the target",
    ),
    Valid(
        """\
import torch


def by_anchor(z, y, t):
    s = z @ z.t() / t
    total = 0.0
    for i in range(len(z)):
        others = torch.ones(len(z), dtype=torch.bool)
        others[i] = False
        share = torch.exp(s[i][(y == y[i]) & others]).sum() / torch.exp(s[i][others]).sum()
        total = total - torch.log(share)
    return total / len(z)
""",
        "the row's own number is left out of the row",
    ),
    Valid(
        """\
import torch


def by_anchor(z, y, t):
    s = z @ z.t() / t
    total = 0.0
    for i in range(len(z)):
        row = s[i].clone()
        row[i] = -1e9
        total = total - (row[y[i]] - torch.logsumexp(row, dim=0))
    return total / len(z)
""",
        "the row's own entry is overwritten",
    ),
    Valid(
        """\
import torch


def by_anchor(z, y, t):
    e = torch.exp(z @ z.t() / t)
    total = 0.0
    for i in range(len(z)):
        total = total - torch.log(e[i, y[i]] / (e[i].sum() - e[i, i]))
    return total / len(z)
""",
        "the row's own entry is subtracted from its sum",
    ),
    Valid(
        """\
import torch


def to_centres(z, centres, y):
    d = -torch.cdist(z, centres)
    total = 0.0
    for i in range(len(z)):
        total = total - torch.log(torch.exp(d[i, y[i]]) / torch.exp(d[i]).sum())
    return total / len(z)
""",
        "rows against other vectors",
    ),
)

INVALID = (
    Invalid(
        """\
import torch

temperature = 0.5


def train(net, loader, optimizer):
    for pos_1, pos_2 in loader:
        out_1, out_2 = net(pos_1), net(pos_2)
        out = torch.cat([out_1, out_2], dim=0)
        sim_matrix = torch.exp(torch.mm(out, out.t().contiguous()) / temperature)
        pos_sim = torch.exp(torch.sum(out_1 * out_2, dim=-1) / temperature)
        pos_sim = torch.cat([pos_sim, pos_sim], dim=0)
        loss = (-torch.log(pos_sim / sim_matrix.sum(dim=-1))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        [("train.py", 13)],
        """\
import torch

temperature = 0.5


def train(net, loader, optimizer):
    for pos_1, pos_2 in loader:
        out_1, out_2 = net(pos_1), net(pos_2)
        out = torch.cat([out_1, out_2], dim=0)
        sim_matrix = torch.exp(torch.mm(out, out.t().contiguous()) / temperature)
        pos_sim = torch.exp(torch.sum(out_1 * out_2, dim=-1) / temperature)
        pos_sim = torch.cat([pos_sim, pos_sim], dim=0)
        self_pairs = torch.eye(sim_matrix.size(-1), dtype=torch.bool, device=sim_matrix.device)
        loss = (-torch.log(pos_sim / sim_matrix.masked_fill(self_pairs, 0).sum(dim=-1))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        Confidence.HIGH,
        "a plain sum of exponentials, all pairs in it",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def supervised_contrastive(embeddings, labels, temperature=0.1):
    embeddings = F.normalize(embeddings, dim=-1)
    sim = embeddings @ embeddings.T / temperature
    positives = labels[:, None] == labels[None, :]
    positives.fill_diagonal_(False)
    log_prob = F.log_softmax(sim, dim=1)
    return -(log_prob * positives).sum(1).div(positives.sum(1).clamp(min=1)).mean()
""",
        [("train.py", 10)],
        """\
import torch
import torch.nn.functional as F


def supervised_contrastive(embeddings, labels, temperature=0.1):
    embeddings = F.normalize(embeddings, dim=-1)
    sim = embeddings @ embeddings.T / temperature
    positives = labels[:, None] == labels[None, :]
    positives.fill_diagonal_(False)
    self_pairs = torch.eye(sim.size(-1), dtype=torch.bool, device=sim.device)
    log_prob = F.log_softmax(sim.masked_fill(self_pairs, torch.finfo(sim.dtype).min), dim=1)
    return -(log_prob * positives).sum(1).div(positives.sum(1).clamp(min=1)).mean()
""",
        Confidence.HIGH,
        "the diagonal left the positives' mask, not the denominator; a mask is multiplied later",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def loss_fn(z, labels, tau=0.2):
    z = F.normalize(z)
    sim = torch.exp(torch.mm(z, z.t()) / tau)
    same = labels.unsqueeze(0).eq(labels.unsqueeze(1)).float()
    same.fill_diagonal_(0)
    pos = (sim * same).sum(dim=1)
    neg = (sim * (1 - same)).sum(dim=1)
    return -torch.log(pos / (pos + neg)).mean()
""",
        [("train.py", 11)],
        """\
import torch
import torch.nn.functional as F


def loss_fn(z, labels, tau=0.2):
    z = F.normalize(z)
    sim = torch.exp(torch.mm(z, z.t()) / tau)
    same = labels.unsqueeze(0).eq(labels.unsqueeze(1)).float()
    same.fill_diagonal_(0)
    pos = (sim * same).sum(dim=1)
    self_pairs = torch.eye(sim.size(-1), dtype=torch.bool, device=sim.device)
    neg = (sim * (1 - same)).masked_fill(self_pairs, 0).sum(dim=1)
    return -torch.log(pos / (pos + neg)).mean()
""",
        Confidence.MEDIUM,
        "what is not a positive is a negative here, the diagonal among it",
    ),
    Invalid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class NTXentLoss(nn.Module):
    def __init__(self, temperature: float = 0.5):
        super().__init__()
        self.temperature = temperature
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, z_i, z_j):
        n = z_i.size(0)
        z = torch.cat((z_i, z_j), dim=0)
        z = F.normalize(z, dim=1)
        sim = F.cosine_similarity(z.unsqueeze(1), z.unsqueeze(0), dim=2) / self.temperature
        labels = torch.arange(2 * n, device=z.device)
        labels = (labels + n) % (2 * n)
        return self.criterion(sim, labels)
""",
        [("train.py", 19)],
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class NTXentLoss(nn.Module):
    def __init__(self, temperature: float = 0.5):
        super().__init__()
        self.temperature = temperature
        self.criterion = nn.CrossEntropyLoss()

    def forward(self, z_i, z_j):
        n = z_i.size(0)
        z = torch.cat((z_i, z_j), dim=0)
        z = F.normalize(z, dim=1)
        sim = F.cosine_similarity(z.unsqueeze(1), z.unsqueeze(0), dim=2) / self.temperature
        labels = torch.arange(2 * n, device=z.device)
        labels = (labels + n) % (2 * n)
        self_pairs = torch.eye(sim.size(-1), dtype=torch.bool, device=sim.device)
        return self.criterion(sim.masked_fill(self_pairs, float("-inf")), labels)
""",
        Confidence.HIGH,
        "two views concatenated, shifted targets, a criterion made in the constructor",
    ),
    Invalid(
        """\
import torch
from torch import nn


class Contrast(nn.Module):
    def __init__(self, t):
        super().__init__()
        self.t = t
        self.similarity = nn.CosineSimilarity(dim=2)

    def forward(self, a, b):
        n = a.shape[0]
        both = torch.cat([a, b], 0)
        sim = self.similarity(both.unsqueeze(1), both.unsqueeze(0)) / self.t
        pos = torch.cat([torch.diag(sim, n), torch.diag(sim, -n)])
        return (torch.logsumexp(sim, dim=1) - pos).mean()
""",
        [("train.py", 16)],
        """\
import torch
from torch import nn


class Contrast(nn.Module):
    def __init__(self, t):
        super().__init__()
        self.t = t
        self.similarity = nn.CosineSimilarity(dim=2)

    def forward(self, a, b):
        n = a.shape[0]
        both = torch.cat([a, b], 0)
        sim = self.similarity(both.unsqueeze(1), both.unsqueeze(0)) / self.t
        pos = torch.cat([torch.diag(sim, n), torch.diag(sim, -n)])
        self_pairs = torch.eye(sim.size(-1), dtype=torch.bool, device=sim.device)
        return (torch.logsumexp(sim.masked_fill(self_pairs, float("-inf")), dim=1) - pos).mean()
""",
        Confidence.HIGH,
        "cosine module and logsumexp",
    ),
    Invalid(
        """\
import torch
from torch import nn


class SupConLoss(nn.Module):
    def __init__(self, temperature=0.07, contrast_mode="all"):
        super().__init__()
        self.temperature = temperature
        self.contrast_mode = contrast_mode

    def forward(self, features, labels):
        batch_size = features.shape[0]
        labels = labels.contiguous().view(-1, 1)
        mask = torch.eq(labels, labels.T).float()
        contrast_count = features.shape[1]
        contrast_feature = torch.cat(torch.unbind(features, dim=1), dim=0)
        if self.contrast_mode == "one":
            anchor_feature = features[:, 0]
            anchor_count = 1
        else:
            anchor_feature = contrast_feature
            anchor_count = contrast_count
        anchor_dot_contrast = torch.div(torch.matmul(anchor_feature, contrast_feature.T), self.temperature)
        logits_max, _ = torch.max(anchor_dot_contrast, dim=1, keepdim=True)
        logits = anchor_dot_contrast - logits_max.detach()
        mask = mask.repeat(anchor_count, contrast_count)
        exp_logits = torch.exp(logits)
        log_prob = logits - torch.log(exp_logits.sum(1, keepdim=True))
        mean_log_prob_pos = (mask * log_prob).sum(1) / mask.sum(1)
        return -mean_log_prob_pos.view(anchor_count, batch_size).mean()
""",
        [("train.py", 28)],
        """\
import torch
from torch import nn


class SupConLoss(nn.Module):
    def __init__(self, temperature=0.07, contrast_mode="all"):
        super().__init__()
        self.temperature = temperature
        self.contrast_mode = contrast_mode

    def forward(self, features, labels):
        batch_size = features.shape[0]
        labels = labels.contiguous().view(-1, 1)
        mask = torch.eq(labels, labels.T).float()
        contrast_count = features.shape[1]
        contrast_feature = torch.cat(torch.unbind(features, dim=1), dim=0)
        if self.contrast_mode == "one":
            anchor_feature = features[:, 0]
            anchor_count = 1
        else:
            anchor_feature = contrast_feature
            anchor_count = contrast_count
        anchor_dot_contrast = torch.div(torch.matmul(anchor_feature, contrast_feature.T), self.temperature)
        logits_max, _ = torch.max(anchor_dot_contrast, dim=1, keepdim=True)
        logits = anchor_dot_contrast - logits_max.detach()
        mask = mask.repeat(anchor_count, contrast_count)
        exp_logits = torch.exp(logits)
        self_pairs = torch.eye(
            exp_logits.size(-2), exp_logits.size(-1), dtype=torch.bool, device=exp_logits.device
        )
        log_prob = logits - torch.log(exp_logits.masked_fill(self_pairs, 0).sum(1, keepdim=True))
        mean_log_prob_pos = (mask * log_prob).sum(1) / mask.sum(1)
        return -mean_log_prob_pos.view(anchor_count, batch_size).mean()
""",
        Confidence.MEDIUM,
        "one branch makes anchors of the whole set",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def contrastive_loss(hidden1, hidden2, temperature=1.0):
    batch_size = hidden1.shape[0]
    labels = torch.arange(batch_size, device=hidden1.device)
    logits_aa = torch.matmul(hidden1, hidden1.transpose(0, 1)) / temperature
    logits_ab = torch.matmul(hidden1, hidden2.transpose(0, 1)) / temperature
    return F.cross_entropy(torch.cat([logits_ab, logits_aa], dim=1), labels)
""",
        [("train.py", 10)],
        """\
import torch
import torch.nn.functional as F


def contrastive_loss(hidden1, hidden2, temperature=1.0):
    batch_size = hidden1.shape[0]
    labels = torch.arange(batch_size, device=hidden1.device)
    logits_aa = torch.matmul(hidden1, hidden1.transpose(0, 1)) / temperature
    logits_ab = torch.matmul(hidden1, hidden2.transpose(0, 1)) / temperature
    self_pairs = torch.eye(logits_aa.size(-1), dtype=torch.bool, device=logits_aa.device)
    return F.cross_entropy(
        torch.cat([logits_ab, logits_aa.masked_fill(self_pairs, float("-inf"))], dim=1), labels
    )
""",
        Confidence.HIGH,
        "similarities within a view beside those between views",
    ),
    Invalid(
        {
            "sim.py": """\
import torch.nn.functional as F


def pairwise(x, temperature):
    x = F.normalize(x, dim=1)
    return x @ x.t() / temperature
""",
            "losses.py": """\
from torch import nn
from sim import pairwise


class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.ce = nn.CrossEntropyLoss(reduction="mean")

    def forward(self, z, target):
        return self.ce(pairwise(z, 0.07), target)
""",
        },
        [("losses.py", 11)],
        {
            "sim.py": """\
import torch.nn.functional as F


def pairwise(x, temperature):
    x = F.normalize(x, dim=1)
    return x @ x.t() / temperature
""",
            "losses.py": """\
import torch
from torch import nn
from sim import pairwise


class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.ce = nn.CrossEntropyLoss(reduction="mean")

    def forward(self, z, target):
        similarity = pairwise(z, 0.07)
        self_pairs = torch.eye(similarity.size(-1), dtype=torch.bool, device=similarity.device)
        return self.ce(
            similarity.masked_fill(self_pairs, torch.finfo(similarity.dtype).min), target
        )
""",
        },
        Confidence.MEDIUM,
        "the matrix comes from a helper in another file and has no name",
    ),
    Invalid(
        """\
import torch


def loss(z, i, j):
    p = torch.softmax(z @ z.T, dim=-1)
    return -torch.log(p[i, j] + 1e-8).mean()
""",
        [("train.py", 5)],
        """\
import torch


def loss(z, i, j):
    self_pairs = torch.eye(z.size(0), dtype=torch.bool, device=z.device)
    p = torch.softmax((z @ z.T).masked_fill(self_pairs, float("-inf")), dim=-1)
    return -torch.log(p[i, j] + 1e-8).mean()
""",
        Confidence.HIGH,
        "the logarithm of chosen shares of a softmax",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def instance_loss(z1, z2):
    B = z1.size(0)
    z = torch.cat([z1, z2], dim=0).transpose(0, 1)
    sim = torch.matmul(z, z.transpose(1, 2))
    logits = -F.log_softmax(sim, dim=-1)
    i = torch.arange(B, device=z1.device)
    return (logits[:, i, B + i].mean() + logits[:, B + i, i].mean()) / 2
""",
        [("train.py", 9)],
        """\
import torch
import torch.nn.functional as F


def instance_loss(z1, z2):
    B = z1.size(0)
    z = torch.cat([z1, z2], dim=0).transpose(0, 1)
    sim = torch.matmul(z, z.transpose(1, 2))
    self_pairs = torch.eye(sim.size(-1), dtype=torch.bool, device=sim.device)
    logits = -F.log_softmax(sim.masked_fill(self_pairs, torch.finfo(sim.dtype).min), dim=-1)
    i = torch.arange(B, device=z1.device)
    return (logits[:, i, B + i].mean() + logits[:, B + i, i].mean()) / 2
""",
        Confidence.HIGH,
        "one matrix a time step",
    ),
    Invalid(
        """\
import torch


def nt_xent(z, n, tau):
    total = 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        sims = torch.exp(torch.cosine_similarity(z[i].unsqueeze(0), z, dim=1) / tau)
        total = total - torch.log(sims[j] / sims.sum())
    return total / (2 * n)
""",
        [("train.py", 9)],
        """\
import torch


def nt_xent(z, n, tau):
    total = 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        sims = torch.exp(torch.cosine_similarity(z[i].unsqueeze(0), z, dim=1) / tau)
        self_pairs = torch.arange(sims.size(-1), device=sims.device) == i
        total = total - torch.log(sims[j] / sims.masked_fill(self_pairs, 0).sum())
    return total / (2 * n)
""",
        Confidence.HIGH,
        "row by row",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def loss(queries, keys):
    projs = torch.cat((queries, keys))
    logits = projs @ projs.t()
    logits /= 0.1
    b = queries.shape[0]
    labels = torch.cat((torch.arange(b) + b, torch.arange(b)))
    return F.cross_entropy(logits, labels)
""",
        [("train.py", 11)],
        """\
import torch
import torch.nn.functional as F


def loss(queries, keys):
    projs = torch.cat((queries, keys))
    logits = projs @ projs.t()
    logits /= 0.1
    b = queries.shape[0]
    labels = torch.cat((torch.arange(b) + b, torch.arange(b)))
    self_pairs = torch.eye(logits.size(-1), dtype=torch.bool, device=logits.device)
    return F.cross_entropy(logits.masked_fill(self_pairs, float("-inf")), labels)
""",
        Confidence.HIGH,
        "scaled in place",
    ),
    Invalid(
        """\
import torch


def nca(x, y):
    d = torch.cdist(x, x) ** 2
    e = torch.exp(-d)
    p = e / e.sum(1, keepdim=True)
    same = (y[:, None] == y[None]).float()
    same = same - torch.eye(len(y))
    return -torch.log((p * same).sum(1) + 1e-12).mean()
""",
        [("train.py", 7)],
        """\
import torch


def nca(x, y):
    d = torch.cdist(x, x) ** 2
    e = torch.exp(-d)
    self_pairs = torch.eye(e.size(-1), dtype=torch.bool, device=e.device)
    p = e / e.masked_fill(self_pairs, 0).sum(1, keepdim=True)
    same = (y[:, None] == y[None]).float()
    same = same - torch.eye(len(y))
    return -torch.log((p * same).sum(1) + 1e-12).mean()
""",
        Confidence.MEDIUM,
        "neighbourhood components with distances",
    ),
    Invalid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.ones([]) * 2.6)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, v1, v2):
        z = torch.cat([v1, v2])
        logits = self.logit_scale.exp() * z @ z.t()
        n = v1.shape[0]
        target = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
        return self.loss(logits, target)
""",
        [("train.py", 17)],
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.ones([]) * 2.6)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, v1, v2):
        z = torch.cat([v1, v2])
        logits = self.logit_scale.exp() * z @ z.t()
        n = v1.shape[0]
        target = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
        self_pairs = torch.eye(logits.size(-1), dtype=torch.bool, device=logits.device)
        return self.loss(logits.masked_fill(self_pairs, float("-inf")), target)
""",
        Confidence.HIGH,
        "a learned temperature",
    ),
    Invalid(
        """\
import torch


def ntx(z1, z2, t=0.5):
    z = torch.vstack([z1, z2])
    s = (z @ z.T) / t
    n = len(z1)
    pos = torch.cat((s.diagonal(n), s.diagonal(-n)))
    denominator = s.exp().sum(dim=1).log()
    return (denominator - pos).mean()
""",
        [("train.py", 9)],
        """\
import torch


def ntx(z1, z2, t=0.5):
    z = torch.vstack([z1, z2])
    s = (z @ z.T) / t
    n = len(z1)
    pos = torch.cat((s.diagonal(n), s.diagonal(-n)))
    self_pairs = torch.eye(s.size(-1), dtype=torch.bool, device=s.device)
    denominator = s.exp().masked_fill(self_pairs, 0).sum(dim=1).log()
    return (denominator - pos).mean()
""",
        Confidence.HIGH,
        "log of the row sum, positives from the off-diagonals",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def by_anchor(a, b, labels, t=0.07):
    z = F.normalize(torch.cat([a, b]), dim=1)
    labels = labels.repeat(2)
    s = torch.matmul(z, z.T) / t
    total = torch.zeros((), device=z.device)
    for i in range(z.size(0)):
        alike = (labels == labels[i]).float()
        alike[i] = 0
        near = (torch.exp(s[i]) * alike).sum()
        total = total - torch.log(near / torch.exp(s[i]).sum())
    return total / len(z)
""",
        [("train.py", 14)],
        """\
import torch
import torch.nn.functional as F


def by_anchor(a, b, labels, t=0.07):
    z = F.normalize(torch.cat([a, b]), dim=1)
    labels = labels.repeat(2)
    s = torch.matmul(z, z.T) / t
    total = torch.zeros((), device=z.device)
    for i in range(z.size(0)):
        alike = (labels == labels[i]).float()
        alike[i] = 0
        near = (torch.exp(s[i]) * alike).sum()
        self_pairs = torch.arange(s.size(-1), device=s.device) == i
        total = total - torch.log(near / torch.exp(s[i]).masked_fill(self_pairs, 0).sum())
    return total / len(z)
""",
        Confidence.HIGH,
        "a row of the matrix in a loop over anchors",
    ),
    Invalid(
        """\
import torch
import torch.nn.functional as F


def agreement(first, second, heat):
    rows = F.normalize(torch.cat([first, second]), dim=1)
    n = len(first)
    share = F.softmax(rows @ rows.T / heat, dim=1)
    partners = torch.cat([share.diagonal(n), torch.diag(share, -n)])
    return -partners.log().mean()
""",
        at=[("train.py", 8)],
        fixed="""\
import torch
import torch.nn.functional as F


def agreement(first, second, heat):
    rows = F.normalize(torch.cat([first, second]), dim=1)
    n = len(first)
    self_pairs = torch.eye(rows.size(0), dtype=torch.bool, device=rows.device)
    share = F.softmax((rows @ rows.T / heat).masked_fill(self_pairs, float("-inf")), dim=1)
    partners = torch.cat([share.diagonal(n), torch.diag(share, -n)])
    return -partners.log().mean()
""",
        why="shares beside the diagonal",
    ),
)
