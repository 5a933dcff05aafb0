"""Cases of slice-loop-op."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


"""
_CLEARED = _HEAD.removeprefix("import torch\n")
_LOOP = (
    _HEAD
    + """\
class Blur:
    def __call__(self, raw, size):
        planes = []
        for z in range(raw.shape[2]):
            planes.append(self.plane(raw[:, :, z], size))
        return torch.stack(planes, dim=2)

    @staticmethod
    def plane(plane, size):
        \"\"\"Smooth one section.\"\"\"
        return F.avg_pool2d(
            plane, size, stride=1, padding=size // 2
        )
"""
)
_FOLDED = (
    _CLEARED
    + """\
class Blur:
    def __call__(self, raw, size):
        planes = self.plane(raw.transpose(1, 2).flatten(0, 1), size)
        return planes.unflatten(0, (raw.size(0), raw.size(2))).transpose(1, 2)

    @staticmethod
    def plane(plane, size):
        \"\"\"Smooth one section.\"\"\"
        return F.avg_pool2d(
            plane, size, stride=1, padding=size // 2
        )
"""
)
_FRAMES = (
    _HEAD
    + """\
def shrink(video):
    b, t, c, h, w = video.shape
    small = torch.stack([F.interpolate(video[:, i], scale_factor=0.5, mode="bilinear") for i in range(t)], dim=1)
    return small
"""
)
_ENCODER = (
    _HEAD
    + """\
class Slices(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, x):
        outs = []
        for z in range(x.size(2)):
            plane = x[:, :, z]
            outs.append(self.encoder(plane))
        return torch.stack(outs, 2)
"""
)

