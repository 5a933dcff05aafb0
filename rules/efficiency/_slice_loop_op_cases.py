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
_SMOOTH = """\
import random

import torch
import torchvision.transforms.functional as TF


class Smooth:
    def __init__(self, widest: float = 2.0) -> None:
        self.widest = widest

    def __call__(self, stack: torch.Tensor) -> torch.Tensor:
        image, labels = stack[:1], stack[1:]
        width = random.uniform(0.2, self.widest)
        reach = 2 * int(3 * width) + 1
        planes = []
        for k in range(image.size(1)):
            plane = image[:, k : k + 1].squeeze(1)
            plane = TF.gaussian_blur(plane, [reach, reach], [width, width])
            planes.append(plane)
        return torch.cat([torch.stack(planes, dim=1), labels])
"""
_TURNED = """\
import torch
from torchvision.transforms import functional as TF, InterpolationMode


def turn(volume, degrees):
    turned = []
    for z in range(volume.shape[2]):
        turned.append(TF.rotate(volume[:, :, z], degrees, interpolation=InterpolationMode.BILINEAR))
    return torch.stack(turned, dim=2)
"""
_BLURRED = """\
import torch
from torchvision.transforms.functional import gaussian_blur


def smooth(clip, width=5):
    frames = torch.stack([gaussian_blur(clip[:, t], width) for t in range(clip.size(1))], dim=1)
    return frames
"""
_WIDTHS = """\
import random

import torch
import torchvision.transforms.functional as TF


def soften(plane, size=5):
    width = random.uniform(0.1, 2.0)
    return TF.gaussian_blur(plane, size, width)


def augment(images: torch.Tensor) -> torch.Tensor:
    return torch.stack([soften(images[i]) for i in range(images.shape[0])])
"""
_ONE_BY_ONE = (
    _HEAD
    + """\
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Sequential(nn.ConvTranspose2d(4, 8, 2, stride=2), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        pictures = []
        for i in range(latents.shape[0]):
            pictures.append(self.up(latents[i : i + 1]))
        return torch.cat(pictures)
"""
)
_SOFTENER = """\
import torch
from torchvision.transforms.v2 import functional as TF


class Softener:
    def __init__(self, size, width):
        self.size = size
        self.width = width

    def plane(self, plane, width):
        return TF.gaussian_blur(plane, self.size, width)

    def volume(self, volume):
        return torch.stack([self.plane(volume[:, :, z], self.width) for z in range(volume.size(2))], dim=2)
"""
VALID = (
    Valid(_ONE_BY_ONE, "a batch of one at a time, to save memory: low confidence, which is hidden"),
    Valid(
        _SMOOTH.replace(
            "            plane = image", "            width = random.uniform(0.2, 2.0)\n            plane = image"
        ),
        "each slice is blurred by a width of its own",
    ),
    Valid(_TURNED.replace("], degrees,", "], degrees[z],"), "each slice is turned by an angle of its own"),
    Valid(
        _BLURRED.replace("t], width)", "t], width, float(torch.rand(())))"),
        "the width is drawn for each frame",
    ),
    Valid(_WIDTHS, "the width is drawn for each image, in a helper"),
    Valid(
        _SOFTENER.replace("        return TF", "        self.width = random.random()\n        return TF")
        .replace("self.size, width)", "self.size, self.width)")
        .replace("import torch\n", "import random\n\nimport torch\n", 1),
        "the same in a method, which keeps it",
    ),
    Valid(
        _SMOOTH.replace("import torchvision.transforms.functional as TF", "from torchvision import transforms as T")
        .replace("plane = TF.gaussian_blur(plane, [reach, reach], [width, width])", "plane = self.blur(plane)")
        .replace("        self.widest = widest\n", "        self.blur = T.GaussianBlur(5, (0.1, widest))\n"),
        "the transform draws its width in each call",
    ),
    Valid(
        _HEAD
        + """\
def thick(volume, kernel):
    slabs = []
    for z in range(volume.size(2)):
        slabs.append(F.conv3d(volume[:, :, z : z + 3], kernel).relu())
    return torch.cat(slabs, dim=2)
""",
        "slabs of three slices, which overlap",
    ),
    Valid(
        _HEAD
        + """\
def pairs(volume, kernel):
    found = []
    for z in range(volume.size(1)):
        found.append(F.conv2d(volume[:, z - 1 : z + 1], kernel))
    return torch.cat(found, dim=1)
""",
        "each turn needs its neighbour",
    ),
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
    Invalid(_ONE_BY_ONE, at=[("train.py", 14)], confidence=Confidence.LOW, why="it may be meant, to save memory"),
    Invalid(
        _SMOOTH,
        at=[("train.py", 16)],
        confidence=Confidence.HIGH,
        why="torchvision's blur on every section, taken out with its axis",
    ),
    Invalid(
        _HEAD
        + """\
def smooth(x, kernel):
    parts = []
    for c in range(x.shape[1]):
        part = F.conv2d(x[:, c:1 + c, ...], kernel, padding=1)
        parts.append(part)
    return torch.cat(parts, 1)
""",
        at=[("train.py", 8)],
        why="every channel by itself, with the axis kept",
    ),
    Invalid(_TURNED, at=[("train.py", 7)], confidence=Confidence.MEDIUM, why="one angle for all sections"),
    Invalid(
        _BLURRED,
        at=[("train.py", 6)],
        fixed="""\
from torchvision.transforms.functional import gaussian_blur


def smooth(clip, width=5):
    frames = gaussian_blur(clip.flatten(0, 1), width).unflatten(0, (clip.size(0), clip.size(1)))
    return frames
""",
        confidence=Confidence.HIGH,
        why="one width for all frames",
    ),
    Invalid(
        _WIDTHS.replace("    width = random.uniform(0.1, 2.0)\n", "    width = 0.3 * size\n"),
        at=[("train.py", 13)],
        confidence=Confidence.HIGH,
        why="a helper with a fixed width",
    ),
    Invalid(
        _SOFTENER,
        at=[("train.py", 14)],
        fixed=_SOFTENER.replace(
            "torch.stack([self.plane(volume[:, :, z], self.width) for z in range(volume.size(2))], dim=2)",
            "self.plane(\n            volume.transpose(1, 2).flatten(0, 1), self.width\n        )"
            ".unflatten(0, (volume.size(0), volume.size(2))).transpose(1, 2)",
        ).removeprefix("import torch\n"),
        why="a method that is given the same width in each turn",
    ),
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
