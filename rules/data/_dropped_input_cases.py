"""Cases of the rule ``dropped-input``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_SYNAPSES = """\
import numpy as np
import torch
from torch.utils.data import Dataset

NAMES = ("raw", "membrane", "vesicles", "cleft")


def crop_all(volumes, window):
    return [volumes[name][window] for name in NAMES]


class Synapses(Dataset):
    def __init__(self, volumes, windows):
        self.volumes = volumes
        self.windows = windows

    def __len__(self):
        return len(self.windows)

    def __getitem__(self, index):
        raw, membrane, vesicles, cleft = crop_all(self.volumes, self.windows[index])
        membrane = membrane > 0
        vesicles = vesicles > 0
        {end}
"""
_SCANS = """\
import os

import nibabel as nib
import numpy as np
import torch
from torch.utils.data import Dataset


class Gliomas(Dataset):
    def __init__(self, folders):
        self.folders = folders

    def __len__(self):
        return len(self.folders)

    def __getitem__(self, index):
        folder = self.folders[index]
        flair = nib.load(os.path.join(folder, "flair.nii.gz")).get_fdata()
        t1 = nib.load(os.path.join(folder, "t1.nii.gz")).get_fdata()
        t1ce = nib.load(os.path.join(folder, "t1ce.nii.gz")).get_fdata()
        t2 = nib.load(os.path.join(folder, "t2.nii.gz")).get_fdata()
        seg = nib.load(os.path.join(folder, "seg.nii.gz")).get_fdata()
        {end}
"""
_BANDS = """\
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader


def read_tile(path):
    red, green, blue, infrared, elevation = map(Image.open, [f"{{path}}_{{b}}.tif" for b in range(5)])
    bands = [np.asarray(b, np.float32) / 255 for b in (red, green, blue)]
    infrared = np.asarray(infrared, np.float32) / 65535
    {end}


class Tiles:
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return read_tile(self.paths[index])


loader = DataLoader(Tiles(["a", "b"]), batch_size=8)
"""
_ORGANS = """\
import numpy as np
import tifffile
import torch
from torch.utils.data import DataLoader, Dataset


class Preparation:
    def __init__(self, root, seeds):
        self.root = root
        self.seeds = seeds

    def split(self, labels, first, second):
        try:
            one, other = labels[first], labels[second]
            left = (labels == one) if one != 0 else np.zeros_like(labels, dtype=bool)
            right = (labels == other) if other != 0 else np.zeros_like(labels, dtype=bool)
            return left, right
        except IndexError:
            return np.zeros_like(labels, dtype=bool), np.zeros_like(labels, dtype=bool)

    def prepare(self, name):
        scan = tifffile.imread(f"{{self.root}}/{{name}}.tif")
        labels = tifffile.imread(f"{{self.root}}/{{name}}_labels.tif")
        if scan is None:
            return None
        left, right = self.split(labels, *self.seeds[name])
        lesion = labels == 9
        {end}

    def prepare_all(self):
        volumes = {{}}
        for name in self.seeds:
            volume = self.prepare(name)
            if volume is not None:
                volumes[name] = volume
        return volumes


class Patches(Dataset):
    def __init__(self, volumes, size=48):
        self.volumes = list(volumes.values())
        self.size = size

    def __len__(self):
        return len(self.volumes)

    def __getitem__(self, index):
        return self.volumes[index][:, : self.size, : self.size, : self.size]


def run(root, seeds):
    source = Preparation(root, seeds)
    volumes = source.prepare_all()
    return DataLoader({dataset}, batch_size=4)
"""
_STACKED = (
    "side = left\n        volume = np.stack([scan, side.astype(np.float32), lesion.astype(np.float32)])\n"
    "        return torch.from_numpy(volume).float()"
)
_CELLS = """\
import numpy as np
import torch
from skimage.io import imread
from torch.utils.data import Dataset


def regions(stain, low, high):
    nuclei = stain[..., 0] > high
    {other}
    return nuclei, body


class Cells(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = imread(self.paths[index])
        nuclei, body = regions(image, 40, 90)
        return torch.from_numpy(np.stack([image[..., 2], nuclei.astype(image.dtype)]))
"""

VALID = [
    Valid(
        _SYNAPSES.format(end="return torch.from_numpy(np.stack([raw, membrane, vesicles, cleft]))"),
        "all of them are stacked",
    ),
    Valid(
        _SYNAPSES.format(
            end="if not cleft.any():\n            return None\n"
            "        return torch.from_numpy(np.stack([raw, membrane, vesicles]))"
        ),
        "one decides",
    ),
    Valid(
        _SYNAPSES.format(
            end='return {"image": torch.from_numpy(np.stack([raw, membrane, vesicles])), "target": torch.from_numpy(cleft)}'
        ),
        "one is returned by another key",
    ),
    Valid(
        _SYNAPSES.replace("raw, membrane, vesicles, cleft = crop", "raw, membrane, vesicles, _cleft = crop").format(
            end="return torch.from_numpy(np.stack([raw, membrane, vesicles]))"
        ),
        "left out by its name",
    ),
    Valid(
        _SCANS.format(
            end="raw = np.stack([flair, t1, t1ce, t2])\n        return torch.from_numpy(raw), torch.from_numpy(seg)"
        ),
        "four scans, and what is asked for",
    ),
    Valid(
        _BANDS.format(
            end='elevation = np.asarray(elevation)\n    print("height", elevation.mean())\n'
            "    return torch.from_numpy(np.stack([*bands, infrared]))"
        ),
        "one is logged",
    ),
    Valid(
        """\
import torch
from torch import nn


class Fuse(nn.Module):
    def __init__(self, encoder, head):
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, x):
        c1, c2, c3, c4 = self.encoder(x)
        return self.head(torch.cat([c2, c3], dim=1))
