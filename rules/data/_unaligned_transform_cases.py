"""Cases of the rule ``unaligned-transform``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_GEOMETRY = """\
import numpy as np


def turn_points(points, degrees, center):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (points - center) @ turn.T + center
"""

_AUGMENT = """\
import random

import numpy as np
from PIL import Image, ImageOps

from geometry import turn_points


def augment(image: Image.Image, corners: np.ndarray, limit: float):
    degrees = random.uniform(-limit, limit)
    center = (image.width / 2, image.height / 2)
    image = image.rotate(degrees, center=center)
    corners = turn_points(corners, degrees, center)
    if random.random() < 0.5:
        image = {flip}(image)
{more}    return image, corners
"""

_FLIPPED_PAIR = """\
import numpy as np
import torch
from torch.utils.data import Dataset


class Scans(Dataset):
    def __init__(self, images, points, train):
        self.images = images
        self.points = points
        self.train = train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = np.load(self.images[index])
        points = self.points[index].copy()
        if self.train and np.random.rand() < 0.5:
            {flip}
            points[:, 0] = image.shape[1] - points[:, 0]
        return torch.from_numpy(image), torch.from_numpy(points)
"""

_SEGMENTATION = """\
import random

import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms


class Segmentation(Dataset):
    def __init__(self, images, masks):
        self.images = images
        self.masks = masks
        self.transform = transforms.Compose(
            [transforms.Resize((256, 256)), {step}, transforms.ToTensor()]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = Image.open(self.images[index]).convert("RGB")
        mask = Image.open(self.masks[index]).convert("L")
{seed}        image = self.transform(image)
{again}        mask = self.transform(mask)
        return image, mask
"""

_LETTERBOXED = """\
import cv2
import numpy as np
from torch.utils.data import Dataset

from points import move


class Pages(Dataset):
    def __init__(self, rows, size):
        self.rows = rows
        self.size = size

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        image = cv2.imread(row["file"])
        scale = self.size / max(image.shape)
        matrix = np.diag([scale, scale, 1.0])
        image = cv2.warpPerspective(image, matrix, (self.size, self.size))
        return {
            "image": image.transpose(2, 0, 1),
            "target": move(row["corners"], matrix),
            "corners": row["corners"],
            "matrix": matrix,
            "matrix_back": np.linalg.inv(matrix),
        }
"""

_POINTS = """\
def move(points, matrix):
    return points @ matrix[:2, :2].T + matrix[:2, 2]
"""

_VALIDATE = """\
import torch

from points import move


@torch.no_grad()
def mean_error(model, loader):
    errors = []
    for batch in loader:
        for predicted, corners, matrix in zip(model(batch["image"]).numpy(), batch["corners"], batch["{key}"]):
            errors.append(abs(move(predicted, matrix) - corners).mean())
    return sum(errors) / len(errors)
"""

VALID = [
    Valid(_FLIPPED_PAIR.format(flip="image = np.fliplr(image).copy()"), "both are moved"),
    Valid(
        {
            "geometry.py": _GEOMETRY,
            "train.py": _AUGMENT.format(
                flip="ImageOps.mirror",
                more="        corners = corners * (-1, 1) + (image.width, 0)\n",
            ),
        },
        "both are moved, in two places",
    ),
    Valid(
        {"geometry.py": _GEOMETRY, "train.py": _AUGMENT.format(flip="ImageOps.autocontrast", more="")},
        "a photometric transform leaves the points where they are",
    ),
    Valid(
        """\
import random

from PIL import Image


def random_mirror(image):
    flipped = random.random() < 0.5
    if flipped:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    return image, flipped


def load(path, boxes):
    image, flipped = random_mirror(Image.open(path))
    if flipped:
        boxes[:, [0, 2]] = image.width - boxes[:, [2, 0]]
    return image, boxes
""",
        "a flag goes back to the caller",
    ),
    Valid(
        """\
import torch
from torch.utils.data import Dataset
from torchvision import transforms


class Views(Dataset):
    def __init__(self, images, labels):
        self.images = images
        self.labels = labels
        self.transform = transforms.Compose(
            [transforms.RandomResizedCrop(96), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return self.transform(image), self.transform(image), self.labels[index]
""",
        "two views of one image, and a class",
    ),
    Valid(
        _SEGMENTATION.format(
            step="transforms.RandomHorizontalFlip()",
            seed="        seed = random.randint(0, 2**31)\n        torch.manual_seed(seed)\n",
            again="        torch.manual_seed(seed)\n",
        ),
        "both calls are seeded alike",
    ),
    Valid(
        _SEGMENTATION.format(step="transforms.ColorJitter(0.2, 0.2)", seed="", again=""),
        "nothing moves pixels by chance",
    ),
    Valid(
        {"points.py": _POINTS, "pages.py": _LETTERBOXED, "evaluate.py": _VALIDATE.format(key="matrix_back")},
        "the way back is taken",
    ),
    Valid(
        """\
import time

import cv2
import numpy as np


def benchmark(path, rounds):
    image = cv2.imread(path)
    start = time.perf_counter()
    for _ in range(rounds):
        cv2.flip(image, 1)
    return (time.perf_counter() - start) / rounds


def in_place(image):
    cv2.flip(image, 1, dst=image)
    return image
""",
        "a measurement, and a call that writes into its argument",
    ),
    Valid(
        """\
import random

import cv2


def augment(image, flow, rotation=True):
    if random.random() < 0.5:
        cv2.flip(image, 1, image)
        cv2.flip(flow, 1, dst=flow)
        flow[:, :, 0] *= -1
    if rotation and random.random() < 0.5:
        image, flow = image.transpose(1, 0, 2), flow.transpose(1, 0, 2)[:, :, [1, 0]]
    return image, flow
""",
        "OpenCV writes into the array that it is given",
    ),
    Valid(
        """\
import numpy as np


def turned(volume, spacing, centres, turn):
    spacing = list(spacing)
    if turn % 2:
        spacing[1], spacing[2] = spacing[2], spacing[1]
    volume = np.rot90(volume, k=turn % 4, axes=(1, 2))
    if turn >= 4:
        volume = np.flip(volume, axis=0)
    return volume, tuple(spacing), moved(centres, volume.shape, turn)


def moved(centres, shape, turn):
    return [turned_point(c, shape, turn) for c in centres]
""",
        "a list made of a tuple is no motion: a mirror leaves the spacing as it is",
    ),
]

INVALID = [
    Invalid(
        _FLIPPED_PAIR.format(flip="np.fliplr(image)"),
        at=[("train.py", 19)],
        fixed=_FLIPPED_PAIR.format(flip="image = np.fliplr(image).copy()"),
        why="the mirrored image is thrown away, and the points are mirrored",
    ),
    Invalid(
        """\
import random

import torchvision.transforms.functional as TF


def augment(image, mask):
    if random.random() > 0.5:
        image = TF.hflip(image)
        TF.hflip(mask)
    return image, mask
""",
        at=[("train.py", 9)],
        fixed="""\
import random

import torchvision.transforms.functional as TF


def augment(image, mask):
    if random.random() > 0.5:
        image = TF.hflip(image)
        mask = TF.hflip(mask)
    return image, mask
""",
        why="the mirrored mask is thrown away",
    ),
    Invalid(
        {"geometry.py": _GEOMETRY, "train.py": _AUGMENT.format(flip="ImageOps.mirror", more="")},
        at=[("train.py", 15)],
        fixed={
            "geometry.py": _GEOMETRY,
            "train.py": _AUGMENT.format(
                flip="ImageOps.mirror",
                more="        corners = corners.copy()\n        corners[..., 0] = image.width - corners[..., 0]\n",
            ),
        },
        why="the turn takes the corners along, the mirror does not",
    ),
    Invalid(
        {"geometry.py": _GEOMETRY, "train.py": _AUGMENT.format(flip="ImageOps.flip", more="")},
        at=[("train.py", 15)],
        fixed={
            "geometry.py": _GEOMETRY,
            "train.py": _AUGMENT.format(
                flip="ImageOps.flip",
                more="        corners = corners.copy()\n        corners[..., 1] = image.height - corners[..., 1]\n",
            ),
        },
        why="top against bottom",
    ),
    Invalid(
        """\
import random

import torchvision.transforms.functional as F


class RandomMirror:
    def __call__(self, image, target):
        if random.random() < 0.5:
            image = F.hflip(image)
            boxes = target["boxes"]
            target = dict(target, boxes=boxes[:, [2, 1, 0, 3]] * -1 + image.width)
        return image, target


class RandomFlip:
    def __call__(self, image, target):
        if random.random() < 0.5:
            image = F.vflip(image)
        return image, target
""",
        at=[("train.py", 18)],
        why="one transform of a chain takes the target along, the other does not",
    ),
    Invalid(
        _SEGMENTATION.format(step="transforms.RandomHorizontalFlip()", seed="", again=""),
        at=[("train.py", 24)],
        confidence=Confidence.MEDIUM,
        why="one pipeline, two draws",
    ),
    Invalid(
        {
            "pipelines.py": """\
from torchvision import transforms


def for_images(size):
    steps = [transforms.Resize(size), transforms.RandomRotation(15), transforms.ToTensor()]
    return transforms.Compose(steps)


def for_masks(size):
    return transforms.Compose([transforms.Resize(size), transforms.ToTensor()])
""",
            "data.py": """\
from PIL import Image
from torch.utils.data import Dataset

from pipelines import for_images, for_masks


class Roads(Dataset):
    def __init__(self, rows, size):
        self.rows = rows
        self.image_transform = for_images(size)
        self.label_transform = for_masks(size)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        photo, label = (Image.open(f) for f in self.rows[index])
        return self.image_transform(photo), self.label_transform(label)
""",
        },
        at=[("data.py", 18)],
        confidence=Confidence.MEDIUM,
        why="two pipelines, one of which turns",
    ),
    Invalid(
        """\
import albumentations as A
import cv2
from torch.utils.data import Dataset

train_transform = A.Compose([A.HorizontalFlip(p=0.5), A.RandomBrightnessContrast(), A.Normalize()])


class Landmarks(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        path, keypoints = self.rows[index]
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        image = train_transform(image=image)["image"]
        return image, keypoints
""",
        at=[("train.py", 18)],
        confidence=Confidence.MEDIUM,
        why="the pipeline never sees the keypoints",
    ),
    Invalid(
        {"points.py": _POINTS, "pages.py": _LETTERBOXED, "evaluate.py": _VALIDATE.format(key="matrix")},
        at=[("evaluate.py", 10)],
        fixed={"points.py": _POINTS, "pages.py": _LETTERBOXED, "evaluate.py": _VALIDATE.format(key="matrix_back")},
        why="predictions go forward once more",
    ),
]
