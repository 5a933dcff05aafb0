"""Cases of the rule ``no-crop-jitter``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_LESIONS = """\
import numpy as np
import torch
from torch.utils.data import Dataset


class Lesions(Dataset):
    def __init__(self, volumes, masks, size):
        self.volumes = volumes
        self.masks = masks
        self.size = size

    def __len__(self):
        return len(self.volumes)

    def __getitem__(self, index):
        volume, mask = self.volumes[index], self.masks[index]
        cz, cy, cx = np.argwhere(mask > 0).mean(axis=0)
{starts}
        window = (slice(z, z + self.size), slice(y, y + self.size), slice(x, x + self.size))
        return torch.from_numpy(volume[window]), torch.from_numpy(mask[window])
"""


def _lesions(added: str = "", before: str = "") -> str:
    opening, gap, closing = ("\n            ", "\n            ", ",\n        ") if added else ("", " ", "")
    starts = [
        f"        {axis} = min({opening}max(int(c{axis}) - self.size // 2{added}, 0),"
        f"{gap}volume.shape[{n}] - self.size{closing})"
        for n, axis in enumerate("zyx")
    ]
    return _LESIONS.format(starts="\n".join([*([before] if before else []), *starts]))


_DRAWN = " + int(torch.randint(-jitter, jitter + 1, ()))"
_CELLS = """\
import numpy as np
import torch
from scipy import ndimage
from torch.utils.data import DataLoader, Dataset


