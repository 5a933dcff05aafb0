"""Cases of the rule ``fixed-seed-augmentation``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_SEEDING_HELPER = """\
import contextlib

import numpy as np


@contextlib.contextmanager
def numpy_seed(seed, *more):
    if more:
        seed = int(hash((seed, *more)) % 1e6)
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)
"""

_PLATES = """\
import cv2
from torch.utils.data import Dataset

from windows import {name}


class Plates(Dataset):
    def __init__(self, paths, side):
        self.paths = paths
        self.side = side

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        plate = cv2.imread(self.paths[index])
        return {call}
"""

_CUT = """\
import numpy as np


def cut(plate, side, seed):
    rng = np.random.default_rng(seed)
    top = rng.integers(0, plate.shape[0] - side)
    left = rng.integers(0, plate.shape[1] - side)
    return plate[top : top + side, left : left + side]
"""

_CUT_BY_NUMBER = """\
import numpy as np

SALT = 977


def cut(plate, side, number):
    rng = np.random.default_rng(SALT + number)
    top = rng.integers(0, plate.shape[0] - side)
    left = rng.integers(0, plate.shape[1] - side)
    return plate[top : top + side, left : left + side]
"""

_TRACES = """\
import numpy as np
from torch.utils.data import Dataset

from windows import repeatable


class Traces(Dataset):
    def __init__(self, paths, seed):
        self.paths = paths
        self.seed = seed

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        trace = np.load(self.paths[index])
        with repeatable({seed}):
            return trace + 0.05 * np.random.randn(len(trace))
"""

_REPEATABLE = """\
import contextlib

import numpy as np


@contextlib.contextmanager
def repeatable(seed, *more):
    before = np.random.get_state()
    np.random.seed(hash((seed, *more)) % 2**32 if more else seed)
    try:
        yield
    finally:
        np.random.set_state(before)
"""

VALID = [
    Valid(
        """\
import numpy as np
import torch
from torch.utils.data import Dataset


class BlobDataset(Dataset):
    def __init__(self, size, seed, classes):
        self.size = size
        self.seed = seed
        self.classes = classes

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        rng = np.random.default_rng(self.seed + index)
        label = index % self.classes
        image = rng.normal(size=(1, 28, 28)).astype(np.float32)
        cy, cx = rng.integers(4, 24, size=2)
        image[0, cy - 3 : cy + 3, cx - 3 : cx + 3] += label
        return torch.from_numpy(image), label
""",
        "the seed makes the sample itself",
    ),
    Valid(
        """\
import random

from PIL import Image
from torch.utils.data import Dataset


class Photos(Dataset):
    def __init__(self, files, seed):
        self.files = files
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index])
        rng = random.Random(hash((self.seed, self.epoch, index)))
        left = rng.randint(0, image.width - 64)
        return image.crop((left, 0, left + 64, 64))
""",
        "the epoch is mixed in",
    ),
    Valid(
        """\
import random

import cv2
import torch
from torch.utils.data import Dataset


class Pairs(Dataset):
    def __init__(self, images, masks, transform):
        self.images = images
        self.masks = masks
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = cv2.imread(self.images[index])
        mask = cv2.imread(self.masks[index])
        seed = random.randint(0, 2**31)
        torch.manual_seed(seed)
        image = self.transform(image)
        torch.manual_seed(seed)
        mask = self.transform(mask)
        return image, mask
""",
        "the seed is drawn for each call, to share one transform between image and mask",
    ),
    Valid(
        """\
import numpy as np
from torch.utils.data import Dataset


class Clips(Dataset):
    def __init__(self, waves, length, train):
        self.waves = waves
        self.length = length
        self.train = train

    def __len__(self):
        return len(self.waves)

    def __getitem__(self, index):
        wave = np.load(self.waves[index])
        rng = np.random.default_rng() if self.train else np.random.default_rng(index)
        start = rng.integers(0, len(wave) - self.length)
        return wave[start : start + self.length]
""",
        "the fixed seed is for validation alone",
    ),
    Valid(
        """\
import torch
from torch.utils.data import Dataset


