"""Cases of the rule ``pil-numpy-confusion``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_LETTERBOX = """\
import numpy as np
from PIL import Image


def letterbox(path, target_h, target_w):
    image = Image.open(path).convert("RGB")
    {names} = image.size
    scale = min(target_h / height, target_w / width)
    new_h, new_w = int(height * scale), int(width * scale)
    canvas = Image.new("RGB", (target_w, target_h))
    canvas.paste(image.resize((new_w, new_h), Image.BILINEAR))
    return np.asarray(canvas), scale
"""

_OVERLAY = """\
import numpy as np
from PIL import Image
from skimage import color


def blend(image, mask, alpha=1.0):
    {names} = image.size
    tint = np.zeros((h, w, 3))
    tint[mask == 1] = [1, 0, 0]
    return color.rgb2hsv(image) * alpha + color.rgb2hsv(tint)
"""

_RESIZE_ARRAY = """\
import cv2
import torch
from torch.utils.data import Dataset


class Segmentation(Dataset):
    def __init__(self, images, masks):
        self.images = images
        self.masks = masks

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = cv2.cvtColor(cv2.imread(self.images[index]), cv2.COLOR_BGR2RGB)
        mask = cv2.imread(self.masks[index], cv2.IMREAD_GRAYSCALE)
        h, w = image.shape[:2]
        mask = cv2.resize(mask, ({size}), interpolation=cv2.INTER_NEAREST)
        return torch.from_numpy(image), torch.from_numpy(mask)
"""

_BY_PLACE = """\
from PIL import Image
import torch
import torch.nn.functional as F


@torch.no_grad()
def predict(model, path, to_tensor):
    image = Image.open(path)
    height = image.size[{h}]
    width = image.size[{w}]
    logits = model(to_tensor(image)[None])
    return F.interpolate(logits, size=(height, width), mode="bilinear")[0]
"""

_CROPS = """\
import cv2
from torch.utils.data import Dataset


class Instances(Dataset):
    def __init__(self, coco, folder):
        self.coco = coco
        self.folder = folder

    def __getitem__(self, index):
        ann = self.coco.loadAnns(index)[0]
        record = self.coco.loadImgs(ann["image_id"])[0]
        size = (record["height"], record["width"])
        x, y, w, h = padded(ann["bbox"], size)
        image = cv2.imread(self.folder + record["file_name"])
        return image[y : y + h, x : x + w]


def padded(box, size, share=0.1):
    x, y, w, h = box
    x, y = int(max(0, x - w * share)), int(max(0, y - h * share))
    w = int(min(w * (1 + 2 * share), size[{w}] - x))
    h = int(min(h * (1 + 2 * share), size[{h}] - y))
    return x, y, w, h
"""

_CUTTING = """\
import random

from torchvision import transforms


class CutMove:
    def __init__(self, share, jitter):
        self.share = share
        self.jitter = transforms.ColorJitter(jitter)

    def __call__(self, picture):
        {first} = picture.size[0]
        {second} = picture.size[1]
        cut_w, cut_h = int(w * self.share), int(h * self.share)
        top = random.randint(0, h - cut_h)
        left = random.randint(0, w - cut_w)
        patch = picture.crop(({box}))
        moved = picture.copy()
        moved.paste(self.jitter(patch), (random.randint(0, w - cut_w), random.randint(0, h - cut_h)))
        return moved


class Either:
    def __init__(self):
        self.small = CutMove(0.1, 0.2)
        self.large = CutMove(0.3, 0.2)

    def __call__(self, picture):
        return self.small(picture) if random.random() < 0.5 else self.large(picture)
"""
_BOX = "left, top, left + cut_w, top + cut_h"
_FRAME = """\
import cv2


def fit(frame, target_height, target_width):
    height, width = frame.shape[:2]
    scale = max(target_height / height, target_width / width)
    larger = cv2.resize(frame, (int(width * scale), int(height * scale)))
    return cv2.resize(larger, ({size}))
"""
_OPTIONS = {
    "frames.py": """\
import os

from PIL import Image


def save(frames, folder, img_size):
    os.makedirs(folder, exist_ok=True)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).resize(img_size, Image.LANCZOS).save(f"{folder}/{i:05d}.png")
""",
    "prepare.py": """\
import argparse

import numpy as np

from frames import save

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--video")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--width", type=int, default=512)
    options = parser.parse_args()
    save(np.load(options.video), "data", img_size=({size}))
""",
}


def _options(size: str) -> dict[str, str]:
    return {path: text.replace("{size}", size) for path, text in _OPTIONS.items()}


VALID = [
    Valid(_CUTTING.format(first="w", second="h", box=_BOX), "the width is first, in the size and in the box"),
    Valid(
        _CUTTING.format(first="w", second="h", box=_BOX).replace("picture.size", "picture.shape"),
        "whatever this is, its shape is no picture's size",
    ),
    Valid(_FRAME.format(size="target_width, target_height"), "as OpenCV wants it"),
    Valid(
        _FRAME.format(size="target_height, target_width").replace(
            "height, target_width):", "height=224, target_width=224):", 1
        )
        + "\n\ndef load(path):\n    return fit(cv2.imread(path), 224, 224)\n",
        "both are the same number",
    ),
    Valid(_options("options.width, options.height"), "as PIL wants it"),
    Valid(_CROPS.format(w=1, h=0), "each axis by its own length"),
    Valid(_BY_PLACE.format(h=1, w=0), "each length by its own place"),
    Valid(_LETTERBOX.format(names="width, height"), "the size is taken apart in its own order"),
    Valid(
        """\
