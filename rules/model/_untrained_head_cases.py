"""Cases of untrained-head."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_NET = """\
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, trunk, dim, num_classes):
        super().__init__()
        self.trunk = trunk
        self.classifier = nn.Linear(dim, num_classes)
        self.embed = nn.Linear(dim, 128)

    def forward(self, x):
        h = self.trunk(x)
        return self.classifier(h), F.normalize(self.embed(h), dim=1)
"""
_TRAIN = """\
import torch
from torch import nn

from net import Net


def train(trunk, loader, device):
    model = Net(trunk, 512, 100).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for images, labels in loader:
        {take} = model(images)
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_SIMCLR = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class SimCLR(nn.Module):
    def __init__(self, dim=512):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, dim, 7), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 128))

    def forward(self, x):
        h = self.encoder(x)
        z = self.projector(h)
        return h, z


def nt_xent(z1, z2, t=0.5):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    sim = (z @ z.t() / t).masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), float("-inf"))
    n = len(z1)
    target = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
    return F.cross_entropy(sim, target)


def train(loader, epochs):
    model = SimCLR()
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(epochs):
        for (x1, x2), _ in loader:
            _, z1 = model(x1)
            _, z2 = model(x2)
            loss = nt_xent(z1, z2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
_MOCO = """\
import torch
import torch.nn as nn


class MoCo(nn.Module):
    def __init__(self, dim=128, m=0.999):
        super().__init__()
        self.m = m
        self.encoder_q = nn.Sequential(nn.Conv2d(3, 64, 7), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, dim))
        self.encoder_k = nn.Sequential(nn.Conv2d(3, 64, 7), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, dim))
        for q, k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            k.data.copy_(q.data)
            k.requires_grad = False

    def forward(self, im_q, im_k):
        q = self.encoder_q(im_q)
        with torch.no_grad():
            k = self.encoder_k(im_k)
        return q, k


def train(loader, loss_fn):
    model = MoCo()
    optimizer = torch.optim.SGD(model.encoder_q.parameters(), lr=0.03)
    for a, b in loader:
        q, _ = model(a, b)
        loss = loss_fn(q)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_OTHER_FILE = {
    "net.py": """\
import torch.nn as nn


class TwoHeads(nn.Module):
    def __init__(self, trunk, dim, n1, n2):
        super().__init__()
        self.trunk = trunk
        self.class_fc1 = nn.Linear(dim, n1)
        self.class_fc2 = nn.Linear(dim, n2)

    def forward(self, x):
        h = self.trunk(x)
        return h, self.class_fc1(h)
""",
    "train.py": """\
import torch
import torch.nn.functional as F

from net import TwoHeads


def train(trunk, loader, loader2):
    model = TwoHeads(trunk, 512, 10, 20)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for (x, y), (x2, y2) in zip(loader, loader2):
        _, logits = model(x)
        features, _ = model(x2)
        loss = F.cross_entropy(logits, y) + F.cross_entropy(model.class_fc2(features), y2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
}
_FROZEN = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, dim, num_classes):
        super().__init__()
        self.trunk = nn.Linear(dim, dim)
        self.head = nn.Linear(dim, num_classes)
        self.hash = nn.Linear(dim, 64)
        for p in self.hash.parameters():
            p.requires_grad = False

    def forward(self, x):
        h = self.trunk(x)
        return {"logits": self.head(h), "code": self.hash(h)}


def train(loader):
    model = Net(512, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        out = model(x)
        loss = F.cross_entropy(out["logits"], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_WHOLE = """\
import torch
import torch.nn as nn


class Detector(nn.Module):
    def __init__(self, dim, num_classes):
        super().__init__()
        self.cls = nn.Linear(dim, num_classes)
        self.box = nn.Linear(dim, 4)

    def forward(self, x):
        return {"cls": self.cls(x), "box": self.box(x)}


def train(loader, criterion):
    model = Detector(256, 80)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, targets in loader:
        losses = criterion(model(x), targets)
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_BASE = {
    "blocks.py": """\
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.mlp = nn.Linear(dim, dim)

    def forward(self, x):
        return x + self.mlp(self.norm(x))
""",
    "sam.py": """\
import torch.nn as nn

from blocks import Block


class MemoryBlock(Block):
    def __init__(self, dim, hidden):
        super().__init__(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))


def build(depth):
    return nn.Sequential(*[MemoryBlock(64, 256) for _ in range(depth)])
""",
}
_REPLACED = {
    "resnet.py": """\
import torch.nn as nn


class ResNet(nn.Module):
    def __init__(self, num_classes=1000):
        super().__init__()
        self.layers = nn.Conv2d(3, 512, 3)
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x):
        return self.layers(x).mean(dim=(2, 3))
