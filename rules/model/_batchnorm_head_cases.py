"""Cases of batchnorm-head."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

VALID = (
    Valid(
        """\
import torch.nn as nn
import torch.nn.functional as F


class SimCLR(nn.Module):
    def __init__(self, encoder, dim, out_dim=128):
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(
            nn.Linear(dim, dim, bias=False), nn.BatchNorm1d(dim), nn.ReLU(),
            nn.Linear(dim, out_dim, bias=False), nn.BatchNorm1d(out_dim),
        )

    def forward(self, x):
        return self.projector(self.encoder(x))
""",
        "a projector",
    ),
    Valid(
        """\
import torch.nn as nn


class SimSiam(nn.Module):
    def __init__(self, backbone, dim=2048, pred_dim=512):
        super().__init__()
        self.encoder = backbone(num_classes=dim, zero_init_residual=True)
        prev_dim = self.encoder.fc.weight.shape[1]
        self.encoder.fc = nn.Sequential(nn.Linear(prev_dim, prev_dim, bias=False), nn.BatchNorm1d(prev_dim),
                                        nn.ReLU(inplace=True), self.encoder.fc, nn.BatchNorm1d(dim, affine=False))
        self.predictor = nn.Sequential(nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim),
                                       nn.ReLU(inplace=True), nn.Linear(pred_dim, dim))
""",
        "a projector and a predictor",
    ),
    Valid(
        """\
import torch.nn as nn
import torch.nn.functional as F


class Embedder(nn.Module):
    def __init__(self, backbone, feat, embedding_size):
        super().__init__()
        self.backbone = backbone
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512), nn.Dropout(0.5), nn.Flatten(),
            nn.Linear(512 * 7 * 7, embedding_size), nn.BatchNorm1d(embedding_size),
        )

    def forward(self, x):
        return self.output_layer(self.backbone(x))


class ArcMargin(nn.Module):
    def __init__(self, embedding_size, num_classes):
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_uniform_(nn.Linear(embedding_size, num_classes).weight))

    def forward(self, x, y):
        return F.cross_entropy(64 * F.linear(F.normalize(x), F.normalize(self.weight)), y)
""",
        "an embedding before a margin loss",
    ),
    Valid(
        """\
import torch.nn as nn


class Baseline(nn.Module):
    def __init__(self, base, in_planes, num_classes):
        super().__init__()
        self.base = base
        self.bottleneck = nn.BatchNorm1d(in_planes)
        self.bottleneck.bias.requires_grad_(False)
        self.classifier = nn.Linear(in_planes, num_classes, bias=False)

    def forward(self, x):
        global_feat = self.base(x)
        feat = self.bottleneck(global_feat)
        if self.training:
            cls_score = self.classifier(feat)
            return cls_score, global_feat
        return feat
""",
        "a neck between a metric loss and the classifier",
    ),
    Valid(
        """\
import torch.nn as nn


class Neck(nn.Module):
    def __init__(self, dim, num_classes):
        super().__init__()
        self.classifier = nn.Sequential(nn.BatchNorm1d(dim), nn.Linear(dim, num_classes, bias=False))

    def forward(self, feat):
        return self.classifier(feat), feat
""",
        "the same neck in one Sequential",
    ),
    Valid(
        """\
import torch
from torch import nn


def linear_probe(model, num_classes):
    for p in model.parameters():
        p.requires_grad = False
    model.head = nn.Sequential(nn.BatchNorm1d(768, affine=False, eps=1e-6), nn.Linear(768, num_classes))
    return model
""",
        "a probe on frozen features",
    ),
    Valid(
        """\
import torch.nn as nn


class Mlp(nn.Module):
    def __init__(self, d, h, num_classes):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, h), nn.ReLU(), nn.BatchNorm1d(h), nn.Linear(h, num_classes))
        self.norm = nn.BatchNorm1d(d)

    def forward(self, x):
        return self.net(self.norm(x))
""",
        "norms before hidden layers",
    ),
    Valid(
        """\
import torch.nn as nn


