"""Cases of the rule ``prior-mismatch``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid


def table(positives: int, total: int, header: str = "image,label", names: tuple[str, str] = ("0", "1")) -> str:
    rows = [f"{i}.png,{names[i % total < positives]}" for i in range(total)]
    return "\n".join([header, *rows, ""])


NNPU = """\
import torch
import torch.nn as nn


class PULoss(nn.Module):
    def __init__(self, prior, gamma=1, beta=0, nnpu=True):
        super().__init__()
        if not 0 < prior < 1:
            raise ValueError("The class prior should be in (0, 1)")
        self.prior = prior
        self.gamma = gamma
        self.beta = beta
        self.nnpu = nnpu

    def forward(self, inp, target):
        positive, unlabeled = (target == 1).float(), (target != 1).float()
        n_positive = positive.sum().clamp(min=1)
        n_unlabeled = unlabeled.sum().clamp(min=1)
        y_positive = torch.sigmoid(-inp) * positive
        y_positive_inv = torch.sigmoid(inp) * positive
        y_unlabeled = torch.sigmoid(inp) * unlabeled
        positive_risk = self.prior * y_positive.sum() / n_positive
        negative_risk = -self.prior * y_positive_inv.sum() / n_positive + y_unlabeled.sum() / n_unlabeled
        if negative_risk < -self.beta and self.nnpu:
            return -self.gamma * negative_risk
        return positive_risk + negative_risk
"""
_DATA = """\
import pandas as pd
from torch.utils.data import Dataset

from imaging import load_image


class Scans(Dataset):
    def __init__(self, table):
        frame = pd.read_csv(table)
        self.files = frame["image"].tolist()
        self.labels = frame["label"].tolist()

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return load_image(self.files[index]), self.labels[index]
"""
_TRAIN = """\
import yaml
import torch
from torch.utils.data import DataLoader

from data import Scans
from losses import PULoss
from model import build

with open("config.yaml") as f:
    cfg = yaml.safe_load(f)

loader = DataLoader(Scans(cfg["train_table"]), batch_size=cfg["batch_size"], shuffle=True)
model = build()
criterion = PULoss(prior=cfg["pu"]["prior"])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
for images, labels in loader:
    loss = criterion(model(images).squeeze(1), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_BASELINE = """\
import torch.nn.functional as F
import torch
from torch.utils.data import DataLoader

from data import Scans
from model import build

model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
for images, labels in DataLoader(Scans("data/train.csv"), batch_size=32, shuffle=True):
    images, labels = images.cuda(), labels.cuda()
    loss = F.binary_cross_entropy_with_logits(model(images).squeeze(1), labels.float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_CONFIG = """\
train_table: data/train.csv
batch_size: 32
pu:
  prior: {prior}  # share of ill patients
"""
_OPTIONS = """\
import argparse

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from data import Scans
from losses import PULoss
from model import build

parser = argparse.ArgumentParser()
parser.add_argument("--class-prior", type=float, default=0.5)
parser.add_argument("--table", default="data/train.csv")
parser.add_argument("--warm-up", type=int, default=2)
args = parser.parse_args()

loader = DataLoader(Scans(args.table), batch_size=32, shuffle=True)
model = build()
pu = PULoss(args.class_prior)
bce = torch.nn.BCEWithLogitsLoss()
for epoch in range(20):
    for images, labels in loader:
        scores = model(images).squeeze(1)
        loss = bce(scores, labels.float()) if epoch < args.warm_up else pu(scores, labels)
        loss.backward()
"""
FUNCTION = """\
import numpy as np
import torch
import torch.nn.functional as F

CLASS_PRIOR = 0.4


def upu_risk(scores, labels, pi):
    pos = labels == 1
    loss_pos = F.softplus(-scores[pos]).mean()
    loss_pos_neg = F.softplus(scores[pos]).mean()
    loss_all = F.softplus(scores).mean()
    return pi * (loss_pos - loss_pos_neg) + loss_all


def main(model, features):
    labels = torch.from_numpy(np.load("features/y_train.npy"))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(features, labels), batch_size=64)
    for x, y in loader:
        supervised = F.binary_cross_entropy_with_logits(model(x), y.float())
        risk = upu_risk(model(x), y, CLASS_PRIOR)
        (risk + 0.1 * supervised).backward()
