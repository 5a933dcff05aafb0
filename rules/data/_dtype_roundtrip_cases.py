"""Cases of the rule ``dtype-roundtrip``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_JITTER = """\
import random

import cv2
import numpy as np
from PIL import Image


def jitter(path, strength):
    pixels = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255.0
    pixels = np.clip(pixels * random.uniform(1 - strength, 1 + strength), 0.0, 1.0)
    return Image.fromarray({cast})
"""

_MAPS = """\
import numpy as np


def heat_map(points, height, width, sigma):
    y, x = np.mgrid[0:height, 0:width]
    heat = np.zeros((height, width), dtype=np.float32)
    for px, py in points:
        blob = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))
        heat = np.maximum(heat, np.clip(blob, 0.0, 1.0))
    return heat
"""

_AUTOCONTRAST = """\
import cv2
import numpy as np


def autocontrast(image, cutoff=0):
    def tune(ch):
        if cutoff == 0:
            high, low = ch.max(), ch.min()
        else:
            hist = cv2.calcHist([ch], [0], None, [256], [0, 256])
            low = np.argwhere(np.cumsum(hist) > cutoff)[0]
            high = 255 - np.argwhere(np.cumsum(hist[::-1]) > cutoff)[0]
        scale = 255 / (high - low)
        offset = {offset} * scale
        table = (np.arange(256) * scale + offset).clip(0, 255).astype(np.uint8)
        return table[ch]

    return cv2.merge([tune(ch) for ch in cv2.split(image)])
"""

_SAVED = """\
import os

import torch
import torchvision.transforms.functional as F


def predict(net, batches, folder):
    net.eval()
    with torch.no_grad():
        for name, picture in batches:
            made = net(picture).squeeze(0).detach().to("cpu")
            F.to_pil_image({value}).save(os.path.join(folder, name))
"""
_HUES = """\
import cv2


def between(path, other):
    first = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2HSV)[0, 0]
    second = cv2.cvtColor(cv2.imread(other), cv2.COLOR_BGR2HSV)[0, 0]
    low, high = first[0], second[0]
{order}
    return low + (high - low) / 2
"""
VALID = [
    Valid(_HUES.format(order="    if high < low:\n        low, high = high, low"), "the smaller one is taken away"),
    Valid(
        _HUES.format(order="    if low > high:\n        return high + (low - high) / 2"),
        "each way has the larger one first",
    ),
    Valid(
        """\
import cv2
import numpy as np


def volume(paths):
    height, width = cv2.imread(paths[0], cv2.IMREAD_UNCHANGED).shape[:2]
    slices = np.zeros((len(paths), height, width), dtype=np.uint8)
    for index, path in enumerate(paths):
        slices[index] = (cv2.imread(path, cv2.IMREAD_UNCHANGED) / 256).astype(np.uint8)
    return slices
""",
        "sixteen bits a pixel, brought down to eight",
    ),
    Valid(_SAVED.format(value="(made + 1) / 2"), "0 to 1, as torchvision wants it"),
    Valid(_SAVED.format(value="(made > 0.5).cpu() * 255"), "a mask of whole numbers, which is taken as it is"),
    Valid(_SAVED.format(value="made.argmax(0).to(torch.uint8).cpu() * 255"), "classes, which are whole numbers"),
    Valid(
        _SAVED.replace('.to("cpu")\n', ".argmax(0).to(torch.uint8)\n").format(value="made.cpu() * 255"),
        "whole numbers a line before",
    ),
    Valid(_SAVED.format(value="(made * 255).byte()"), "bytes, which are taken as they are"),
    Valid(_SAVED.format(value="made.numpy() * 255"), "an array, which is not multiplied"),
    Valid(_JITTER.format(cast="(pixels * 255).astype(np.uint8)"), "scaled before the cast"),
    Valid(
        """\
import cv2
import numpy as np


