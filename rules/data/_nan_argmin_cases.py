"""Cases of the rule ``nan-argmin``."""

from __future__ import annotations

from ...analyzer.findings import Confidence
from ...analyzer.rule import Invalid, Valid

_NUCLEI = """\
import numpy as np


def centre_of(labels, label):
    return np.argwhere(labels == label).mean(axis=0)


def nearest_nucleus(volume, box, point):
    crop = volume[box]
    wider = volume[grow(box, 8)]
    names = np.unique(wider[wider > 0])
    if len(names) == 0:
        return np.zeros(crop.shape, dtype=bool)
    centres = np.stack([centre_of(crop, name) for name in names])
    {choice}
    return crop == names[{index}]


def grow(box, margin):
    return tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
"""
_KMEANS = """\
import torch


class Codebook:
    def __init__(self, size, rounds=20):
        self.size = size
        self.rounds = rounds
        self.centres = None

    def fit(self, x):
        centres = x[torch.randperm(len(x))[: self.size]]
        for _ in range(self.rounds):
            {choice}
            moved = torch.stack([{mean} for k in range(self.size)])
            if torch.allclose(moved, centres):
                break
            centres = moved
        self.centres = centres
        return assigned
"""
_ASSIGN = "assigned = torch.cdist(x, centres).argmin(dim=1)"
_FILLED = 'assigned = torch.cdist(x, centres).nan_to_num(nan=float("inf")).argmin(dim=1)'
_SECTORS = """\
import numpy as np
from scipy import ndimage


def follow(frames, start, radius):
    track = [np.asarray(start, dtype=float)]
    for frame in frames:
        found = []
        for level in (0.2, 0.4, 0.6):
            centre = np.array(ndimage.center_of_mass(frame > level))
            found.append(np.linalg.norm(centre - track[-1]))
        track.append(np.array(ndimage.center_of_mass(frame > (0.2, 0.4, 0.6)[{choice}])))
    return track
"""
_EXPOSURE = """\
import numpy as np


def reference_frame(frames, low=10):
    brightness = [frame[frame > low].mean() for frame in frames]
    return frames[int({choice})]
"""
_KMEANS_NUMPY = """\
import numpy as np


def assign(points, centres):
    gaps = np.linalg.norm(points[:, np.newaxis] - centres, axis=2)
    return {choice}


def update(points, labels, k):
    return np.array([points[labels == i].mean(axis=0) for i in range(k)])


def cluster(points, k, rounds=100, seed=0):
    rng = np.random.default_rng(seed)
    centres = points[rng.choice(len(points), k, replace=False)]
    for _ in range(rounds):
        labels = assign(points, centres)
        new = update(points, labels, k)
        if np.allclose(new, centres):
            break
        centres = new
    return labels, centres
"""
_MASKED = """\
import torch


def closest_slot(features, masks, query):
    slots = []
    for mask in masks:
        inside = mask > 0.5
        slots.append((features * inside).sum(dim=(-2, -1)) / inside.sum())
    gaps = (torch.stack(slots) - query).norm(dim=-1)
    return {choice}
"""

_KMEANS_CLASS = """\
import numpy as np


class KMeans:
    def __init__(self, k):
        self.k = k

    def nearest(self, points, centres):
        return np.array([{choice} for p in points])

    def centres(self, points, labels):
        return np.array([points[labels == k].mean(axis=0) for k in range(self.k)])

    def fit(self, points, rounds=50):
        centres = points[: self.k]
        for _ in range(rounds):
            labels = self.nearest(points, centres)
            moved = self.centres(points, labels)
            if np.abs(moved - centres).sum() < 1e-6:
                break
            centres = moved
        return labels, centres
"""