class Crops(Dataset):
    def __init__(self, volumes, size, reproducible=False):
        self.volumes = volumes
        self.size = size
        self.reproducible = reproducible

    def __len__(self):
        return len(self.volumes)

    def __getitem__(self, index):
        volume = torch.load(self.volumes[index])
        generator = torch.Generator()
        if self.reproducible:
            generator.manual_seed(index)
        else:
            generator.seed()
        start = torch.randint(0, volume.shape[-1] - self.size, (1,), generator=generator).item()
        return volume[..., start : start + self.size]
""",
        "a switch that is off by default and that nobody turns on",
    ),
    Valid(
        """\
import numpy as np
from torch.utils.data import Dataset


class Masked(Dataset):
    def __init__(self, tokens, seed, num_epochs):
        self.tokens = tokens
        self.seed = seed
        self.order = np.concatenate([np.random.permutation(len(tokens)) for _ in range(num_epochs)])

    def __len__(self):
        return len(self.order)

    def __getitem__(self, index):
        tokens = np.array(self.tokens[self.order[index]])
        rng = np.random.RandomState((self.seed + index) % 2**32)
        hidden = rng.choice(len(tokens), size=len(tokens) // 7)
        tokens[hidden] = 0
        return tokens
""",
        "the index counts on over all epochs",
    ),
    Valid(
        """\
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


def seed_worker(worker_id):
    np.random.seed(torch.initial_seed() % 2**32 + worker_id)
    random.seed(torch.initial_seed() + worker_id)


class Noisy(Dataset):
    def __init__(self, data):
        self.data = torch.as_tensor(data)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index] + 0.1 * torch.randn(self.data[index].shape)


loader = DataLoader(Noisy(np.zeros((10, 3))), num_workers=2, worker_init_fn=seed_worker)
""",
        "workers are seeded, items are not",
    ),
    Valid(
        """\
import random

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset


class Frames(Dataset):
    def __init__(self, paths):
        self.paths = paths
        self.worker_seeded = False

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        if not self.worker_seeded:
            random.seed(index)
            self.worker_seeded = True
        frame = Image.open(self.paths[index])
        return frame.rotate(random.uniform(-5, 5))
""",
        "seeded once a worker, the stream runs on",
    ),
    Valid(
        """\
import random

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset


def keep_some(height, width, generator=None):
    return (torch.rand(height, width, generator=generator) < 0.5).float()


class Inpainting(Dataset):
    def __init__(self, fields, resample, seed):
        self.fields = fields
        self.resample = resample
        self.seed = seed

    def __len__(self):
        return len(self.fields)

    def __getitem__(self, index):
        field = self.fields[index]
        if self.resample:
            mask = keep_some(*field.shape)
        else:
            own = torch.Generator().manual_seed(self.seed + index)
            mask = keep_some(*field.shape, generator=own)
        return field * mask, field
""",
        "a setting chooses between a new mask and one for each item",
    ),
    Valid(
        """\
import random

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset


class Speech(Dataset):
    def __init__(self, waves, stable, length):
        self.waves = waves
        self.stable = stable
        self.length = length

    def __len__(self):
        return len(self.waves)

    def __getitem__(self, index):
        rng = random.Random(index) if self.stable else random
        wave = np.load(self.waves[index])
        start = rng.randint(0, len(wave) - self.length)
        return wave[start : start + self.length]
""",
        "a setting chooses between a stream of its own and the global one",
    ),
    Valid(
        {
            "plates.py": _PLATES.format(
                name="cut", call="cut(plate, self.side, seed=int(torch.initial_seed()) + index)"
            ).replace("import cv2\n", "import cv2\nimport torch\n"),
            "windows.py": _CUT,
        },
        "the seed that a helper of another file is given is the worker's",
    ),
    Valid(
        {
            "traces.py": _TRACES.format(seed="self.seed, self.epoch, index").replace(
                "    def __len__", "    def set_epoch(self, epoch):\n        self.epoch = epoch\n\n    def __len__"
            ),
            "windows.py": _REPEATABLE,
        },
        "the epoch is one of what a context manager mixes",
    ),
]

INVALID = [
    Invalid(
        """\
import random

