"""Cases of inplace-autograd."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_SIMCLR = """\
import torch


def train(net, loader, optimizer, temperature, batch_size):
    net.train()
    for pos_1, pos_2, _ in loader:
        _, out_1 = net(pos_1)
        _, out_2 = net(pos_2)
        out = torch.cat([out_1, out_2], dim=0)
        sim_matrix = torch.exp(torch.mm(out, out.t().contiguous()) / temperature)
{write}
        pos_sim = torch.exp(torch.sum(out_1 * out_2, dim=-1) / temperature)
        pos_sim = torch.cat([pos_sim, pos_sim], dim=0)
        loss = (-torch.log(pos_sim / sim_matrix.sum(dim=-1))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_PLAIN = "        sim_matrix[torch.eye(2 * batch_size, device=sim_matrix.device).bool()] = 0.0"
_BLOCK = """\
import torch
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)
        self.norm = nn.BatchNorm2d(dim)
        self.act = nn.{act}

    def forward(self, x):
{body}


def fit(net, loader, optimizer, criterion):
    for images, labels in loader:
        loss = criterion(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(loader):
    net = Block(8)
    fit(net, loader, torch.optim.SGD(net.parameters(), 0.1), nn.MSELoss())
"""
_RMSE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F

net = nn.Linear(8, 1)
optimizer = torch.optim.Adam(net.parameters())


def step(x, y):
    loss = torch.sqrt(F.mse_loss(net(x), y))
    {add}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
"""
_SUPCON = """\
import torch
import torch.nn.functional as F


def supervised_contrastive(features, labels, temperature):
    z = F.normalize(features, dim=-1)
    sim = z @ z.t() / temperature
    positives = (labels[:, None] == labels[None, :]).float()
    positives.fill_diagonal_(0)
{exp}
    pos_sum = (exp_sim * positives).sum(dim=1)
    return -(pos_sum / exp_sim.sum(dim=1)).clamp_min(1e-6).log().mean()
"""
_SGD = """\
import torch


def train(model, loader, criterion, lr):
    for x, y in loader:
        model.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
{update}
"""
_GATE = """\
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)
        self.value = nn.Linear(dim, dim)

    def forward(self, x, mask):
        weight = torch.sigmoid(self.score(x))
{write}
        return weight * self.value(x)


class Trainer:
    def __init__(self, dim, loader):
        self.net, self.loader = Gate(dim), loader

    def run(self):
        for x, mask, y in self.loader:
            loss = (self.net(x, mask) - y).square().mean()
            loss.backward()
"""

_LEVELS = """\
import torch.nn as nn


class Decoder(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.laterals = nn.ModuleList([nn.Conv2d(dim, dim, 1) for _ in range(3)])
        self.act = nn.{act}

    def forward(self, features):
        levels = [self.act(conv(f)) for conv, f in zip(self.laterals, features)]
        for i in (1, 0):
            levels[i] {add}
        return levels


def fit(features, target):
    decoder = Decoder(8)
    loss = (decoder(features)[0] - target).square().mean()
    loss.backward()
"""

_PRIOR = """\
import math

import torch
import torch.nn as nn


class Detector(nn.Module):
    def __init__(self, widths, anchors, classes):
        super().__init__()
        self.anchors = anchors
        self.heads = nn.ModuleList(nn.Conv2d(w, anchors * (classes + 5), 1) for w in widths)
        self.set_priors(0.01)

    def set_priors(self, share):
        for head in self.heads:
            prior = {view}
            {write}
            head.bias = torch.nn.Parameter(prior.view(-1), requires_grad=True)

    def forward(self, features):
        return [head(f) for head, f in zip(self.heads, features)]
"""
_VIEWED = "head.bias.view(self.anchors, -1)"
_WORDS = """\
import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self, words, size, tags):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.scores = nn.Linear(size, tags)

    def forward(self, tokens):
        return self.scores(self.embedding(tokens))
"""
_LOADED = """\
import torch

from tagger import Tagger