def contours(prob, threshold):
    bitmap = (prob > threshold).astype(np.uint8)
    found, _ = cv2.findContours(bitmap, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return found


def overlay(prob):
    mask = (np.clip(prob, 0, 1) > 0.5).astype(np.uint8)
    return cv2.applyColorMap((prob * 255).astype(np.uint8), cv2.COLORMAP_JET), mask
""",
        "yes and no survive the cast",
    ),
    Valid(
        """\
import cv2
import numpy as np
from torch.utils.data import Dataset


class Lesions(Dataset):
    def __init__(self, images, masks):
        self.images = images
        self.masks = masks

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = cv2.imread(self.images[index]).astype(np.float32) / 255.0
        mask = cv2.imread(self.masks[index], cv2.IMREAD_GRAYSCALE) / 255.0
        return image.transpose(2, 0, 1), mask.astype(np.uint8)
""",
        "a mask of 0 and 255, divided by 255",
    ),
    Valid(
        """\
import numpy as np

RGB_MEAN = np.array([122.7, 116.7, 104.0])


def restore(image):
    image = image.permute(1, 2, 0).cpu().numpy()
    image = image * 255.0
    image += RGB_MEAN
    return image.astype(np.uint8)
""",
        "scaled and shifted before the cast",
    ),
    Valid(
        """\
import cv2
import numpy as np


def centred(path, mean):
    image = cv2.imread(path).astype(np.float32)
    image -= np.array([104, 117, 123], dtype=np.float32)
    dark = cv2.imread(path)
    return image, dark - dark.min(), 255 - dark
""",
        "subtracted as floats; an image minus its own least value; an inverted image",
    ),
    Valid(
        """\
import cv2
import numpy as np


def regions(text, link, low_text, link_threshold):
    _, text_score = cv2.threshold(text, low_text, 1, 0)
    _, link_score = cv2.threshold(link, link_threshold, 1, 0)
    both = np.clip(text_score + link_score, 0, 1)
    return cv2.connectedComponentsWithStats(both.astype(np.uint8), connectivity=4)
""",
        "thresholds give 0 and 1",
    ),
    Valid(
        """\
import numpy as np
import torchvision.transforms.functional as F
from skimage import io


def imread(path, scale=True):
    image = io.imread(path)
    if image.dtype == "uint16":
        image = (image / 255).astype(np.uint8)
    return F.to_pil_image(image)
""",
        "16 bits to 8",
    ),
    Valid(
        """\
import numpy as np
import tifffile
from PIL import Image


def preview(path):
    stack = tifffile.imread(path)
    return Image.fromarray((stack.max(0) / 256).astype(np.uint8))
""",
        "a step of 256 is one of 16 bits",
    ),
    Valid(
        """\
import numpy as np
from PIL import Image


def convert(source, target):
    labels = np.asarray(Image.open(source))
    assert labels.dtype == np.uint8
    labels = labels - 1  # 0 becomes 255, which the loss leaves out
    Image.fromarray(labels).save(target)
""",
        "the comment says that it shall wrap",
    ),
    Valid(_AUTOCONTRAST.format(offset="-float(low)"), "negated as a float"),
    Valid(
        """\
import torch


def to_picture(x):
    x = x.clamp(0, 1)
    return (x * 255).to(torch.uint8).permute(1, 2, 0).numpy()


def hard(logits):
    return torch.sigmoid(logits).round().byte()
""",
        "scaled; rounded",
    ),
]

INVALID = [
    Invalid(
        _SAVED.format(value="made.sigmoid().cpu() * 255"),
        at=[("train.py", 12)],
        fixed=_SAVED.format(value="made.sigmoid().cpu() * 255 / 255"),
        why="probabilities are floats, whatever they are multiplied by",
    ),
    Invalid(
        _SAVED.format(value="(made + 1) * 127.5"),
        at=[("train.py", 12)],
        fixed=_SAVED.format(value="(made + 1) * 127.5 / 255"),
        why="floats are multiplied by 255 once more",
    ),
    Invalid(
        _SAVED.replace("transforms.functional as F", "transforms as T")
        .replace("F.to_pil_image(", "T.ToPILImage()(")
        .format(value="255.0 * made"),
        at=[("train.py", 12)],
        fixed=_SAVED.replace("transforms.functional as F", "transforms as T")
        .replace("F.to_pil_image(", "T.ToPILImage()(")
        .format(value="255.0 * made / 255"),
        why="the class does the same",
    ),
    Invalid(
        _JITTER.format(cast="pixels.astype(np.uint8)"),
        at=[("train.py", 11)],
        fixed=_JITTER.format(cast="(pixels * 255).round().astype(np.uint8)"),
        why="a black picture",
    ),
    Invalid(
        _JITTER.format(cast="np.uint8(pixels)"),
        at=[("train.py", 11)],
        fixed=_JITTER.format(cast="np.uint8((pixels * 255).round())"),
        why="the type called as a function",
    ),
    Invalid(
        {
            "targets/maps.py": _MAPS,
            "targets/scale.py": """\
import cv2
import numpy as np
from PIL import Image

from targets.maps import heat_map


def half(values):
    picture = Image.fromarray(values.astype("uint8"))
    return np.asarray(picture.resize((picture.width // 2, picture.height // 2))) / 255.0


def target(points, size):
    return half(heat_map(points, *size, sigma=2.0))
""",
        },
        at=[("targets/scale.py", 9)],
        fixed={
            "targets/maps.py": _MAPS,
            "targets/scale.py": """\
import cv2
import numpy as np
from PIL import Image

from targets.maps import heat_map


def half(values):
    picture = Image.fromarray((values * 255).round().astype("uint8"))
    return np.asarray(picture.resize((picture.width // 2, picture.height // 2))) / 255.0


def target(points, size):
    return half(heat_map(points, *size, sigma=2.0))
""",
        },
        why="a heat map from another file, through a parameter",
    ),
    Invalid(
        """\
import numpy as np
import torch
from PIL import Image


def save_sample(generator, noise, path):
    sample = torch.sigmoid(generator(noise))[0].permute(1, 2, 0)
    pixels = sample.detach().cpu().numpy()
    pixels = pixels.astype(np.uint8)
    Image.fromarray(pixels).save(path)
""",
        at=[("train.py", 9)],
        fixed="""\
import numpy as np
import torch
from PIL import Image


def save_sample(generator, noise, path):
    sample = torch.sigmoid(generator(noise))[0].permute(1, 2, 0)
    pixels = sample.detach().cpu().numpy()
    pixels = (pixels * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(path)
""",
        why="the output of a sigmoid",
    ),
    Invalid(
        """\
import cv2
import numpy as np


def motion(before, after):
    first = cv2.imread(before)
    second = cv2.imread(after)
    change = second - first
    return change.astype(np.float32) / 255.0
""",
        at=[("train.py", 8)],
        fixed="""\
import cv2
import numpy as np


def motion(before, after):
    first = cv2.imread(before)
    second = cv2.imread(after)
    change = second.astype("int16") - first
    return change.astype(np.float32) / 255.0
""",
        why="darker pixels become bright ones",
    ),
    Invalid(
        """\
import cv2
import torch
from torch.utils.data import Dataset


class Faces(Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = cv2.resize(cv2.imread(self.files[index]), (112, 112))
        image = (image - 127) / 128.0
        return torch.from_numpy(image).permute(2, 0, 1).float()
""",
        at=[("train.py", 15)],
        fixed="""\
import cv2
import torch
from torch.utils.data import Dataset


class Faces(Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = cv2.resize(cv2.imread(self.files[index]), (112, 112))
        image = (image.astype("int16") - 127) / 128.0
        return torch.from_numpy(image).permute(2, 0, 1).float()
""",
        why="uint8 minus a whole number stays uint8",
    ),
    Invalid(
        _AUTOCONTRAST.format(offset="-low"),
        at=[("train.py", 14)],
        fixed=_AUTOCONTRAST.format(offset="-1.0 * low"),
        confidence=Confidence.MEDIUM,
        why="the least value of an unsigned channel, negated",
    ),
]