""",
        "features of a network, and no input",
    ),
    Valid(
        """\
import cv2
import numpy as np
from torch.utils.data import Dataset


class Opponent(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        blue, green, red = cv2.split(cv2.imread(self.paths[index]))
        return np.stack([green, red])
""",
        "channels of one file, of which some are chosen",
    ),
    Valid(
        _ORGANS.format(
            end="sides = left | right\n        return torch.from_numpy(np.stack([scan, sides, lesion]).astype(np.float32))",
            dataset="Patches(volumes)",
        ),
        "both sides are merged into one channel",
    ),
    Valid(
        _ORGANS.format(
            end="side = left if (left & lesion).sum() >= (right & lesion).sum() else right\n"
            "        return torch.from_numpy(np.stack([scan, side, lesion]).astype(np.float32))",
            dataset="Patches(volumes)",
        ),
        "the other side is compared with before one is chosen",
    ),
    Valid(
        _ORGANS.format(end=_STACKED, dataset='Patches({"all": torch.load(root)})'),
        "what is stacked reaches no dataset",
    ),
    Valid(
        _ORGANS.replace("left, right = self.split", "left, _right = self.split").format(
            end=_STACKED, dataset="Patches(volumes)"
        ),
        "one side is left out by its name",
    ),
    Valid(_CELLS.format(other="body = ~nuclei"), "a mask and what it leaves: one tells the other"),
    Valid(_CELLS.format(other="body = stain[..., 0] <= high"), "the two sides of one threshold"),
    Valid(_CELLS.format(other="body = stain.mean()"), "one mask and a number"),
]

INVALID = [
    Invalid(
        _SYNAPSES.format(end="return torch.from_numpy(np.stack([raw, membrane, cleft]))"),
        at=[("train.py", 21)],
        fixed=_SYNAPSES.format(end="return torch.from_numpy(np.stack([raw, membrane, cleft]))"),
        why="made into a mask, and forgotten; the advice is shown, and not written",
    ),
    Invalid(
        _SYNAPSES.format(
            end="cube = np.stack([raw, cleft]).astype(np.float32)\n        return torch.from_numpy(cube - cube.mean())"
        ),
        at=[("train.py", 21)],
        why="two of four are left out",
    ),
    Invalid(
        _SCANS.format(
            end="volume = np.stack([flair, t1ce, t2], axis=0)\n"
            "        return torch.from_numpy(volume).float(), torch.from_numpy(seg).long()"
        ),
        at=[("train.py", 18)],
        why="four scans are read one after the other, and three are stacked",
    ),
    Invalid(
        _BANDS.format(end="return torch.from_numpy(np.stack([red, green, blue, infrared]))"),
        at=[("train.py", 8)],
        why="opened by `map`, in a helper",
    ),
    Invalid(
        _SYNAPSES.replace(
            "return [volumes[name][window] for name in NAMES]",
            """\
inputs = []
    for name in NAMES:
        inputs.append(volumes[name][window])
    return list(volumes[name][window] for name in NAMES)""",
        )
        .format(
            end="volume = torch.stack([torch.as_tensor(v) for v in (raw, membrane)])\n"
            "        return torch.cat([volume, torch.as_tensor(vesicles)[None]])"
        )
        .replace(
            "volume = torch.stack([torch.as_tensor(v) for v in (raw, membrane)])",
            """\
volume = torch.stack([torch.as_tensor(raw), torch.as_tensor(membrane)])""",
        ),
        at=[("train.py", 24)],
        why="the last one is neither in the first tensor nor in the second",
    ),
    Invalid(
        _SCANS.format(
            end="t1 = (t1 - t1.mean()) / t1.std()\n        t1 = np.clip(t1, -3, 3)\n"
            "        image = torch.stack([torch.from_numpy(flair), torch.from_numpy(t1ce), torch.from_numpy(t2)])\n"
            '        return {"image": image, "label": torch.from_numpy(seg)}'
        ),
        at=[("train.py", 18)],
        why="one is even normalised before it is forgotten",
    ),
    Invalid(
        _ORGANS.format(end=_STACKED, dataset="Patches(volumes, size=32)"),
        at=[("train.py", 26)],
        confidence=Confidence.MEDIUM,
        fixed=_ORGANS.format(end=_STACKED, dataset="Patches(volumes, size=32)"),
        why="two masks are made before there is any dataset, and one of them is never stacked",
    ),
    Invalid(
        _ORGANS.format(
            end="right = np.logical_and(right, lesion)\n"
            "        return torch.stack([torch.as_tensor(scan), torch.as_tensor(left)]).float()",
            dataset="Patches({name: source.prepare(name) for name in seeds})",
        ),
        at=[("train.py", 26)],
        confidence=Confidence.MEDIUM,
        why="prepared in a comprehension; one mask is narrowed before it is forgotten",
    ),
    Invalid(
        _CELLS.format(other="body = (stain[..., 1] > low) & (stain[..., 1] < high)"),
        at=[("train.py", 22)],
        confidence=Confidence.MEDIUM,
        why="made in `__getitem__`, by two thresholds on two stains",
    ),
]