def main(args):
    vectors = torch.load(args.vectors)
    model = Tagger(*vectors.shape, args.tags)
{write}
    optimizer = torch.optim.Adam(model.parameters())
    for tokens, tags in torch.load(args.data):
        loss = torch.nn.functional.cross_entropy(model(tokens), tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_POSITIONS = """\
import torch
import torch.nn as nn


class Encoder(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.positions = {layer}
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(dim, 8) for _ in range(depth))

    def forward(self, frames):
        x = frames * 0.5
        where = self.positions({given})
        where = where.transpose(1, 2)
        {write}
        for block in self.blocks:
            x = block(x)
        return x


def fit(loader, criterion):
    net = Encoder(256, 6)
    optimizer = torch.optim.Adam(net.parameters())
    for frames, targets in loader:
        loss = criterion(net(frames), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_CONV = "nn.Conv1d(dim, dim, 31, padding=15)"
_MIXED = """\
import torch
import torch.nn as nn


class Mix(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.quarters = nn.Conv2d(dim, dim, 3, padding=1)
        self.out = nn.Conv2d(dim, dim, 1)

    def forward(self, features):
        x = features.flip(-1)
        mixed = self.quarters(x)
        {alias}
        half = x.size(2) // 2
        swapped[:, :, :half] = mixed[:, :, half:]
        return self.out(swapped)


def fit(loader, criterion):
    net = Mix(64)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for features, targets in loader:
        loss = criterion(net(features), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_FUSE = """\
import torch
import torch.nn as nn


class Fuse(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.lateral = nn.Sequential(nn.Conv2d(dim, dim, 1), nn.BatchNorm2d(dim){last})
        self.smooth = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, fine, coarse):
        fused = self.lateral(fine)
        {write}
        return self.smooth(fused)


def fit(loader, criterion):
    net = Fuse(64)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for fine, coarse, targets in loader:
        loss = criterion(net(fine, coarse), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
VALID = (
    Valid(
        """\
import torch
import torch.nn as nn


class SoftBins(nn.Module):
    def __init__(self, bins, low, high):
        super().__init__()
        slope = (bins - 1) / (high - low)
        self.binner = lines = nn.Conv1d(1, 2 * bins, kernel_size=1)
        lines.weight = nn.Parameter(lines.weight.detach(), requires_grad=False)
        lines.weight[:bins] = -slope
        lines.weight[bins:] = slope
        lines.weight[0] = lines.weight[-1] = 0

    def forward(self, scores):
        return self.binner(scores.unsqueeze(1)).clamp(min=0)
""",
        "a layer's weight is set to one that is not trained",
    ),
    Valid(
        _POSITIONS.format(layer=_CONV, given="x.transpose(1, 2)", write="x = x + where"),
        "the sum is another tensor",
    ),
    Valid(
        _POSITIONS.format(layer=_CONV, given="x.transpose(1, 2).clone()", write="x += where"),
        "the convolution is given a copy",
    ),
    Valid(_MIXED.format(alias="swapped = x.clone()"), "a copy, not the convolution's input"),
    Valid(_MIXED.format(alias="swapped = mixed"), "a convolution does not need its result"),
    Valid(_FUSE.format(last="", write="fused += coarse"), "batch norm, the last layer, does not need its result"),
    Valid(
        _PRIOR.format(view=_VIEWED, write="prior.data[:, 4] += math.log(share)"),
        "autograd does not record what is done to the data",
    ),
    Valid(
        _PRIOR.format(view="head.bias.detach().view(self.anchors, -1)", write="prior[:, 4] += math.log(share)"),
        "the view is of the detached bias",
    ),
    Valid(
        _PRIOR.format(view="head.bias.view(self.anchors, -1).clone()", write="prior[:, 4] += math.log(share)"),
        "a copy, which is no leaf",
    ),
    Valid(
        _PRIOR.format(view=_VIEWED, write="prior[:, 4] += math.log(share)").replace(
            "    def set_priors", "    @torch.no_grad()\n    def set_priors"
        ),
        "nothing is recorded",
    ),
    Valid(
        {
            "tagger.py": _WORDS,
            "train.py": _LOADED.format(
                write="    with torch.no_grad():\n        model.embedding.weight.copy_(vectors)"
            ),
        },
        "the vectors are loaded while nothing is recorded",
    ),
    Valid(
        {
            "tagger.py": _WORDS.replace(
                "size)\n        self.sc", "size)\n        self.embedding.weight.requires_grad = False\n        self.sc"
            ),
            "train.py": _LOADED.format(write="    model.embedding.weight.copy_(vectors)"),
        },
        "the embedding is frozen by its model",
    ),
    Valid(
        _SIMCLR.format(
            write="        eye = torch.eye(2 * batch_size, dtype=torch.bool, device=out.device)\n"
            "        sim_matrix = sim_matrix.masked_fill(eye, 0.0)"
        ),
        "out of place",
    ),
    Valid(
        _SUPCON.format(exp="    sim.fill_diagonal_(float('-inf'))\n    exp_sim = torch.exp(sim)"),
        "the output of a division, which autograd does not need",
    ),
    Valid(
        _SUPCON.format(exp="    exp_sim = torch.exp(sim).clone()\n    exp_sim.fill_diagonal_(0)"),
        "a copy",
    ),
    Valid(
        _BLOCK.format(
            act="ReLU(inplace=True)",
            body="        out = self.norm(self.conv(x))\n        out += x\n        return self.act(out)",
        ),
        "a norm layer saves what it takes, not what it gives",
    ),
    Valid(
        _BLOCK.format(
            act="LeakyReLU(0.1)", body="        out = self.act(self.conv(x))\n        out += x\n        return out"
        ),
        "LeakyReLU saves what it takes",
    ),
    Valid(
        _BLOCK.format(
            act="Sigmoid()",
            body="        out = self.act(self.conv(x))\n        if not self.training:\n            out[out < 0.5] = 0\n        return out",
        ),
        "in evaluation only",
    ),
    Valid(_LEVELS.format(act="GELU()", add="+= levels[i + 1]"), "GELU does not need what it gave"),
    Valid(_RMSE.format(add="loss = loss + 1e-3 * net.weight.abs().sum()"), "a new tensor"),
    Valid(_RMSE.format(add="total = 0.0\n    total += loss.item()"), "a number"),
    Valid(
        _SGD.format(
            update="        with torch.no_grad():\n            for p in model.parameters():\n                p.add_(p.grad, alpha=-lr)"
        ),
        "where autograd does not record",
    ),
    Valid(
        _SGD.format(update="        for p in model.parameters():\n            p.data.add_(p.grad, alpha=-lr)"),
        "through data, which autograd does not see",
    ),
    Valid(
        """\
import torch


def gaussian_kernel(size, sigma):
    x = torch.linspace(-(size // 2), size // 2, steps=size)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    return kernel
""",
        "a constant: nothing in it needs a gradient",
    ),
    Valid(
        """\
import torch


@torch.no_grad()
def decode(heatmap, threshold):
    scores = torch.sigmoid(heatmap)
    scores[scores < threshold] = 0
    return scores.topk(100)


def fit(net, loader, criterion):
    for images, target in loader:
        out = net(images)
        criterion(out, target).backward()
        print(decode(out, 0.3))
""",
        "without gradients",
    ),
    Valid(
        """\
import torch
import torch.nn.functional as F


def step(net, x, y):
    logits = net(x)
    probs = torch.softmax(logits, dim=1)
    probs[:, 0] = 0
    accuracy = (probs.argmax(dim=1) == y).float().mean()
    loss = F.cross_entropy(logits, y)
    loss.backward()
    return loss.item(), accuracy.item()
""",
        "no gradient comes back through the changed tensor",
    ),
    Valid(
        {
            "block.py": """\
import torch.nn as nn


class Unit(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(32, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.conv(self.norm(x))

    def load_from(self, weights, name):
        self.norm.weight.copy_(weights[f"{name}/scale"].view(-1))
        self.norm.bias.copy_(weights[f"{name}/bias"].view(-1))
""",
            "net.py": """\
import torch
import torch.nn as nn
from block import Unit


class Net(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.body = nn.Sequential(*[Unit(width) for _ in range(depth)])

    def forward(self, x):
        return self.body(x)

    def load_from(self, weights):
        with torch.no_grad():
            for name, unit in self.body.named_children():
                unit.load_from(weights, name)
""",
            "train.py": """\
from net import Net

net = Net(64, 4)
net.load_from(read("pretrained.npz"))
for x, y in loader:
    criterion(net(x), y).backward()
""",
        },
        "the part's weights are loaded under the whole's no_grad",
    ),
    Valid(
        """\
import torch
import torch.nn as nn


class TextHead(nn.Module):
    def __init__(self, classes, width, path=None):
        super().__init__()
        self.path = path
        if path is None:
            self.texts = nn.Parameter(torch.zeros(classes, width))
        else:
            self.register_buffer("texts", torch.randn(classes, width))
            self.load()

    def load(self):
        self.texts[:, :] = torch.load(self.path)

    def forward(self, x):
        return x @ self.texts.T
""",
        "what is loaded into is the buffer",
    ),
    Valid(
        """\
import torch
import torch.nn as nn


class Indexer(nn.Module):
    def __init__(self, width, block, count):
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.scale = nn.Linear(width, width)
        self.block, self.count = block, count

    def forward(self, x, here):
        scores = self.scale(x) @ x.transpose(-2, -1)
        best = scores.unflatten(-1, (-1, self.block)).amax(dim=-1)
        best.scatter_(-1, here, float("inf"))
        values, places = best.topk(self.count, dim=-1)
        return places.masked_fill(values == float("-inf"), -1)


def train(net, loader, optimizer):
    for x, here in loader:
        loss = criterion(net(x, here))
        loss.backward()
        optimizer.step()
""",
        "only places are returned, and no gradient comes back through them",
    ),
    Valid(
        """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def update(state, x, step, decay):
    kept = torch.exp(F.softplus(step)[..., None] * decay)
    new = state * kept + x[..., None]
    state.copy_(new)
    return new.sum(dim=-1)


class Scan(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.decay = nn.Parameter(torch.zeros(width, size))
        self.step = nn.Linear(width, width)

    def forward(self, x, cache=None):
        if cache is not None:
            return update(cache.state, x, self.step(x), self.decay)
        return x * self.step(x)


def train(net, loader, optimizer):
    for x in loader:
        net(x).square().mean().backward()
        optimizer.step()
""",
        "the state of decoding is kept in the caller's tensor",
    ),
    Valid(
        """\
import torch
import torch.nn as nn


class Encoder(nn.Module):
    def __init__(self, width, latent):
        super().__init__()
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)

    def sample(self, mean, log_variance):
        std = torch.exp(0.5 * log_variance)
        if self.training:
            std = torch.randn_like(std).mul_(std)
        return std.add_(mean)

    def forward(self, x):
        return self.sample(self.mean(x), self.log_variance(x))


def train(net, loader, optimizer):
    for x in loader:
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
""",
        "in training the noise is written into; what exp gave is written into in evaluation",
    ),
    Valid(
        """\
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, width, with_norm=True, with_shortcut=True):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.with_norm, self.with_shortcut = with_norm, with_shortcut

    def forward(self, x):
        out = self.conv(x)
        if self.with_norm:
            out = self.norm(out)
        if self.with_shortcut:
            out += x
        return out.relu()
""",
        "where the norm ran, the name is the norm's result",
    ),
    Valid(
        {
            "degrade.py": """\
import torch
import torch.nn.functional as F


def degrade(images, diameters, blur=1.0):
    sigma = diameters / 30.0 * blur
    reach = int(sigma.max() * 2)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma.unsqueeze(-1) ** 2))
    kernel /= kernel.sum(dim=-1, keepdim=True)
    return F.conv1d(images.flatten(2), kernel.unsqueeze(1)).reshape(images.shape)
""",
            "train.py": """\
import torch
from degrade import degrade


def train(net, data, optimizer, device):
    for images, labels, diameters in data:
        images = degrade(images.to(device), diameters.to(device))
        loss = criterion(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        },
        "an augmentation: data on its way into the network",
    ),
    Valid(
        """\
import torch
import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self, words, tags, width, start, stop):
        super().__init__()
        self.encoder = nn.Embedding(words, width)
        self.decoder = nn.Linear(width, tags)
        self.transitions = nn.Parameter(torch.randn(tags, tags))
        self.transitions.detach()[start, :] = -10000
        self.transitions.detach()[:, stop] = -10000
        self.init_weights()

    def init_weights(self, limit=0.1):
        self.encoder.weight.detach().uniform_(-limit, limit)
        self.decoder.bias.detach().fill_(0)

    def forward(self, tokens):
        return self.decoder(self.encoder(tokens)) + self.transitions.logsumexp(dim=0)
""",
        "weights are set through what is detached from the graph",
    ),
)

INVALID = (
    Invalid(
        _POSITIONS.format(layer=_CONV, given="x.transpose(1, 2)", write="x += where"),
        at=[("train.py", 15)],
        fixed=_POSITIONS.format(layer=_CONV, given="x.transpose(1, 2)", write="x = x + where"),
        why="the convolution has saved a view of what is changed",
    ),
    Invalid(
        _POSITIONS.format(layer=f"nn.Sequential({_CONV}, nn.GELU())", given="x.transpose(1, 2)", write="x += where"),
        at=[("train.py", 15)],
        fixed=_POSITIONS.format(
            layer=f"nn.Sequential({_CONV}, nn.GELU())", given="x.transpose(1, 2)", write="x = x + where"
        ),
        why="the first layer of a sequence is given it",
    ),
    Invalid(
        _MIXED.format(alias="swapped = x"),
        at=[("train.py", 16)],
        why="another name of the convolution's input, which the next line does read: its size alone",
        fixed=_MIXED.format(alias="swapped = x").replace(
            "        swapped[", "        swapped = swapped.clone()\n        swapped["
        ),
    ),
    Invalid(
        _FUSE.format(last=", nn.ReLU()", write="fused += coarse"),
        at=[("train.py", 13)],
        fixed=_FUSE.format(last=", nn.ReLU()", write="fused = fused + coarse"),
        why="the last layer of a sequence is a ReLU, which needs its result",
    ),
    Invalid(
        _PRIOR.format(view=_VIEWED, write="prior[:, 4] += math.log(share)"),
        at=[("train.py", 17)],
        fixed=_PRIOR.format(view=_VIEWED, write="prior.detach()[:, 4] += math.log(share)"),
        why="a view of a leaf: the line after makes a parameter of it, so that it is one",
    ),
    Invalid(
        _PRIOR.format(view=_VIEWED, write="prior.fill_(-math.log((1 - share) / share))"),
        at=[("train.py", 17)],
        fixed=_PRIOR.format(view=_VIEWED, write="prior.detach().fill_(-math.log((1 - share) / share))"),
    ),
    Invalid(
        {"tagger.py": _WORDS, "train.py": _LOADED.format(write="    model.embedding.weight.copy_(vectors)")},
        at=[("train.py", 9)],
        fixed={
            "tagger.py": _WORDS,
            "train.py": _LOADED.format(
                write="    with torch.no_grad():\n        model.embedding.weight.copy_(vectors)"
            ),
        },
        why="the model's class, in another file, makes the layer",
    ),
    Invalid(
        _LEVELS.format(act="ReLU()", add="+= levels[i + 1]"),
        at=[("train.py", 13)],
        fixed=_LEVELS.format(act="ReLU()", add="= levels[i] + levels[i + 1]"),
        confidence=Confidence.MEDIUM,
        why="an element of a list, which is a ReLU's output",
    ),
    Invalid(
        _SIMCLR.format(write=_PLAIN),
        at=[("train.py", 11)],
        fixed=_SIMCLR.format(write="        sim_matrix = sim_matrix.clone()\n" + _PLAIN),
        confidence=Confidence.MEDIUM,
        why="a masked assignment to the result of exp, the network given by the caller",
    ),
    Invalid(
        _SUPCON.format(exp="    exp_sim = torch.exp(sim)\n    exp_sim.fill_diagonal_(0)"),
        at=[("train.py", 11)],
        fixed=_SUPCON.format(
            exp="    exp_sim = torch.exp(sim)\n    exp_sim = exp_sim.clone()\n    exp_sim.fill_diagonal_(0)"
        ),
        confidence=Confidence.MEDIUM,
        why="the same in a loss that nothing of the project calls",
    ),
    Invalid(
        _SUPCON.format(exp="    exp_sim = torch.exp(sim).mul_(1 - torch.eye(len(z)))"),
        at=[("train.py", 10)],
        fixed=_SUPCON.format(exp="    exp_sim = torch.exp(sim).mul(1 - torch.eye(len(z)))"),
        confidence=Confidence.MEDIUM,
        why="a method on the result itself",
    ),
    Invalid(
        _SUPCON.format(
            exp="    exp_sim = torch.exp(sim)\n    for i in range(len(z)):\n        exp_sim[i, i] = 0  # no self pairs"
        ),
        at=[("train.py", 12)],
        fixed=_SUPCON.format(
            exp="    exp_sim = torch.exp(sim)\n    exp_sim = exp_sim.clone()\n    for i in range(len(z)):\n        exp_sim[i, i] = 0"
            "  # no self pairs"
        ),
        confidence=Confidence.MEDIUM,
        why="one copy, before the loop",
    ),
    Invalid(
        _SUPCON.format(exp="    exp_sim = torch.exp(sim)\n    exp_sim.view(-1)[:: len(z) + 1] = 0"),
        at=[("train.py", 11)],
        fixed=_SUPCON.format(
            exp="    exp_sim = torch.exp(sim)\n    exp_sim = exp_sim.clone()\n    exp_sim.view(-1)[:: len(z) + 1] = 0"
        ),
        confidence=Confidence.MEDIUM,
        why="through a view",
    ),
    Invalid(
        _BLOCK.format(
            act="ReLU()", body="        out = self.act(self.norm(self.conv(x)))\n        out += x\n        return out"
        ),
        at=[("train.py", 14)],
        fixed=_BLOCK.format(
            act="ReLU()",
            body="        out = self.act(self.norm(self.conv(x)))\n        out = out + x\n        return out",
        ),
        why="a residual added to a ReLU's output",
    ),
    Invalid(
        _BLOCK.format(
            act="ReLU()",
            body="        out = self.norm(self.conv(x))\n        if x.shape[-1] > 4:\n            out = self.act(out)\n        out += x\n        return out",
        ),
        at=[("train.py", 16)],
        fixed=_BLOCK.format(
            act="ReLU()",
            body="        out = self.norm(self.conv(x))\n        if x.shape[-1] > 4:\n            out = self.act(out)\n        out = out + x\n        return out",
        ),
        confidence=Confidence.LOW,
        why="saved only under a condition that nothing shows to hold",
    ),
    Invalid(
        _BLOCK.format(act="ReLU()", body="        x += self.act(self.conv(x))  # residual\n        return x"),
        at=[("train.py", 13)],
        fixed=_BLOCK.format(act="ReLU()", body="        x = x + self.act(self.conv(x))  # residual\n        return x"),
        why="the convolution has saved its input",
    ),
    Invalid(
        _RMSE.format(add="loss += 1e-3 * net.weight.abs().sum()"),
        at=[("train.py", 11)],
        fixed=_RMSE.format(add="loss = loss + (1e-3 * net.weight.abs().sum())"),
        why="a root of the mean squared error, and a penalty on top",
    ),
    Invalid(
        _GATE.format(write="        weight.masked_fill_(mask, 0.0)"),
        at=[("train.py", 13)],
        fixed=_GATE.format(write="        weight = weight.masked_fill(mask, 0.0)"),
        why="sigmoid's own result, masked",
    ),
    Invalid(
        _GATE.format(
            write="        gate = weight.squeeze(-1)\n        gate[mask] = 0.0\n        self.open = weight.mean().item()"
        ),
        at=[("train.py", 14)],
        why="the write goes through a view, and the other name is read later",
    ),
    Invalid(
        _SGD.format(update="        for p in model.parameters():\n            p.add_(p.grad, alpha=-lr)"),
        at=[("train.py", 11)],
        fixed=_SGD.format(
            update="        for p in model.parameters():\n            with torch.no_grad():\n                p.add_(p.grad, alpha=-lr)"
        ),
        why="a step of gradient descent by hand",
    ),
    Invalid(
        """\
import torch
import torch.nn as nn


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        self.scale.clamp_(0.1, 10.0)
        return x * self.scale
""",
        at=[("train.py", 11)],
        fixed="""\
import torch
import torch.nn as nn


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        with torch.no_grad():
            self.scale.clamp_(0.1, 10.0)
        return x * self.scale
""",
        why="a weight kept in its range",
    ),
    Invalid(
        """\
import torch
import torch.nn as nn


class Refiner(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(dim, dim) for _ in range(depth))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        out = x * 2.0
        for layer in self.layers:
            out += self.bias
            out = torch.sigmoid(layer(out))
        return out


def fit(loader, criterion):
    net = Refiner(8, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for images, labels in loader:
        loss = criterion(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        at=[("train.py", 14)],
        fixed="""\
import torch
import torch.nn as nn


class Refiner(nn.Module):
    def __init__(self, dim, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(dim, dim) for _ in range(depth))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        out = x * 2.0
        for layer in self.layers:
            out = out + self.bias
            out = torch.sigmoid(layer(out))
        return out


def fit(loader, criterion):
    net = Refiner(8, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for images, labels in loader:
        loss = criterion(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        confidence=Confidence.MEDIUM,
        why="the next turn of the loop writes into this turn's sigmoid",
    ),
)