"""


def labelled(prior: str, table: str, **more: str) -> dict[str, str]:
    files = {
        "losses.py": NNPU,
        "data.py": _DATA,
        "train.py": _TRAIN,
        "baseline.py": _BASELINE,
        "config.yaml": _CONFIG.format(prior=prior),
        "data/train.csv": table,
    }
    return files | {
        name.replace("__", "/").replace("_py", ".py").replace("_csv", ".csv"): t for name, t in more.items()
    }


_FEW = table(60, 400)
VALID = [
    Valid(labelled("0.15", _FEW), "it is the labels' share"),
    Valid(labelled("0.18", _FEW), "it lies in the interval of 60 of 400"),
    Valid({k: v for k, v in labelled("0.3", _FEW).items() if k != "baseline.py"}, "a 0 may stand for unlabelled"),
    Valid(labelled("0.3", table(6, 20)), "a handful of labels tells nothing"),
    Valid(labelled("0.3", _FEW.replace("image,label\n", "")), "a table without a header"),
    Valid(
        labelled("0.3", _FEW)
        | {"train.py": _TRAIN.replace('cfg["pu"]["prior"]', "loader.dataset.labels.count(1) / 400")},
        "it is measured",
    ),
    Valid(
        labelled("0.3", _FEW, data__more_csv=table(120, 400))
        | {
            "data.py": _DATA.replace(
                "pd.read_csv(table)", 'pd.concat([pd.read_csv(table), pd.read_csv("data/more.csv")])'
            )
        },
        "there are more labels than those of one table",
    ),
    Valid(
        labelled("0.3", _FEW)
        | {"losses.py": NNPU.replace("-self.prior * y_positive_inv.sum() / n_positive + ", "(1 - self.prior) * ")},
        "weights of classes, and no PU risk",
    ),
    Valid(
        {
            "ema.py": """\
import torch


class Average(torch.nn.Module):
    def __init__(self, prior=0.9):
        super().__init__()
        self.prior = prior

    def forward(self, old_loss, new_loss):
        return new_loss + self.prior * (old_loss - new_loss)
""",
            "train.py": 'import pandas as pd\nfrom ema import Average\nlabels = pd.read_csv("train.csv")["label"]\nmean = Average(0.9)\n',
            "train.csv": _FEW,
        },
        "a running mean of losses",
    ),
]
INVALID = [
    Invalid(
        labelled("0.3", _FEW),
        at=[("config.yaml", 4)],
        fixed=labelled("0.3", _FEW)
        | {
            "config.yaml": "train_table: data/train.csv\nbatch_size: 32\npu:\n"
            "  prior: 0.15  # share of ill patients (60 of 400 labels)\n"
        },
    ),
    Invalid(
        {k: v for k, v in labelled("0.3", _FEW).items() if k != "baseline.py"},
        at=[("config.yaml", 4)],
        confidence=Confidence.LOW,
        why="only the share of marked positives is known",
    ),
    Invalid(
        {"losses.py": NNPU, "data.py": _DATA, "train.py": _OPTIONS, "data/train.csv": _FEW},
        at=[("train.py", 12)],
        fixed={
            "losses.py": NNPU,
            "data.py": _DATA,
            "train.py": _OPTIONS.replace("default=0.5)", "default=0.15)  # 60 of 400 labels"),
            "data/train.csv": _FEW,
        },
    ),
    Invalid(
        labelled("0.3", table(60, 400, names=("healthy", "ill"))),
        at=[("config.yaml", 4)],
        why="labels as words",
    ),
    Invalid(
        labelled("0.3", _FEW) | {"data/train.csv": table(60, 400, "image\tlabel").replace(",", "\t")},
        at=[("config.yaml", 4)],
        why="separated by tabs all the same",
    ),
    Invalid(
        labelled("0.05", _FEW)
        | {"losses.py": NNPU.replace("self.prior", "self.pi").replace("-self.pi *", "-1 * self.pi *")},
        at=[("config.yaml", 4)],
        why="too small, and by another name",
    ),
]
