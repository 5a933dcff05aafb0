"""Cases of the rule ``double-deg2rad``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

VALID = [
    Valid(
        """\
import numpy as np
import torch


class Rotate:
    def __init__(self, max_angle):
        self.max_angle = max_angle

    def matrix(self):
        angle = np.random.uniform(-self.max_angle, self.max_angle)
        rad = np.deg2rad(angle)
        return torch.tensor([[np.cos(rad), -np.sin(rad)], [np.sin(rad), np.cos(rad)]])

    def box(self, w, h):
        rad = np.deg2rad(self.max_angle)
        return w * np.cos(rad) + h * np.sin(rad)
""",
        "an attribute kept in degrees is converted at each use",
    ),
    Valid(
        """\
import math


def step(pose, yaw_rad, length):
    yaw_rad = math.radians(yaw_rad)
    return pose[0] + length * math.cos(yaw_rad), pose[1] + length * math.sin(yaw_rad)
""",
        "a name alone proves nothing: here the parameter is a misnamed degree",
    ),
    Valid(
        """\
import numpy as np


def wrap(azimuth):
    degrees = np.rad2deg(np.arctan2(azimuth[:, 1], azimuth[:, 0]))
    snapped = np.round(degrees / 5.0) * 5.0
    return np.deg2rad(np.degrees(np.deg2rad(snapped)))
""",
        "a pair of inverse conversions",
    ),
    Valid(
        """\
import numpy as np


def deg2sr(solid_angle):
    \"\"\"Square degrees to steradians.\"\"\"
    return np.radians(np.radians(solid_angle))
""",
        "square degrees are converted twice on purpose",
    ),
    Valid(
        """\
import torch


def encode(lonlat, is_degrees=True):
    if is_degrees:
        lonlat = torch.deg2rad(lonlat)
    return torch.cat([lonlat.sin(), lonlat.cos()], dim=-1)


def features(points):
    angle = torch.atan2(points[:, 1], points[:, 0])
    return encode(angle, is_degrees=False)
""",
        "whether to convert is the caller's choice",
    ),
    Valid(
        {
            "data.py": """\
import numpy as np
import torch
from torch.utils.data import Dataset