""",
    "train.py": """\
import torch.nn as nn
from resnet import ResNet

model = ResNet()
model.fc = nn.Identity()
""",
}
_CHILDREN = """\
import torch.nn as nn


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 4)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


model = Stack()
"""

_LEVELS = """\
import torch.nn as nn


class Levels(nn.Module):
    def __init__(self, widths=(16, 32, 64)):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.level0 = nn.Conv2d(widths[0], widths[1], 3, stride=2, padding=1)
        self.level1 = nn.Conv2d(widths[1], widths[2], 3, stride=2, padding=1)

    def forward(self, x):
        x, found = self.stem(x), []
        for i in range(2):
            x = getattr(self, {name})(x)
            found.append(x)
        return found


net = Levels()
"""

_FIT = """

def fit(net, loader, criterion, optimizer):
    for images, labels in loader:
        optimizer.zero_grad()
        criterion(net(images), labels).backward()
        optimizer.step()
"""
VALID = (
    Valid(
        _REPLACED["resnet.py"] + "\n\ndef resnet():\n    return ResNet()\n",
        "nothing of the project trains: it takes pretrained networks apart",
    ),
    Valid(
        {
            "export.py": "import pytorch_lightning as pl\nimport torch\nfrom torch import nn\n\n\n"
            "class Held(pl.LightningModule):\n    def __init__(self, trunk):\n        super().__init__()\n"
            "        self.trunk = trunk\n        self.answers = nn.Linear(8, 2)\n\n"
            '    def forward(self):\n        """Lightning asks for one."""\n\n\n'
            "def export(path, trunk, target):\n    held = Held(trunk)\n"
            '    held.load_state_dict(torch.load(path)["state_dict"])\n'
            "    target.answers.load_state_dict(held.answers.state_dict())\n    return target\n",
        },
        "a module that only holds weights to be copied",
    ),
    Valid(_LEVELS.format(name='"level{}".format(i)'), "looked up by a name that is put together"),
    Valid(_LEVELS.format(name='f"level{i}"'), "the same"),
    Valid(_LEVELS.format(name='"level%d" % i'), "the same"),
    Valid(_LEVELS.format(name="self.order[i]"), "looked up by a name that is not known here"),
    Valid(_SIMCLR, "the output that is dropped feeds the other one"),
    Valid(_MOCO, "a momentum encoder"),
    Valid(_OTHER_FILE, "a head that another file calls"),
    Valid(_FROZEN, "frozen on purpose"),
    Valid(_WHOLE, "the whole dictionary goes into the loss"),
    Valid(_BASE, "the base class's forward calls it"),
    Valid(_REPLACED, "another file replaces it"),
    Valid(_CHILDREN, "called without its name"),
    Valid(
        {
            "net.py": _NET,
            "train.py": _TRAIN.format(take="logits, z", loss="criterion(logits, labels) + z.pow(2).mean()"),
        },
        "both outputs are trained",
    ),
    Valid(
        {
            "net.py": _NET,
            "train.py": _TRAIN.format(take="out", loss="criterion(out[0], labels) + 0.1 * triplet(out[1], labels)"),
        },
        "an unknown function takes the embedding",
    ),
)
_FIXED_TUPLE = """\
import logging
import torch
from torch import nn

from net import Net


EMBEDDING_WEIGHT = 0.1  # of the embedding's loss, beside the others