def cut_cell(image, labels, cell, size{parameter}):
    centre = ndimage.center_of_mass(labels == cell)
{limit}    corner = [int(round(c)) - size // 2{draw} for c in centre]
    corner = [max(0, min(k, n - size)) for k, n in zip(corner, labels.shape)]
    return image[:, corner[0] : corner[0] + size, corner[1] : corner[1] + size]


class Cells(Dataset):
    def __init__(self, images, labels, size=64):
        self.images, self.labels, self.size = images, labels, size
        self.index = [(i, c) for i, l in enumerate(labels) for c in np.unique(l) if c > 0]

    def __len__(self):
        return len(self.index)

    def __getitem__(self, item):
        i, cell = self.index[item]
        return cut_cell(self.images[i], self.labels[i], cell, self.size{argument})


def show(images, labels, cell):
    return cut_cell(images[0], labels[0], cell, 96)


loader = DataLoader(Cells(torch.load("images.pt"), np.load("labels.npy")), batch_size=32, shuffle=True)
"""
_PROPS = """\
import numpy as np
import torch
from skimage.measure import label, regionprops
from torch.utils.data import Dataset


class Particles(Dataset):
    def __init__(self, micrographs, masks, half=32):
        self.micrographs = micrographs
        self.half = half
        self.places = []
        for number, mask in enumerate(masks):
            for region in regionprops(label(mask)):
                self.places.append((number, region.centroid))

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        number, (cy, cx) = self.places[index]
        image = self.micrographs[number]
        y, x = int(cy), int(cx)
        {body}
        return torch.as_tensor(patch)[None]
"""

_SAMPLED = """\
import numpy as np
from skimage.measure import label, regionprops
from torch.utils.data import Dataset


class Rois(Dataset):
    def __init__(self, scans, masks, size=64, per_scan=8):
        self.scans, self.masks = scans, masks
        self.size, self.per_scan = size, per_scan

    def __len__(self):
        return len(self.scans)

    def objects(self, mask):
        return [tuple(round(x) for x in region.centroid) for region in regionprops(label(mask))]

    def background(self, shape, count):
        return [tuple(np.random.randint(0, n) for n in shape) for _ in range(count)]

    def crop(self, volume, centre):
        begin = [max(0, centre[i] - self.size // 2) for i in range(3)]
        end = [min(volume.shape[i], centre[i] + self.size // 2) for i in range(3)]
        roi = np.zeros((self.size,) * 3, dtype=volume.dtype)
        part = volume[begin[0] : end[0], begin[1] : end[1], begin[2] : end[2]]
        roi[: part.shape[0], : part.shape[1], : part.shape[2]] = part
        return roi

    def __getitem__(self, index):
        volume, mask = self.scans[index], self.masks[index]
        found = self.objects(mask)
        {centres}
        return np.stack([self.crop(volume, c) for c in centres]), np.stack([self.crop(mask, c) for c in centres])


rois = Rois(*read("train"))
"""
_BOTH = "centres = found + self.background(mask.shape, self.per_scan - len(found))"

VALID = [
    Valid(
        _SAMPLED.format(
            centres="near = [tuple(x + np.random.randint(-8, 9) for x in c) for c in found]\n        "
            + _BOTH.replace("found +", "near +")
        ),
        "objects are shifted, and background is drawn",
    ),
    Valid(
        _SAMPLED.format(centres="centres = [np.array(c) + [np.random.randint(-8, 9) for _ in c] for c in found]"),
        "an array and a list are added number by number",
    ),
    Valid(
        _lesions(" + np.random.randint(-6, 7)"),
        "a shift is drawn for each axis",
    ),
    Valid(
        _lesions().replace(
            "        cz, cy, cx = np.argwhere(mask > 0).mean(axis=0)",
            """\
        cz, cy, cx = self.near(np.argwhere(mask > 0).mean(axis=0))""",
        )
        + """
    def near(self, centre):
        return centre + np.random.uniform(-5, 5, size=3)
""",
        "the shift is drawn in a helper",
    ),
    Valid(
        _lesions().replace("class Lesions", "class ValidationLesions"),
        "for validation, crops are centred",
    ),
    Valid(
        """\
import numpy as np
import torch
from torch.utils.data import Dataset


class Pixels(Dataset):
    def __init__(self, cube, truth, size):
        self.cube = np.pad(cube, ((size // 2,) * 2, (size // 2,) * 2, (0, 0)))
        self.places = np.argwhere(truth > 0)
        self.truth, self.size = truth, size

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        y, x = self.places[index]
        y0, x0 = y - self.size // 2 + self.size // 2, x - self.size // 2 + self.size // 2
        return torch.from_numpy(self.cube[y0 : y0 + self.size, x0 : x0 + self.size]), self.truth[y, x]
""",
        "each pixel has a class of its own, and must be in the middle",
    ),
    Valid(
        """\
import torch
from torch.utils.data import Dataset


class Faces(Dataset):
    def __init__(self, images, size):
        self.images, self.size = images, size

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        top = image.shape[1] // 2 - self.size // 2
        left = image.shape[2] // 2 - self.size // 2
        return image[:, top : top + self.size, left : left + self.size]
""",
        "the middle of the image, and of no object",
    ),
    Valid(
        _CELLS.format(parameter="", limit="", draw="", argument="")
        .replace("import torch\n", "import torch\nfrom torchvision import transforms\n", 1)
        .replace(
            "        i, cell = self.index[item]\n        return ",
            """\
        i, cell = self.index[item]
        move = transforms.RandomAffine(180, translate=(0.1, 0.1))
        return move""".rstrip()
            + "(",
        )
        .replace("cell, self.size)\n", "cell, self.size))\n"),
        "a transform moves the crop",
    ),
    Valid(
        """\
import numpy as np
import torch
from torch.utils.data import Dataset


class Patches(Dataset):
    def __init__(self, scans, masks, size):
        self.scans, self.masks, self.size = scans, masks, size

    def __len__(self):
        return len(self.scans)

    def __getitem__(self, index):
        inside = np.argwhere(self.masks[index])
        y, x = inside[np.random.randint(len(inside))]
        top = max(y - self.size // 2, 0)
        left = max(x - self.size // 2, 0)
        return torch.from_numpy(self.scans[index][top : top + self.size, left : left + self.size])
""",
        "around any voxel of the object, drawn at random",
    ),
]

INVALID = [
    Invalid(
        _SAMPLED.format(centres=_BOTH),
        at=[("train.py", 21)],
        confidence=Confidence.MEDIUM,
        why="background is drawn, and every object is in the middle of its crop",
    ),
    Invalid(
        _SAMPLED.format(
            centres="centres = list(found)\n        centres.extend(self.background(mask.shape, self.per_scan))"
        ),
        at=[("train.py", 21)],
        confidence=Confidence.MEDIUM,
        why="the same, put beside them by a method",
    ),
    Invalid(
        _lesions(),
        at=[("train.py", 18)],
        fixed=_lesions(_DRAWN, "        jitter = min(8, self.size // 4)"),
        why="three axes in `__getitem__`",
    ),
    Invalid(
        _CELLS.format(parameter="", limit="", draw="", argument=""),
        at=[("train.py", 9)],
        fixed=_CELLS.format(
            parameter=", jitter=0",
            limit="    jitter = min(jitter, size // 4)\n",
            draw=_DRAWN,
            argument=", jitter=8",
        ),
        why="in a helper that a picture is cut by as well",
    ),
    Invalid(
        _PROPS.format(body="patch = image[y - self.half : y + self.half, x - self.half : x + self.half]")
        .replace("half=32):", "size=64):")
        .replace("self.half = half", "self.half = size // 2"),
        at=[("train.py", 23)],
        why="cut on both sides of a region's centre, and nothing clamps",
    ),
    Invalid(
        _PROPS.format(
            body="""top = np.clip(y - self.size // 2, 0, image.shape[0] - self.size)
        left = np.clip(x - self.size // 2, 0, image.shape[1] - self.size)
        patch = image[top : top + self.size, left : left + self.size]"""
        )
        .replace("half=32", "size=64")
        .replace("self.half = half", "self.size = size"),
        at=[("train.py", 23)],
        fixed=_PROPS.format(
            body="""jitter = min(8, self.size // 4)
        top = np.clip(
            y - self.size // 2 + int(torch.randint(-jitter, jitter + 1, ())),
            0,
            image.shape[0] - self.size,
        )
        left = np.clip(
            x - self.size // 2 + int(torch.randint(-jitter, jitter + 1, ())),
            0,
            image.shape[1] - self.size,
        )
        patch = image[top : top + self.size, left : left + self.size]"""
        )
        .replace("half=32", "size=64")
        .replace("self.half = half", "self.size = size"),
        why="centres that were measured when the dataset was made",
    ),
    Invalid(
        _lesions()
        + """

train_set = Lesions(*load("train"), size=48)
val_set = Lesions(*load("val"), size=48)
""",
        at=[("train.py", 18)],
        why="found, and not mended: validation would be shifted too",
    ),
    Invalid(
        _lesions().replace(
            "        return torch.from_numpy(volume[window]), ",
            """\
        return self.transform(torch.from_numpy(volume[window])), """,
        ),
        at=[("train.py", 18)],
        fixed=_lesions(_DRAWN, "        jitter = min(8, self.size // 4)").replace(
            "        return torch.from_numpy(volume[window]), ",
            """\
        return self.transform(torch.from_numpy(volume[window])), """,
        ),
        confidence=Confidence.MEDIUM,
        why="a transform that may shift, though none in the project does",
    ),
]