from PIL import Image


def for_upload(message):
    image = Image.open(message)
    H, W = image.size
    if H > W:
        H, W = 800, int(800 * W / H)
    else:
        H, W = int(800 * H / W), 800
    return image.resize((H, W))
""",
        "two exchanges cancel",
    ),
    Valid(_RESIZE_ARRAY.format(size="w, h"), "OpenCV's order"),
    Valid(
        """\
import random

import cv2
import numpy as np

img_h, img_w = 640, 640


def statistics(lines, count):
    pixels = []
    for line in random.sample(lines, count):
        image = cv2.imread(line.split("\\t")[0])
        pixels.append(cv2.resize(image, (img_h, img_w)))
    return np.mean(pixels, axis=(0, 1, 2))
""",
        "names alone say nothing: both are 640",
    ),
    Valid(
        """\
import numpy as np
from PIL import Image


def upright(path):
    image = np.asarray(Image.open(path))
    image = image.transpose(1, 0, 2)
    w, h = image.shape[:2]
    return image, w, h
""",
        "the sides of the array were turned",
    ),
    Valid(
        """\
import torch
import torch.nn.functional as F
from torchvision import transforms


def like(logits, image):
    pixels = transforms.ToTensor()(image)
    _, h, w = pixels.shape
    return F.interpolate(logits, size=(h, w), mode="bilinear")
""",
        "a tensor's shape for interpolate",
    ),
    Valid(
        """\
import cv2
from PIL import Image
from torchvision import transforms

to_tensor = transforms.ToTensor()


def load(path):
    image = cv2.imread(path)
    image = image[:, :, ::-1]
    return to_tensor(Image.fromarray(image))
""",
        "the channels are exchanged before PIL gets them",
    ),
    Valid(
        """\
import cv2
import mxnet as mx
from PIL import Image


def unpack(record, path):
    header, image = mx.recordio.unpack_img(record)
    image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    Image.fromarray(image).save(path)
    return header
""",
        "the code of a conversion does not say what it was given",
    ),
    Valid(
        """\
import cv2
from PIL import Image


def load_mask(path):
    return Image.fromarray(cv2.imread(path, 0))
""",
        "one channel has no order",
    ),
    Valid(
        """\
from PIL import Image
from torchvision import transforms


class Grid:
    def __init__(self, size):
        self.size = size

    def cells(self):
        h, w = self.size
        return [(y, x) for y in range(h) for x in range(w)]


