"""Cases of the rule ``split-normalization``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_TABLE = """\
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

table = np.load("features.npy")
X, y = table[:, :-1], table[:, -1]
{split}
train_set = TensorDataset(torch.tensor(X_train).float(), torch.tensor(y_train).float())
test_set = TensorDataset(torch.tensor(X_test).float(), torch.tensor(y_test).float())
train_loader, test_loader = DataLoader(train_set, 64, shuffle=True), DataLoader(test_set, 64)
"""
_SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)\n"
_SPECTRA = """\
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Spectra(Dataset):
    def __init__(self, path{parameters}):
        self.x = np.load(path).astype(np.float32)
        {mean}
        {std}
        self.x = (self.x - self.mean) / self.std

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return torch.from_numpy(self.x[index])


def loaders(folder):
    train_set = Spectra(f"{{folder}}/train.npy")
    val_set = Spectra(f"{{folder}}/val.npy"{handed})
    return DataLoader(train_set, 32, shuffle=True), DataLoader(val_set, 32)
"""
_SERIES = """\
import numpy as np
import torch
from sklearn.preprocessing import MinMaxScaler


def windows(series, length):
    return np.stack([series[i : i + length + 1] for i in range(len(series) - length)])


def load(path, length):
    prices = np.loadtxt(path).reshape(-1, 1)
    scaler = MinMaxScaler()
    {scale}
    parts = windows(scaled, length)
    cut = int(0.8 * len(parts))
    train, test = parts[:cut], parts[cut:]
    return torch.from_numpy(train), torch.from_numpy(test), scaler
"""
_CLIPS = """\
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class LogScaler:
    def fit(self, x):
        self.mean, self.std = np.log(x).mean(0), np.log(x).std(0)
        return self

    def transform(self, x):
        return (np.log(x) - self.mean) / self.std


class Clips(Dataset):
    def __init__(self, root, split{parameter}):
        clips = np.load(f"{{root}}/{{split}}.npy")
        self.scaler = LogScaler().fit(clips){given}
        self.clips = torch.from_numpy(self.scaler.transform(clips))

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        return self.clips[index]


def main(root):
    train_set = Clips(root, "train")
    test_set = Clips(root, "test"{handed})
    return DataLoader(train_set, 8, shuffle=True), DataLoader(test_set, 8)
"""

VALID = [
    Valid(
        """\
import numpy as np
from sklearn.preprocessing import StandardScaler