from PIL import Image
from torch.utils.data import Dataset


class Photos(Dataset):
    def __init__(self, files, seed, size):
        self.files = files
        self.seed = seed
        self.size = size

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index]).convert("RGB")
        rng = random.Random(self.seed + index)
        left = rng.randint(0, image.width - self.size)
        top = rng.randint(0, image.height - self.size)
        return image.crop((left, top, left + self.size, top + self.size))
""",
        at=[("train.py", 18)],
        fixed="""\
import random

import torch
from PIL import Image
from torch.utils.data import Dataset


class Photos(Dataset):
    def __init__(self, files, seed, size):
        self.files = files
        self.seed = seed
        self.size = size

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        image = Image.open(self.files[index]).convert("RGB")
        rng = random.Random(int(torch.randint(2**31, ())))
        left = rng.randint(0, image.width - self.size)
        top = rng.randint(0, image.height - self.size)
        return image.crop((left, top, left + self.size, top + self.size))
""",
        why="a crop of a loaded image",
    ),
    Invalid(
        """\
import numpy as np
import torch
from torch.utils.data import Dataset


class Spectra(Dataset):
    def __init__(self, path, base_seed):
        self.spectra = np.load(path)
        self.base_seed = base_seed

    def __len__(self):
        return len(self.spectra)

    def __getitem__(self, i):
        x = self.spectra[i]
        seed = self.base_seed + i
        rng = np.random.default_rng(seed)
        return torch.from_numpy(self._distort(x, rng))

    def _distort(self, x, rng):
        x = x * rng.uniform(0.9, 1.1)
        return x + rng.normal(0.0, 0.02, size=x.shape)
""",
        at=[("train.py", 17)],
        fixed="""\
import numpy as np
import torch
from torch.utils.data import Dataset


class Spectra(Dataset):
    def __init__(self, path, base_seed):
        self.spectra = np.load(path)
        self.base_seed = base_seed

    def __len__(self):
        return len(self.spectra)

    def __getitem__(self, i):
        x = self.spectra[i]
        seed = int(torch.randint(2**31, ()))
        rng = np.random.default_rng(seed)
        return torch.from_numpy(self._distort(x, rng))

    def _distort(self, x, rng):
        x = x * rng.uniform(0.9, 1.1)
        return x + rng.normal(0.0, 0.02, size=x.shape)
""",
        why="the seed a line before, the noise in a helper",
    ),
    Invalid(
        {
            "seeding.py": _SEEDING_HELPER,
            "data.py": """\
import numpy as np
import torch
from torch.utils.data import Dataset

from seeding import numpy_seed


class MaskTokens(Dataset):
    def __init__(self, dataset, seed, mask_index, share=0.15):
        self.dataset = dataset
        self.seed = seed
        self.mask_index = mask_index
        self.share = share

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        with numpy_seed(self.seed + index):
            tokens = self.dataset[index].clone()
            hidden = np.random.rand(len(tokens)) < self.share
            tokens[torch.from_numpy(hidden)] = self.mask_index
            return tokens
""",
        },
        at=[("data.py", 19)],
        fixed={
            "seeding.py": _SEEDING_HELPER,
            "data.py": """\
import numpy as np
import torch
from torch.utils.data import Dataset

from seeding import numpy_seed


class MaskTokens(Dataset):
    def __init__(self, dataset, seed, mask_index, share=0.15):
        self.dataset = dataset
        self.seed = seed
        self.mask_index = mask_index
        self.share = share

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        with numpy_seed(int(torch.randint(2**31, ()))):
            tokens = self.dataset[index].clone()
            hidden = np.random.rand(len(tokens)) < self.share
            tokens[torch.from_numpy(hidden)] = self.mask_index
            return tokens
""",
        },
        why="a context manager seeds the global generator",
    ),
    Invalid(
        """\
import cv2
import torch
from torch.utils.data import Dataset


class Segmentation(Dataset):
    def __init__(self, images, masks, transform):
        self.images = images
        self.masks = masks
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = cv2.imread(self.images[index])
        mask = cv2.imread(self.masks[index], 0)
        torch.manual_seed(index)
        image = self.transform(image)
        torch.manual_seed(index)
        mask = self.transform(mask)
        return image, mask