class PoseDataset(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        image, yaw = self.rows[index]
        return {"image": image, "yaw": torch.tensor(np.degrees(np.arctan2(yaw[1], yaw[0])))}
""",
            "train.py": """\
import torch
from torch.utils.data import DataLoader

from data import PoseDataset


def train(rows, model):
    loader = DataLoader(PoseDataset(rows), batch_size=8)
    for batch in loader:
        target = torch.deg2rad(batch["yaw"])
        loss = (1 - torch.cos(model(batch["image"]) - target)).mean()
        loss.backward()
""",
        },
        "the dataset gives degrees",
    ),
    Valid(
        """\
import math

SCALE = 180.0


def phase(index, count):
    turn = 2 * math.pi * index / count
    return math.sin(turn), turn / math.pi * SCALE
""",
        "radians used as radians, and turned into degrees once",
    ),
]

INVALID = [
    Invalid(
        """\
import numpy as np


def steering(doa, positions):
    theta = doa * np.pi / 180
    theta = np.sort(theta)
    return np.exp(1j * positions[:, None] * np.sin(np.deg2rad(theta)))
""",
        at=[("train.py", 7)],
        fixed="""\
import numpy as np


def steering(doa, positions):
    theta = doa * np.pi / 180
    theta = np.sort(theta)
    return np.exp(1j * positions[:, None] * np.sin(theta))
""",
        why="converted by arithmetic, then by name",
    ),
    Invalid(
        {
            "data.py": """\
import torch
from torch.utils.data import Dataset


class DoaDataset(Dataset):
    def __init__(self, covariances, degrees):
        self.covariances = covariances
        self.angles = torch.deg2rad(torch.as_tensor(degrees))

    def __len__(self):
        return len(self.covariances)

    def __getitem__(self, index):
        return self.covariances[index], self.angles[index]
""",
            "train.py": """\
import torch
from torch import nn
from torch.utils.data import DataLoader

from data import DoaDataset


class SteeringLoss(nn.Module):
    def forward(self, predicted, angles):
        wanted = torch.sin(angles * torch.pi / 180)
        return (torch.sin(predicted) - wanted).square().mean()


def train(model, covariances, degrees, epochs):
    loader = DataLoader(DoaDataset(covariances, degrees), batch_size=16, shuffle=True)
    criterion = SteeringLoss()
    for _ in range(epochs):
        for step, (cov, angle) in enumerate(loader):
            loss = criterion(model(cov), angle.cuda())
            loss.backward()
""",
        },
        at=[("train.py", 10)],
        fixed={
            "data.py": """\
import torch
from torch.utils.data import Dataset


class DoaDataset(Dataset):
    def __init__(self, covariances, degrees):
        self.covariances = covariances
        self.angles = torch.deg2rad(torch.as_tensor(degrees))

    def __len__(self):
        return len(self.covariances)

    def __getitem__(self, index):
        return self.covariances[index], self.angles[index]
""",
            "train.py": """\
import torch
from torch import nn
from torch.utils.data import DataLoader

from data import DoaDataset


class SteeringLoss(nn.Module):
    def forward(self, predicted, angles):
        wanted = torch.sin(angles)
        return (torch.sin(predicted) - wanted).square().mean()


def train(model, covariances, degrees, epochs):
    loader = DataLoader(DoaDataset(covariances, degrees), batch_size=16, shuffle=True)
    criterion = SteeringLoss()
    for _ in range(epochs):
        for step, (cov, angle) in enumerate(loader):
            loss = criterion(model(cov), angle.cuda())
            loss.backward()
""",
        },
        why="from the dataset through the loader into the loss",
    ),
    Invalid(
        """\
import math
import random


def jitter(points):
    spin = random.uniform(-math.pi, math.pi)
    spin = math.radians(spin)
    return [(x * math.cos(spin) - y * math.sin(spin), x * math.sin(spin) + y * math.cos(spin)) for x, y in points]
""",
        at=[("train.py", 7)],
        fixed="""\
import math
import random


def jitter(points):
    spin = random.uniform(-math.pi, math.pi)
    return [(x * math.cos(spin) - y * math.sin(spin), x * math.sin(spin) + y * math.cos(spin)) for x, y in points]
""",
        why="drawn between -pi and pi, then converted in place of itself",
    ),
    Invalid(
        """\
import numpy as np


class Camera:
    def __init__(self, yaw, pitch):
        self.yaw = np.radians(yaw)
        self.pitch = np.radians(pitch)

    def forward(self):
        yaw = self.yaw / 180 * np.pi
        return np.array([np.cos(yaw) * np.cos(self.pitch), np.sin(yaw) * np.cos(self.pitch), np.sin(self.pitch)])
""",
        at=[("train.py", 10)],
        fixed="""\
import numpy as np


class Camera:
    def __init__(self, yaw, pitch):
        self.yaw = np.radians(yaw)
        self.pitch = np.radians(pitch)

    def forward(self):
        yaw = self.yaw
        return np.array([np.cos(yaw) * np.cos(self.pitch), np.sin(yaw) * np.cos(self.pitch), np.sin(self.pitch)])
""",
        why="an attribute that the constructor already converted",
    ),
    Invalid(
        """\
import torch


def project(points, heading):
    \"\"\"Rotate points.

    Args:
        points: (N, 2) positions.
        heading: (N,) direction of travel in radians.
    \"\"\"
    heading = torch.deg2rad(heading)
    return points[:, 0] * heading.cos() + points[:, 1] * heading.sin()
""",
        at=[("train.py", 11)],
        fixed="""\
def project(points, heading):
    \"\"\"Rotate points.

    Args:
        points: (N, 2) positions.
        heading: (N,) direction of travel in radians.
    \"\"\"
    return points[:, 0] * heading.cos() + points[:, 1] * heading.sin()
""",
        confidence=Confidence.MEDIUM,
        why="the docstring alone says radians",
    ),
    Invalid(
        """\
import math

DEG = math.pi / 180


def to_radians(value):
    return value * DEG


def bearing(origin, target):
    angle = math.atan2(target[1] - origin[1], target[0] - origin[0])
    return math.cos(to_radians(angle)), math.sin(to_radians(angle))
""",
        at=[("train.py", 12), ("train.py", 12)],
        fixed="""\
import math

DEG = math.pi / 180


def to_radians(value):
    return value * DEG


def bearing(origin, target):
    angle = math.atan2(target[1] - origin[1], target[0] - origin[0])
    return math.cos(angle), math.sin(angle)
""",
        why="a helper of the project converts what atan2 gave",
    ),
    Invalid(
        """\
import numpy as np


def gaze_vector(yaw_pitch):
    angles = np.rad2deg(yaw_pitch)
    yaw, pitch = angles[:, 0], angles[:, 1]
    return np.stack([np.cos(pitch) * np.sin(yaw), np.sin(pitch)], axis=1)
""",
        at=[("train.py", 7), ("train.py", 7), ("train.py", 7)],
        fixed="""\
import numpy as np


def gaze_vector(yaw_pitch):
    angles = np.rad2deg(yaw_pitch)
    yaw, pitch = angles[:, 0], angles[:, 1]
    return np.stack([np.cos(np.deg2rad(pitch)) * np.sin(np.deg2rad(yaw)), np.sin(np.deg2rad(pitch))], axis=1)
""",
        why="trigonometry on degrees",
    ),
    Invalid(
        """\
import math


def headings(segments, offsets):
    known = {}
    for name, (dx, dy) in segments:
        known[name] = math.radians(math.atan2(dy, dx))
    return [math.cos(math.radians(known[name] + offset)) for name, offset in offsets]
""",
        at=[("train.py", 7)],
        why="degrees were meant: the result is added to degrees and converted later, so the edit is advice only",
    ),
    Invalid(
        """\
import numpy as np


def to_ecef(lat, lon, height):
    radius = 6371.0 + height
    return radius * np.cos(np.rad2deg(lat)) * np.cos(np.deg2rad(lon))
""",
        at=[("train.py", 6)],
        why="the wrong way round: whether to turn it or to drop it depends on the caller",
    ),
]