VALID = [
    Valid(
        _NUCLEI.format(
            choice="gaps = np.linalg.norm(centres - point, axis=1)\n    if np.isnan(gaps).all():\n        return crop > 0",
            index="np.nanargmin(gaps)",
        ),
        "NaN is left out, and the case of nothing but NaN is handled",
    ),
    Valid(
        _NUCLEI.replace("names = np.unique(wider[wider > 0])", "names = np.unique(crop[crop > 0])").format(
            choice="gaps = np.linalg.norm(centres - point, axis=1)", index="np.argmin(gaps)"
        ),
        "the numbers come from the same array: each of them is there",
    ),
    Valid(
        _KMEANS.format(choice=_ASSIGN, mean="x[assigned == k].mean(0) if (assigned == k).any() else centres[k]"),
        "a cluster without points keeps its centre",
    ),
    Valid(
        """\
import torch


def kmeans(x, count, rounds=10):
    centres = x[torch.randperm(len(x))[:count]]
    for _ in range(rounds):
        nearest = ((x[:, None, :] - centres[None]) ** 2).sum(-1).argmin(1)
        centres = torch.stack([x[nearest == k].mean(0) for k in range(count)])
        dead = torch.any(torch.isnan(centres), dim=1)
        centres[dead] = x[torch.randperm(len(x))[: int(dead.sum())]]
    return centres
""",
        "dead clusters are asked for by NaN, and get new centres",
    ),
    Valid(
        """\
import numpy as np


def kmeans(x, k, rounds):
    centres = x[np.random.choice(len(x), k, replace=False)]
    for _ in range(rounds):
        labels = np.linalg.norm(x[:, None] - centres[None], axis=-1).argmin(axis=1)
        for i in range(k):
            members = x[labels == i]
            if len(members) == 0:
                continue
            centres[i] = members.mean(axis=0)
    return labels
""",
        "an empty cluster is passed over",
    ),
    Valid(
        """\
import torch


def prototypes(support, labels):
    classes = torch.unique(labels)
    return classes, torch.stack([support[labels == c].mean(0) for c in classes])


def classify(query, support, labels):
    classes, means = prototypes(support, labels)
    return classes[torch.cdist(query, means).argmin(dim=1)]
""",
        "a class of the support set has samples",
    ),
    Valid(
        """\
import numpy as np


def calibrate(scores, labels, thresholds):
    f1 = np.array([f_score(scores > t, labels) for t in thresholds])
    return thresholds[np.argmax(f1)]


def f_score(predicted, labels):
    hits = np.logical_and(predicted, labels).sum()
    return 2 * hits / (predicted.sum() + labels.sum() + 1e-9)
""",
        "a sum over a condition is 0 where nothing fulfils it, and the floor keeps the quotient finite",
    ),
    Valid(
        """\
import torch


def nearest_mean(features, labels, queries, num_classes):
    means = torch.zeros(num_classes, features.size(1))
    for c in range(num_classes):
        means[c] = features[labels == c].mean(0)
    return torch.cdist(queries, means).argmin(1)
""",
        "labels of a data set, and not of a clustering: nothing says that a class has no sample",
    ),
    Valid(
        """\
import torch
import torch.nn.functional as F


def accuracy(model, images, targets):
    predicted = F.softmax(model(images), dim=1).argmax(dim=1)
    hits = (predicted == targets).float()
    return hits.mean(), hits[targets == 0].mean()
""",
        "a mean that may be NaN, and a choice that has nothing to do with it",
    ),
]

INVALID = [
    Invalid(
        _NUCLEI.format(choice="gaps = np.linalg.norm(centres - point, axis=1)", index="np.argmin(gaps)"),
        at=[("train.py", 16)],
        fixed=_NUCLEI.format(
            choice="gaps = np.linalg.norm(centres - point, axis=1)\n"
            "    if np.isnan(gaps).all():\n        return np.zeros(crop.shape, dtype=bool)",
            index="np.nanargmin(gaps)",
        ),
        why="a component beside the crop has no voxel in it",
    ),
    Invalid(
        _NUCLEI.format(choice="point = np.asarray(point)", index="np.linalg.norm(centres - point, axis=1).argmin()"),
        at=[("train.py", 16)],
        fixed=_NUCLEI.format(
            choice="point = np.asarray(point)\n    distances = np.linalg.norm(centres - point, axis=1)\n"
            "    if np.isnan(distances).all():\n        return np.zeros(crop.shape, dtype=bool)",
            index="np.nanargmin(distances)",
        ),
        why="the same without a name for the distances",
    ),
    Invalid(
        _KMEANS.format(choice=_ASSIGN, mean="x[assigned == k].mean(0)"),
        at=[("train.py", 13)],
        fixed=_KMEANS.format(choice=_FILLED, mean="x[assigned == k].mean(0)"),
        why="a cluster that loses its points gets all of them in the next round",
    ),
    Invalid(
        _KMEANS_NUMPY.format(choice="np.argmin(gaps, axis=1)"),
        at=[("train.py", 6)],
        fixed=_KMEANS_NUMPY.format(choice="np.nanargmin(gaps, axis=1)"),
        why="k-means in three functions",
    ),
    Invalid(
        _KMEANS_CLASS.format(choice="np.linalg.norm(centres - p, axis=1).argmin()"),
        at=[("train.py", 9)],
        fixed=_KMEANS_CLASS.format(choice="np.nanargmin(np.linalg.norm(centres - p, axis=1))"),
        why="k-means in methods",
    ),
    Invalid(
        _SECTORS.format(choice="np.argmin(found)"),
        at=[("train.py", 12)],
        fixed=_SECTORS.format(choice="np.nanargmin(found)"),
        confidence=Confidence.MEDIUM,
        why="no pixel need reach the level",
    ),
    Invalid(
        _EXPOSURE.format(choice="np.argmax(brightness)"),
        at=[("train.py", 6)],
        fixed=_EXPOSURE.format(choice="np.nanargmax(brightness)"),
        confidence=Confidence.MEDIUM,
        why="the mean over the bright pixels of a dark frame",
    ),
    Invalid(
        _MASKED.format(choice="torch.argmin(gaps)"),
        at=[("train.py", 10)],
        fixed=_MASKED.format(choice='torch.argmin(gaps.nan_to_num(nan=float("inf")))'),
        confidence=Confidence.MEDIUM,
        why="nothing over nothing",
    ),
]