""",
        at=[("train.py", 18)],
        fixed="""\
import cv2
import torch
from torch.utils.data import Dataset


class Segmentation(Dataset):
    def __init__(self, images, masks, transform):
        self.images = images
        self.masks = masks
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = cv2.imread(self.images[index])
        mask = cv2.imread(self.masks[index], 0)
        seed = int(torch.randint(2**31, ()))
        torch.manual_seed(seed)
        image = self.transform(image)
        torch.manual_seed(seed)
        mask = self.transform(mask)
        return image, mask
""",
        confidence=Confidence.MEDIUM,
        why="one seed for image and mask, the same in every epoch; it stays shared",
    ),
    Invalid(
        """\
import torch as th
from torch.utils.data import DataLoader


class PointClouds:
    def __init__(self, clouds: list[th.Tensor], points: int):
        self.clouds = clouds
        self.points = points

    def __len__(self):
        return len(self.clouds)

    def __getitem__(self, index):
        cloud = self.clouds[index]
        generator = th.Generator().manual_seed(index)
        chosen = th.randperm(cloud.shape[0], generator=generator)[: self.points]
        return cloud[chosen]


def loader(clouds):
    return DataLoader(PointClouds(clouds, 1024), batch_size=4, shuffle=True)
""",
        at=[("train.py", 15)],
        fixed="""\
import torch as th
from torch.utils.data import DataLoader


class PointClouds:
    def __init__(self, clouds: list[th.Tensor], points: int):
        self.clouds = clouds
        self.points = points

    def __len__(self):
        return len(self.clouds)

    def __getitem__(self, index):
        cloud = self.clouds[index]
        generator = th.Generator().manual_seed(int(th.randint(2**31, ())))
        chosen = th.randperm(cloud.shape[0], generator=generator)[: self.points]
        return cloud[chosen]


def loader(clouds):
    return DataLoader(PointClouds(clouds, 1024), batch_size=4, shuffle=True)
""",
        why="points chosen by a generator of torch, in a class that only a DataLoader makes a dataset",
    ),
    Invalid(
        """\
import random
import zlib

import torch
import torchaudio
from torch.utils.data import Dataset


class Utterances(Dataset):
    def __init__(self, rows, noise, augment):
        self.rows = rows
        self.noise = noise
        self.augment = augment

    def __len__(self):
        return len(self.rows)

    def _rng(self, row):
        return random.Random(zlib.crc32(row["path"].encode()))

    def __getitem__(self, index):
        row = self.rows[index]
        wave, _ = torchaudio.load(row["path"])
        if self.augment:
            rng = self._rng(row)
            if rng.random() < 0.5:
                wave = wave.flip(-1)
            wave = wave + rng.uniform(0.0, self.noise) * torch.ones_like(wave)
        return wave, row["label"]
""",
        at=[("train.py", 19)],
        fixed="""\
import random

import torch
import torchaudio
from torch.utils.data import Dataset


class Utterances(Dataset):
    def __init__(self, rows, noise, augment):
        self.rows = rows
        self.noise = noise
        self.augment = augment

    def __len__(self):
        return len(self.rows)

    def _rng(self, row):
        return random.Random(int(torch.randint(2**31, ())))

    def __getitem__(self, index):
        row = self.rows[index]
        wave, _ = torchaudio.load(row["path"])
        if self.augment:
            rng = self._rng(row)
            if rng.random() < 0.5:
                wave = wave.flip(-1)
            wave = wave + rng.uniform(0.0, self.noise) * torch.ones_like(wave)
        return wave, row["label"]
""",
        why="a stream for each file name",
    ),
    Invalid(
        """\
import random

import numpy as np
import torch
from torch.utils.data import Dataset


def hide_tokens(tokenizer, text, share, rng):
    tokens = tokenizer(text)["input_ids"]
    wanted = [-100] * len(tokens)
    for position in range(len(tokens)):
        if rng.random() < share:
            wanted[position] = tokens[position]
            tokens[position] = tokenizer.mask_token_id
    return tokens, wanted