class Head(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(nn.Linear(a, b), nn.BatchNorm1d(b))


class Net(nn.Module):
    def __init__(self, dim, embed_dim=0):
        super().__init__()
        self.neck = Head(dim, embed_dim) if embed_dim > 0 else nn.Identity()

    def forward(self, x):
        return nn.functional.normalize(self.neck(x), dim=1)
""",
        "an embedding that can be left out",
    ),
    Valid(
        """\
import torch.nn as nn
import torch.nn.functional as F


class Reg(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.out = nn.Sequential(nn.BatchNorm1d(d), nn.Linear(d, 1))

    def forward(self, x):
        return self.out(x)


def step(m, x, y):
    return F.mse_loss(Reg(3)(x), y)
""",
        "regression",
    ),
    Valid(
        """\
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, d, num_classes):
        super().__init__()
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, num_classes)) if num_classes > 0 else nn.Identity()

    def forward(self, x):
        return self.head(x)
""",
        "layer norm",
    ),
)

INVALID = (
    Invalid(
        """\
import torch.nn as nn


class Backbone(nn.Module):
    def __init__(self, embed_dim, num_classes):
        super().__init__()
        self.body = nn.Linear(784, embed_dim)
        self.feature = nn.Sequential(
            nn.Linear(embed_dim, num_classes, bias=False),
            nn.BatchNorm1d(num_classes),
        )

    def forward(self, x):
        return self.feature(self.body(x))
""",
        [("train.py", 8)],
        None,
        Confidence.LOW,
        "called a feature: `num_classes` may be the width of an embedding",
    ),
    Invalid(
        """\
import torch
from timm.models.vision_transformer import trunc_normal_


class BN_Linear(torch.nn.Sequential):
    def __init__(self, a, b, bias=True, std=0.02):
        super().__init__()
        self.add_module("bn", torch.nn.BatchNorm1d(a))
        l = torch.nn.Linear(a, b, bias=bias)
        trunc_normal_(l.weight, std=std)
        if bias:
            torch.nn.init.constant_(l.bias, 0)
        self.add_module("l", l)


class Net(torch.nn.Module):
    def __init__(self, embed_dim, num_classes, distillation=True):
        super().__init__()
        self.distillation = distillation
        self.head = BN_Linear(
            embed_dim[-1], num_classes) if num_classes > 0 else torch.nn.Identity()
        if distillation:
            self.head_dist = BN_Linear(
                embed_dim[-1], num_classes) if num_classes > 0 else torch.nn.Identity()

    def forward(self, x):
        if self.distillation:
            return self.head(x), self.head_dist(x)
        return self.head(x)
""",
        [("train.py", 20), ("train.py", 23)],
        """\
import torch
from timm.models.vision_transformer import trunc_normal_


class BN_Linear(torch.nn.Sequential):
    def __init__(self, a, b, bias=True, std=0.02):
        super().__init__()
        self.add_module("bn", torch.nn.BatchNorm1d(a))
        l = torch.nn.Linear(a, b, bias=bias)
        trunc_normal_(l.weight, std=std)
        if bias:
            torch.nn.init.constant_(l.bias, 0)
        self.add_module("l", l)


class Net(torch.nn.Module):
    def __init__(self, embed_dim, num_classes, distillation=True):
        super().__init__()
        self.distillation = distillation
        self.head = torch.nn.Linear(
            embed_dim[-1], num_classes) if num_classes > 0 else torch.nn.Identity()
        if isinstance(self.head, torch.nn.Linear):
            torch.nn.init.trunc_normal_(self.head.weight, std=0.02)
            torch.nn.init.constant_(self.head.bias, 0)
        if distillation:
            self.head_dist = torch.nn.Linear(
                embed_dim[-1], num_classes) if num_classes > 0 else torch.nn.Identity()
            if isinstance(self.head_dist, torch.nn.Linear):
                torch.nn.init.trunc_normal_(self.head_dist.weight, std=0.02)
                torch.nn.init.constant_(self.head_dist.bias, 0)

    def forward(self, x):
        if self.distillation:
            return self.head(x), self.head_dist(x)
        return self.head(x)
""",
        Confidence.HIGH,
        "LeViT's head: the call spans lines, initialisation in the class",
    ),
    Invalid(
        {
            "blocks.py": """\
