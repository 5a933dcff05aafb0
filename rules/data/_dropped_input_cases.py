"""Cases of the rule ``dropped-input``."""

from __future__ import annotations

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
]