class Halves:
    def fit(self, x, y):
        self.models = self._grow(x, y)
        return self

    def predict(self, x):
        return np.mean([m.predict(x) for m in self.models], axis=0)

    def _grow(self, x, y):
        x = StandardScaler().fit_transform(x)
        views = draw_views(x, 8)
        short = views[: len(views) // 2]
        long = views[len(views) // 2 :]
        return [*grow(short, y), *grow(long, y)]
""",
        "an estimator is given nothing but what it is to be trained on",
    ),
    Valid(
        _TABLE.format(
            split=_SPLIT
            + "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)"
        ),
        "fitted on the training part, and only used on the rest",
    ),
    Valid(
        _TABLE.format(
            split=_SPLIT
            + "scaler = StandardScaler().fit(X_train)\nX_train, X_test = scaler.transform(X_train), scaler.transform(X_test)\n"
            "y_scaler = StandardScaler()\ny_train = y_scaler.fit_transform(y_train[:, None])\n"
            "y_test = y_scaler.transform(y_test[:, None])"
        ),
        "a scaler of its own for the targets",
    ),
    Valid(
        _SERIES.format(scale="scaler.fit(prices[: int(0.8 * len(prices))])\n    scaled = scaler.transform(prices)"),
        "fitted on the first part, and all transformed by it",
    ),
    Valid(
        """\
import pandas as pd
import torch
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset


class Hourly(Dataset):
    def __init__(self, path, flag="train", length=96):
        frame = pd.read_csv(path)
        starts, ends = [0, 8000, 10000], [8000, 10000, 12000]
        which = {"train": 0, "val": 1, "test": 2}[flag]
        columns = frame.columns[1:]
        fitting = frame[columns][starts[0] : ends[0]]
        self.scaler = StandardScaler()
        self.scaler.fit(fitting.values)
        self.data = self.scaler.transform(frame[columns].values)[starts[which] : ends[which]]
        self.length = length

    def __len__(self):
        return len(self.data) - self.length

    def __getitem__(self, index):
        return torch.tensor(self.data[index : index + self.length])


train_set = Hourly("etth1.csv", "train")
test_set = Hourly("etth1.csv", "test")
""",
        "every instance fits on the training rows",
    ),
    Valid(
        _SPECTRA.format(
            parameters=", mean=None, std=None",
            mean="self.mean = self.x.mean(0) if mean is None else mean",
            std="self.std = self.x.std(0) if std is None else std",
            handed=", train_set.mean, train_set.std",
        ),
        "the statistics of training are handed on",
    ),
    Valid(
        """\
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Scans(Dataset):
    def __init__(self, files, augment):
        self.scans = []
        for file in files:
            scan = np.load(file)
            mean, std = scan.mean(), scan.std()
            self.scans.append((scan - mean) / (std + 1e-6))
        self.augment = augment

    def __len__(self):
        return len(self.scans)

    def __getitem__(self, index):
        image = torch.from_numpy(self.scans[index])
        return (image - image.mean()) / image.std()


train_set, val_set = Scans(["a.npy", "b.npy"], True), Scans(["c.npy"], False)
""",
        "each image by its own mean and deviation, in every split",
    ),
    Valid(
        """\
import numpy as np
from sklearn.preprocessing import StandardScaler


def embed(model, images):
    features = StandardScaler().fit_transform(model(images).numpy())
    return features[np.argsort(features[:, 0])]
""",
        "nothing is trained on it, and nothing is split",
    ),
    Valid(
        _SPECTRA.format(
            parameters="", mean="self.mean = self.x.mean(0)", std="self.std = self.x.std(0)", handed=""
        ).replace(
            '    val_set = Spectra(f"{folder}/val.npy")\n    return DataLoader(train_set, 32, shuffle=True), DataLoader(val_set, 32)',
            "    return DataLoader(train_set, 32, shuffle=True)",
        ),
        "there is one instance, for training",
    ),
]

INVALID = [
    Invalid(
        _TABLE.format(
            split=_SPLIT
            + "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.fit_transform(X_test)"
        ),
        at=[("train.py", 12)],
        fixed=_TABLE.format(
            split=_SPLIT
            + "scaler = StandardScaler()\nX_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)"
        ),
        why="fitted again on the rest of the split",
    ),
    Invalid(
        """\
import numpy as np
from sklearn.preprocessing import MinMaxScaler

x_train, x_val = np.load("train.npy"), np.load("val.npy")
train_scaler, val_scaler = MinMaxScaler((-1, 1)), MinMaxScaler((-1, 1))
x_train = train_scaler.fit_transform(x_train)
x_val = val_scaler.fit_transform(x_val)
""",
        at=[("train.py", 7)],
        fixed="""\
import numpy as np
from sklearn.preprocessing import MinMaxScaler

x_train, x_val = np.load("train.npy"), np.load("val.npy")
train_scaler, val_scaler = MinMaxScaler((-1, 1)), MinMaxScaler((-1, 1))
x_train = train_scaler.fit_transform(x_train)
x_val = train_scaler.transform(x_val)
""",
        confidence=Confidence.MEDIUM,
        why="two files, told apart by their names alone",
    ),
    Invalid(
        _TABLE.format(split="scaler = StandardScaler()\nX = scaler.fit_transform(X)\n" + _SPLIT),
        at=[("train.py", 10)],
        fixed=_TABLE.format(
            split="scaler = StandardScaler()\n"
            + _SPLIT
            + "X_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)\n"
        ),
        why="fitted before the split",
    ),
    Invalid(
        _TABLE.format(split="scaled = StandardScaler().fit_transform(X)\n" + _SPLIT.replace("(X, y", "(scaled, y")),
        at=[("train.py", 9)],
        fixed=_TABLE.format(
            split="scaler = StandardScaler()\n"
            + _SPLIT
            + "X_train = scaler.fit_transform(X_train)\nX_test = scaler.transform(X_test)\n"
        ),
        why="before the split, by a scaler without a name",
    ),
    Invalid(
        _SERIES.format(scale="scaled = scaler.fit_transform(prices)"),
        at=[("train.py", 13)],
        why="fitted on the whole series, which is then cut",
    ),
    Invalid(
        _SPECTRA.format(parameters="", mean="self.mean = self.x.mean(0)", std="self.std = self.x.std(0)", handed=""),
        at=[("train.py", 9)],
        fixed=_SPECTRA.format(
            parameters=", mean=None, std=None",
            mean="self.mean = self.x.mean(0) if mean is None else mean",
            std="self.std = self.x.std(0) if std is None else std",
            handed=", mean=train_set.mean, std=train_set.std",
        ),
        why="each split by its own mean and deviation",
    ),
    Invalid(
        _CLIPS.format(parameter="", given="", handed=""),
        at=[("train.py", 18)],
        fixed=_CLIPS.format(
            parameter=", scaler=None", given=" if scaler is None else scaler", handed=", scaler=train_set.scaler"
        ),
        why="a scaler of the project's own in a dataset that is made once a split",
    ),
    Invalid(
        """\
import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset


class Tabular(Dataset):
    def __init__(self, path, train=True, seed=0):
        frame = pd.read_csv(path)
        x = StandardScaler().fit_transform(frame.iloc[:, :-1].values)
        order = np.random.RandomState(seed).permutation(len(x))
        cut = int(0.7 * len(x))
        if train:
            rows = order[:cut]
        else:
            rows = order[cut:]
        self.x = torch.tensor(x[rows]).float()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index]
""",
        at=[("train.py", 11)],
        confidence=Confidence.MEDIUM,
        why="all rows are fitted, and those of the split are chosen afterwards",
    ),
]