class Corpus(Dataset):
    def __init__(self, texts, tokenizer, seed):
        self.texts, self.tokenizer, self.seed = texts, tokenizer, seed

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, index):
        rng = random.Random(self.seed + index)
        return hide_tokens(self.tokenizer, self.texts[index], 0.15, rng)
""",
        at=[("train.py", 26)],
        fixed="""\
import random

import numpy as np
import torch
from torch.utils.data import Dataset


def hide_tokens(tokenizer, text, share, rng):
    tokens = tokenizer(text)["input_ids"]
    wanted = [-100] * len(tokens)
    for position in range(len(tokens)):
        if rng.random() < share:
            wanted[position] = tokens[position]
            tokens[position] = tokenizer.mask_token_id
    return tokens, wanted


class Corpus(Dataset):
    def __init__(self, texts, tokenizer, seed):
        self.texts, self.tokenizer, self.seed = texts, tokenizer, seed

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, index):
        rng = random.Random(int(torch.randint(2**31, ())))
        return hide_tokens(self.tokenizer, self.texts[index], 0.15, rng)
""",
        why="the same tokens are hidden in each epoch",
    ),
    Invalid(
        """\
import torch
from torch.utils.data import Dataset


class Counts(Dataset):
    def __init__(self, files, seed, dose):
        self.files = files
        self.seed = seed
        self.dose = dose

    def __len__(self):
        return len(self.files)

    def _measure(self, clean, index):
        stream = torch.Generator(device=clean.device).manual_seed(self.seed + index)
        counts = torch.poisson(self.dose * torch.exp(-clean), generator=stream)
        return -torch.log(counts.clamp(min=1.0) / self.dose)

    def __getitem__(self, index):
        clean = torch.load(self.files[index])
        return self._measure(clean, index), clean
""",
        at=[("train.py", 15)],
        fixed="""\
import torch
from torch.utils.data import Dataset


class Counts(Dataset):
    def __init__(self, files, seed, dose):
        self.files = files
        self.seed = seed
        self.dose = dose

    def __len__(self):
        return len(self.files)

    def _measure(self, clean, index):
        stream = torch.Generator(device=clean.device).manual_seed(int(torch.randint(2**31, ())))
        counts = torch.poisson(self.dose * torch.exp(-clean), generator=stream)
        return -torch.log(counts.clamp(min=1.0) / self.dose)

    def __getitem__(self, index):
        clean = torch.load(self.files[index])
        return self._measure(clean, index), clean
""",
        why="the same noise in each epoch, drawn through a negated input",
    ),
    Invalid(
        {
            "plates.py": _PLATES.format(name="cut", call="cut(plate, self.side, seed=31 * index)"),
            "windows.py": _CUT,
        },
        at=[("plates.py", 17)],
        fixed={
            "plates.py": _PLATES.format(
                name="cut", call="cut(plate, self.side, seed=int(torch.randint(2**31, ())))"
            ).replace("import cv2\n", "import cv2\nimport torch\n"),
            "windows.py": _CUT,
        },
        why="a helper of another file draws, and is given the seed",
    ),
    Invalid(
        {"plates.py": _PLATES.format(name="cut", call="cut(plate, self.side, index)"), "windows.py": _CUT_BY_NUMBER},
        at=[("plates.py", 17)],
        fixed={
            "plates.py": _PLATES.format(name="cut", call="cut(plate, self.side, index)"),
            "windows.py": _CUT_BY_NUMBER.replace("SALT + number", "int(torch.randint(2**31, ()))").replace(
                "import numpy as np\n", "import numpy as np\nimport torch\n"
            ),
        },
        why="a helper of another file makes the seed of the item's number",
    ),
    Invalid(
        {"traces.py": _TRACES.format(seed="self.seed + index"), "windows.py": _REPEATABLE},
        at=[("traces.py", 17)],
        fixed={
            "traces.py": _TRACES.format(seed="int(torch.randint(2**31, ()))").replace(
                "import numpy as np\n", "import numpy as np\nimport torch\n"
            ),
            "windows.py": _REPEATABLE,
        },
        why="a context manager that mixes what it is given",
    ),
]