_FILES = (
    _HEAD.replace("import torch\n", "import cv2\nimport torch\n", 1)
    + """\
class Conditions:
    def __init__(self, files, estimator, prepare):
        self.files = files
        self.estimator = estimator
        self.prepare = prepare

    def maps(self):
        found = []
        for i in range(len(self.files)):
            picture = cv2.imread(self.files[i])
            depth = self.estimator(self.prepare(picture))
            small = F.interpolate(depth.unsqueeze(1), size=(picture.shape[0] // 8, picture.shape[1] // 8))
            found.append(small)
        return torch.cat(found)
"""
)
VALID = (
    Valid(_FILES, "what is taken out in each turn is a file's name: the pictures are read one by one"),
    Valid(_FILES.replace("cv2.imread(self.files[i])", "torch.as_tensor(cv2.imread(self.files[i]))"), "the same"),
    Valid(
        _HEAD
        + """\
def anomaly_map(seen, expected, size):
    maps = []
    for i in range(len(expected)):
        near = F.cosine_similarity(seen[i], expected[i]).unsqueeze(1)
        near = F.interpolate(1 - near, size=size, mode="bilinear", align_corners=True)
        maps.append(near)
    return torch.cat(maps, dim=1).mean(dim=1, keepdim=True)
""",
        "feature maps in a list, each of a size of its own",
    ),
    Valid(
        _HEAD
        + """\
class Cell(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.cell = nn.Linear(2 * dim, dim)

    def forward(self, x, h):
        outs = []
        for t in range(x.size(1)):
            h = torch.tanh(self.cell(torch.cat([x[:, t], h], dim=-1)))
            outs.append(h)
        return torch.stack(outs, dim=1)
""",
        "a recurrent cell: each step needs the one before",
    ),
    Valid(
        _HEAD
        + """\
def dice(pred, target):
    scores = []
    for c in range(pred.shape[1]):
        p, t = pred[:, c], target[:, c]
        scores.append(2 * (p * t).sum() / (p.sum() + t.sum() + 1e-6))
    return torch.stack(scores)
""",
        "a metric of each class, nothing 2-D",
    ),
    Valid(
        """\
import numpy as np
from skimage.transform import resize


def shrink(volume, shape):
    planes = []
    for z in range(volume.shape[0]):
        planes.append(resize(volume[z], shape))
    return np.stack(planes)
""",
        "arrays on the CPU",
    ),
    Valid(
        _HEAD
        + """\
class Experts(nn.Module):
    def __init__(self, n, dim):
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(dim, 1) for _ in range(n)])

    def forward(self, x):
        return torch.cat([self.heads[i](x[:, i]) for i in range(x.size(1))], dim=1)
""",
        "each slice has a layer of its own",
    ),
    Valid(
        _HEAD
        + """\
def smooth(x, kernel):
    out = x
    for _ in range(3):
        out = F.conv2d(out, kernel, padding=1)
    return torch.stack([x, out], dim=1)
""",
        "repeated on the whole tensor",
    ),
    Valid(
        _HEAD
        + """\
def views(images, model):
    return torch.stack([model(v) for v in images])
""",
        "over a list of views",
    ),
    Valid(
        _HEAD
        + """\
def neighbours(x, kernel):
    planes = []
    for z in range(x.size(2)):
        planes.append(F.conv2d(torch.cat([x[:, :, z], x[:, :, z - 1]], dim=1), kernel))
    return torch.stack(planes, dim=2)
""",
        "each turn needs its neighbour",
    ),
)
INVALID = (
    Invalid(_LOOP, at=[("train.py", 9)], fixed=_FOLDED, why="pooling each plane of a volume, in a helper"),
    Invalid(
        _FRAMES,
        at=[("train.py", 8)],
        fixed=_FRAMES.replace(
            'torch.stack([F.interpolate(video[:, i], scale_factor=0.5, mode="bilinear") for i in range(t)], dim=1)',
            'F.interpolate(\n        video.flatten(0, 1), scale_factor=0.5, mode="bilinear"\n    )'
            ".unflatten(0, (video.size(0), video.size(1)))",
        ).removeprefix("import torch\n"),
        why="every frame of a video",
    ),
    Invalid(_ENCODER, at=[("train.py", 13)], confidence=Confidence.MEDIUM, why="a layer with a batch norm: no fix"),
    Invalid(
        _HEAD
        + """\
class TiDE(nn.Module):
    def __init__(self, length, hidden, horizon):
        super().__init__()
        self.encode = nn.Linear(length, hidden)
        self.decode = nn.Linear(hidden, horizon)

    def forecast(self, x, marks):
        return self.decode(torch.relu(self.encode(x))) + marks

    def forward(self, x_enc, marks):
        return torch.stack([self.forecast(x_enc[:, :, i], marks) for i in range(x_enc.shape[-1])], dim=-1)
""",
        at=[("train.py", 16)],
        confidence=Confidence.MEDIUM,
        why="every variable of a time series through one MLP",
    ),
    Invalid(
        {
            "ops.py": "import torch.nn.functional as F\n\n\ndef half(image):\n    return F.max_pool2d(F.relu(image), 2)\n",
            "train.py": "import torch\nfrom ops import half\n\n\ndef shrink(x):\n    rows = []\n"
            "    for d in range(x.size(2)):\n        rows.append(half(x[:, :, d]))\n    return torch.stack(rows, dim=2)\n",
        },
        at=[("train.py", 7)],
        fixed={
            "ops.py": "import torch.nn.functional as F\n\n\ndef half(image):\n    return F.max_pool2d(F.relu(image), 2)\n",
            "train.py": "from ops import half\n\n\ndef shrink(x):\n"
            "    rows = half(x.transpose(1, 2).flatten(0, 1))\n"
            "    return rows.unflatten(0, (x.size(0), x.size(2))).transpose(1, 2)\n",
        },
        why="a helper of another file",
    ),
    Invalid(
        _HEAD
        + """\
def edges(x, kernel):
    return torch.cat([F.conv2d(x[:, c].unsqueeze(1), kernel, padding=1) for c in range(x.size(1))], dim=1)
""",
        at=[("train.py", 7)],
        why="every channel by itself",
    ),
)