from collections import OrderedDict

from torch import nn


class LogitLayer(nn.Sequential):
    def __init__(self, dim, out):
        super().__init__(OrderedDict([("norm", nn.BatchNorm1d(dim)), ("drop", nn.Identity()), ("fc", nn.Linear(dim, out))]))
""",
            "net.py": """\
import torch
from blocks import LogitLayer
from torch import nn


class Net(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.body = nn.Linear(8, width)
        self.last = LogitLayer(width, out)

    def forward(self, x):
        return self.last(torch.relu(self.body(x)))
""",
            "train.py": """\
import torch
import torch.nn.functional as F
from net import Net

model = Net(16, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in [(torch.rand(4, 8), torch.zeros(4).long())]:
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
""",
        },
        [("net.py", 10)],
        {
            "blocks.py": """\
from collections import OrderedDict

from torch import nn


class LogitLayer(nn.Sequential):
    def __init__(self, dim, out):
        super().__init__(OrderedDict([("norm", nn.BatchNorm1d(dim)), ("drop", nn.Identity()), ("fc", nn.Linear(dim, out))]))
""",
            "net.py": """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.body = nn.Linear(8, width)
        self.last = nn.Linear(width, out)

    def forward(self, x):
        return self.last(torch.relu(self.body(x)))
""",
            "train.py": """\
import torch
import torch.nn.functional as F
from net import Net

model = Net(16, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in [(torch.rand(4, 8), torch.zeros(4).long())]:
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
""",
        },
        Confidence.HIGH,
        "the class stands in another file, the loss shows that it is the classifier",
    ),
    Invalid(
        """\
import torch
from torch import nn


class SpeakerNet(nn.Module):
    def __init__(self, dim, n_speakers):
        super().__init__()
        self.encoder = nn.GRU(40, dim, batch_first=True)
        self.output = nn.Sequential(nn.BatchNorm1d(dim), nn.Linear(dim, n_speakers))

    def forward(self, x):
        _, h = self.encoder(x)
        return self.output(h[-1])


def main():
    net = SpeakerNet(64, 251)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in [(torch.rand(4, 9, 40), torch.zeros(4).long())]:
        logits = net(x)
        loss = criterion(logits, y)
        loss.backward()
        optimizer.step()
""",
        [("train.py", 9)],
        """\
import torch
from torch import nn


class SpeakerNet(nn.Module):
    def __init__(self, dim, n_speakers):
        super().__init__()
        self.encoder = nn.GRU(40, dim, batch_first=True)
        self.output = nn.Linear(dim, n_speakers)

    def forward(self, x):
        _, h = self.encoder(x)
        return self.output(h[-1])


def main():
    net = SpeakerNet(64, 251)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in [(torch.rand(4, 9, 40), torch.zeros(4).long())]:
        logits = net(x)
        loss = criterion(logits, y)
        loss.backward()
        optimizer.step()
""",
        Confidence.HIGH,
        "built in place, taken by a criterion",
    ),
    Invalid(
        """\
import torch.nn as nn
import torch.nn.functional as F


class Classifier(nn.Module):
    def __init__(self, in_dim, num_classes):
        super().__init__()
        self.fc1 = nn.Linear(in_dim, 128)
        self.fc2 = nn.Linear(128, num_classes)
        self.bn = nn.BatchNorm1d(num_classes)
        self.act = nn.ReLU()

    def forward(self, x):
        x = self.fc1(x)
        x = self.act(x)
        x = self.fc2(x)
        return self.bn(x)
""",
        [("train.py", 10)],
        """\
import torch.nn as nn
import torch.nn.functional as F


class Classifier(nn.Module):
    def __init__(self, in_dim, num_classes):
        super().__init__()
        self.fc1 = nn.Linear(in_dim, 128)
        self.fc2 = nn.Linear(128, num_classes)
        self.bn = nn.Identity()
        self.act = nn.ReLU()

    def forward(self, x):
        x = self.fc1(x)
        x = self.act(x)
        x = self.fc2(x)
        return self.bn(x)
""",
        Confidence.MEDIUM,
        "batch norm on the logits, layer by layer",
    ),
    Invalid(
        """\
import torch
from torch import nn


class Mlp(nn.Module):
    def __init__(self, hidden, num_classes):
        super().__init__()
        self.classifier = nn.Sequential(
            nn.Linear(784, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
            nn.BatchNorm1d(num_classes),
        )

    def forward(self, x):
        logits = self.classifier(x.flatten(1))
        return logits
""",
        [("train.py", 8)],
        """\
import torch
from torch import nn


class Mlp(nn.Module):
    def __init__(self, hidden, num_classes):
        super().__init__()
        self.classifier = nn.Sequential(
            nn.Linear(784, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        logits = self.classifier(x.flatten(1))
        return logits
""",
        Confidence.MEDIUM,
        "batch norm on the logits, in a Sequential",
    ),
    Invalid(
        """\
import torch.nn as nn


class NormedOutput(nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear = nn.Linear(features, outputs)
        nn.init.normal_(self.linear.weight, std=0.01)
        self.linear.bias.data.zero_()

    def forward(self, x):
        x = self.norm(x)
        return self.linear(x)


class Net(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.trunk = nn.Conv1d(1, cfg.dim, 3)
        if cfg.num_classes > 0:
            self.head = NormedOutput(cfg.dim, cfg.num_classes)
        else:
            self.head = nn.Identity()

    def forward(self, x):
        return self.head(self.trunk(x).mean(-1))
""",
        [("train.py", 22)],
        """\
import torch.nn as nn


class NormedOutput(nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear = nn.Linear(features, outputs)
        nn.init.normal_(self.linear.weight, std=0.01)
        self.linear.bias.data.zero_()

    def forward(self, x):
        x = self.norm(x)
        return self.linear(x)


class Net(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.trunk = nn.Conv1d(1, cfg.dim, 3)
        if cfg.num_classes > 0:
            self.head = nn.Linear(cfg.dim, cfg.num_classes)
            nn.init.normal_(self.head.weight, std=0.01)
            self.head.bias.data.zero_()
        else:
            self.head = nn.Identity()

    def forward(self, x):
        return self.head(self.trunk(x).mean(-1))
""",
        Confidence.HIGH,
        "a plain module, the guard is a statement",
    ),
    Invalid(
        """\
import torch
from timm.models.vision_transformer import trunc_normal_


class BN_Linear(torch.nn.Sequential):
    def __init__(self, a, b, bias=True, std=0.02):
        super().__init__()
        self.add_module("bn", torch.nn.BatchNorm1d(a))
        l = torch.nn.Linear(a, b, bias=bias)
        trunc_normal_(l.weight, std=std)
        if bias:
            torch.nn.init.constant_(l.bias, 0)
        self.add_module("l", l)


class Net(torch.nn.Module):
    def __init__(self, embed_dim, num_classes):
        super().__init__()
        self.head = BN_Linear(
            embed_dim[-1], num_classes) if num_classes > 0 else torch.nn.Identity()

    def forward(self, x):
        return self.head(x)

    def fuse(self):
        return self.head.fuse()
""",
        [("train.py", 19)],
        None,
        Confidence.HIGH,
        "other code needs the old head: no fix",
    ),
    Invalid(
        """\
from torch import nn


class Digits(nn.Module):
    def __init__(self, width, num_classes):
        super().__init__()
        self.trunk = nn.Conv2d(1, width, 3)
        self.last = nn.Linear(width, num_classes)
        self.scale = nn.BatchNorm1d(num_classes)

    def forward(self, x):
        x = self.trunk(x).relu().mean((2, 3))
        return self.scale(self.last(x))
""",
        [("train.py", 9)],
        """\
from torch import nn


class Digits(nn.Module):
    def __init__(self, width, num_classes):
        super().__init__()
        self.trunk = nn.Conv2d(1, width, 3)
        self.last = nn.Linear(width, num_classes)
        self.scale = nn.Identity()

    def forward(self, x):
        x = self.trunk(x).relu().mean((2, 3))
        return self.scale(self.last(x))
""",
        Confidence.MEDIUM,
        "the norm after the last layer, behind pooling",
    ),
)