def padded(image):
    w, h = image.size
    side = max(w, h)
    canvas = Image.new(image.mode, (side, side))
    canvas.paste(image, ((side - w) // 2, (side - h) // 2))
    return transforms.functional.resize(canvas, (224, 224))
""",
        "a size of one's own, and a square",
    ),
    Valid(
        """\
import cv2
import numpy as np


def tile(frames):
    rows = []
    for frame in frames:
        h, w, c = frame.shape
        half = cv2.resize(frame, (w // 2, h // 2))
        rows.append(np.zeros((h, w, c), dtype=frame.dtype))
        rows[-1][: h // 2, : w // 2] = half
    return rows
""",
        "height first in the shape, width first for OpenCV",
    ),
]

INVALID = [
    Invalid(
        _CUTTING.format(first="h", second="w", box=_BOX),
        at=[("train.py", 12)],
        fixed=_CUTTING.format(first="h", second="w", box=_BOX)
        .replace("size[0]", "size[?]")
        .replace("size[1]", "size[0]")
        .replace("size[?]", "size[1]"),
        why="one by one, and another class hands it an unknown picture",
    ),
    Invalid(
        _FRAME.format(size="target_height, target_width"),
        at=[("train.py", 8)],
        fixed=_FRAME.format(size="target_width, target_height"),
        confidence=Confidence.LOW,
        why="the parameters say what they are, and nobody gives them anything else",
    ),
    Invalid(
        _options("options.height, options.width"),
        at=[("frames.py", 9)],
        confidence=Confidence.LOW,
        why="options of the command line, given in the wrong order across files",
    ),
    Invalid(
        _LETTERBOX.format(names="height, width"),
        at=[("train.py", 7)],
        fixed=_LETTERBOX.format(names="width, height"),
        why="the picture is squeezed, and the scale is that of the wrong side",
    ),
    Invalid(
        _OVERLAY.format(names="h, w"),
        at=[("train.py", 7)],
        fixed=_OVERLAY.format(names="w, h"),
        why="only a PIL picture's size can be taken apart, and the array wants its height first",
    ),
    Invalid(
        _RESIZE_ARRAY.format(size="h, w"),
        at=[("train.py", 18)],
        fixed=_RESIZE_ARRAY.format(size="w, h"),
        why="dsize is width first",
    ),
    Invalid(
        """\
import cv2
import numpy as np


def turned(path, degrees):
    image = cv2.imread(path)
    rows, cols = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((cols / 2, rows / 2), degrees, 1.0)
    heat = cv2.resize(np.load(path + ".npy"), image.shape[:2])
    return cv2.warpAffine(image, matrix, (cols, rows)), heat
""",
        at=[("train.py", 9)],
        fixed="""\
import cv2
import numpy as np


def turned(path, degrees):
    image = cv2.imread(path)
    rows, cols = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((cols / 2, rows / 2), degrees, 1.0)
    heat = cv2.resize(np.load(path + ".npy"), image.shape[1::-1])
    return cv2.warpAffine(image, matrix, (cols, rows)), heat
""",
        why="a shape as it is",
    ),
    Invalid(
        {
            "data/loading.py": """\
import numpy as np
from PIL import Image


def load(path):
    return Image.open(path).convert("RGB")
""",
            "data/detection.py": """\
import torch
from PIL import ImageOps
from torch.utils.data import Dataset
from torchvision.transforms import functional as TF

from data.loading import load


class Detection(Dataset):
    def __init__(self, rows, size):
        self.rows = rows
        self.size = size

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        image = load(row["file"])
        boxes = torch.tensor(row["boxes"], dtype=torch.float32)
        img_height, img_width = image.size
        image = image.resize((self.size, self.size))
        boxes[:, 0::2] *= self.size / img_width
        boxes[:, 1::2] *= self.size / img_height
        return TF.to_tensor(image), boxes
""",
        },
        at=[("data/detection.py", 21)],
        fixed={
            "data/loading.py": """\
import numpy as np
from PIL import Image


def load(path):
    return Image.open(path).convert("RGB")
""",
            "data/detection.py": """\
import torch
from PIL import ImageOps
from torch.utils.data import Dataset
from torchvision.transforms import functional as TF

from data.loading import load


class Detection(Dataset):
    def __init__(self, rows, size):
        self.rows = rows
        self.size = size

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        image = load(row["file"])
        boxes = torch.tensor(row["boxes"], dtype=torch.float32)
        img_width, img_height = image.size
        image = image.resize((self.size, self.size))
        boxes[:, 0::2] *= self.size / img_width
        boxes[:, 1::2] *= self.size / img_height
        return TF.to_tensor(image), boxes
""",
        },
        confidence=Confidence.MEDIUM,
        why="boxes scaled by the wrong side; nothing but the names says so",
    ),
    Invalid(
        """\
import cv2
from PIL import Image
from torchvision import transforms

prepare = transforms.Compose([transforms.Resize(256), transforms.ToTensor()])


def load(path):
    image = cv2.imread(path)
    return prepare(Image.fromarray(image))
""",
        at=[("train.py", 10)],
        fixed="""\
import cv2
from PIL import Image
from torchvision import transforms

prepare = transforms.Compose([transforms.Resize(256), transforms.ToTensor()])


def load(path):
    image = cv2.imread(path)
    return prepare(Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)))
""",
        confidence=Confidence.MEDIUM,
        why="blue is taken for red",
    ),
    Invalid(
        """\
import numpy as np
import torch.nn.functional as F
from PIL import Image


def upsampled(logits, path):
    picture = Image.open(path)
    return F.interpolate(logits, size=picture.size, mode="bilinear", align_corners=False)
""",
        at=[("train.py", 8)],
        fixed="""\
import numpy as np
import torch.nn.functional as F
from PIL import Image


def upsampled(logits, path):
    picture = Image.open(path)
    return F.interpolate(logits, size=picture.size[::-1], mode="bilinear", align_corners=False)
""",
        why="interpolate wants the height first",
    ),
    Invalid(
        _CROPS.format(w=0, h=1),
        at=[("train.py", 22)],
        fixed=_CROPS.format(w=1, h=0),
        confidence=Confidence.MEDIUM,
        why="height first in the size, and the box's width is bounded by it",
    ),
    Invalid(
        _BY_PLACE.format(h=0, w=1),
        at=[("train.py", 9)],
        fixed=_BY_PLACE.format(h=1, w=0),
        why="one length a line",
    ),
    Invalid(
        """\
import cv2
import numpy as np
from PIL import Image


def heat(path, scores):
    picture = Image.open(path)
    h, w = picture.size[0], picture.size[1]
    return cv2.resize(scores, (w, h))
""",
        at=[("train.py", 8)],
        fixed="""\
import cv2
import numpy as np
from PIL import Image


def heat(path, scores):
    picture = Image.open(path)
    w, h = picture.size[0], picture.size[1]
    return cv2.resize(scores, (w, h))
""",
        why="two places in one statement",
    ),
]