def embedding_loss(embeddings, labels, temperature=0.1):
    \"\"\"Supervised contrastive loss (Khosla et al. 2020); 0 where no two rows share a label.\"\"\"
    embeddings = torch.nn.functional.normalize(embeddings.float(), dim=1)
    similarity = embeddings @ embeddings.t() / temperature
    self_pairs = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    others = similarity.masked_fill(self_pairs, torch.finfo(similarity.dtype).min)
    log_probability = similarity - torch.logsumexp(others, dim=1, keepdim=True)
    partners = (labels[:, None] == labels[None, :]) & ~self_pairs
    count = partners.sum(dim=1)
    mean = log_probability.masked_fill(~partners, 0.0).sum(dim=1) / count.clamp(min=1)
    return -mean.sum() / (count > 0).sum().clamp(min=1)


def train(trunk, loader, device):
    model = Net(trunk, 512, 100).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for images, labels in loader:
        logits, embedding = model(images)
        loss = criterion(logits, labels)
        optimizer.zero_grad()
        embed_loss = embedding_loss(embedding, labels)
        loss = loss + EMBEDDING_WEIGHT * embed_loss
        logging.getLogger(__name__).info("embed_loss: %.4f", embed_loss.item())
        loss.backward()
        optimizer.step()
"""
_EVALUATED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, dim, num_classes):
        super().__init__()
        self.trunk = nn.Linear(dim, dim)
        self.fc = nn.Linear(dim, num_classes)
        self.aux = nn.Linear(dim, num_classes)

    def forward(self, x):
        h = F.relu(self.trunk(x))
        out = {"main": self.fc(h)}
        out["aux"] = self.aux(h)
        return out


@torch.no_grad()
def evaluate(model, loader):
    return torch.cat([model(x)["aux"] for x, _ in loader])


def train(loader, val_loader):
    model = Net(512, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        out = model(x)
        loss = F.cross_entropy(out["main"], y)
        print(out["aux"].argmax(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return evaluate(model, val_loader)
"""

INVALID = (
    Invalid(
        _LEVELS.format(name='f"level{i}"').replace(
            "        self.stem =", "        self.classifier = nn.Linear(widths[2], 10)\n        self.stem ="
        )
        + _FIT,
        at=[("train.py", 7)],
        confidence=Confidence.MEDIUM,
        why="the names that are put together are not this one",
    ),
    Invalid(
        {"net.py": _NET, "train.py": _TRAIN.format(take="logits, _", loss="criterion(logits, labels)")},
        at=[("net.py", 10)],
        fixed={"net.py": _NET, "train.py": _FIXED_TUPLE},
        why="the embedding is dropped where the model is trained",
    ),
    Invalid(_EVALUATED, at=[("train.py", 11)], why="an auxiliary output that only the evaluation reads"),
    Invalid(
        _SIMCLR.replace("_, z1", "z1, _").replace("_, z2", "z2, _"),
        at=[("train.py", 10)],
        why="SimCLR's loss on the wrong output: the projector is never trained",
    ),
    Invalid(
        {"net.py": _NET, "train.py": _TRAIN.format(take="out", loss="criterion(out[0], labels)")},
        at=[("net.py", 10)],
        fixed={
            "net.py": _NET,
            "train.py": _FIXED_TUPLE.replace("logits, embedding = model", "out = model")
            .replace("criterion(logits,", "criterion(out[0],")
            .replace("embedding_loss(embedding, labels)", "embedding_loss(out[1], labels)"),
        },
        why="only the first output is read",
    ),
    Invalid(
        _REPLACED["resnet.py"] + "\n\ndef resnet():\n    return ResNet()\n" + _FIT,
        at=[("train.py", 8)],
        confidence=Confidence.MEDIUM,
        why="a classifier that is built and never called",
    ),
    Invalid(
        """\
import torch.nn as nn


class Fusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.image_to_points = nn.MultiheadAttention(64, 4)
        self.points_to_image = nn.MultiheadAttention(64, 4)

    def forward(self, points, image):
        fused_points = points + self.image_to_points(points, image, image)[0]
        fused_image = image + self.image_to_points(image, points, points)[0]
        return fused_points, fused_image


fusion = Fusion()
"""
        + _FIT,
        at=[("train.py", 8)],
        confidence=Confidence.MEDIUM,
        why="the wrong one of two attentions is called twice",
    ),
)
