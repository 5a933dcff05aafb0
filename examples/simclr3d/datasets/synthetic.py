"""Synthetic EM bounding boxes, for runs without access to the real volumes.

A synapse is a flat cleft between two membranes, with a cloud of vesicles on one side and, for
some, a mitochondrion behind the cloud. The arrays have the layout of the exported annotations:
label volumes in which 0 is background. The two sides of a synapse are numbered in tracing order.
"""
from dataclasses import dataclass
from typing import Dict

import numpy as np

CHANNELS = ("raw", "side_1", "side_2", "cleft", "vesicles", "mitochondria")


@dataclass
class SynapseBBox:
    """One annotated bounding box.

    Attributes:
        volumes: Arrays by channel name: ``raw`` in [0, 1], the others integer labels.
        kinds: Class of each synapse by label, for the evaluation only.
    """

    volumes: Dict[str, np.ndarray]
    kinds: Dict[int, int]

    @property
    def labels(self):
        """Labels of the synapses in this box."""
        return sorted(self.kinds)


def smooth_noise(rng, size, passes=3):
    """Low-frequency texture in [0, 1]."""
    field = rng.normal(size=(size, size, size))
    for _ in range(passes):
        for axis in range(3):
            field = (np.roll(field, 1, axis) + field + np.roll(field, -1, axis)) / 3
    return (field - field.min()) / (field.max() - field.min())


def random_direction(rng):
    """Unit vector, uniform on the sphere."""
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def spread_centers(rng, size, count, border=6, distance=18, max_tries=500):
    """Random positions that keep their distance from each other and from the border."""
    centers = []
    for _ in range(max_tries):
        candidate = rng.uniform(border, size - border, size=3)
        if all(np.linalg.norm(candidate - other) >= distance for other in centers):
            centers.append(candidate)
        if len(centers) == count:
            break
    return centers


def draw_synapse(rng, volumes, grid, center, label, organelle_label):
    """Write one synapse into the label volumes.

    Returns:
        Its class: bit 0 tells on which side the vesicles lie, bit 1 a mitochondrion.
    """
    normal = random_direction(rng)
    offset = grid - center
    height = offset @ normal
    radius = np.sqrt(np.maximum((offset ** 2).sum(axis=-1) - height ** 2, 0))
    disk = radius < rng.uniform(2.5, 12.0)
    volumes["cleft"][disk & (np.abs(height) <= 0.75)] = label
    volumes["side_1"][disk & (height > 0.75) & (height <= 2.5)] = label
    volumes["side_2"][disk & (height < -0.75) & (height >= -2.5)] = label

    side = int(rng.integers(2))
    axis = normal if side == 0 else -normal
    cloud = center + axis * rng.uniform(5.0, 8.0)
    for _ in range(10):
        vesicle = cloud + rng.normal(scale=1.6, size=3)
        ball = ((grid - vesicle) ** 2).sum(axis=-1) <= 1.3 ** 2
        volumes["vesicles"][ball] = organelle_label

    has_mitochondrion = bool(rng.integers(2))
    if has_mitochondrion:
        body = (grid - center - axis * 11.0) / np.array([2.5, 2.5, 3.5])
        volumes["mitochondria"][(body ** 2).sum(axis=-1) <= 1] = organelle_label
    return side + 2 * has_mitochondrion


def render_raw(rng, volumes, size):
    """Grey values: dark membranes and clefts, ringed vesicles, mid-grey mitochondria."""
    raw = 0.6 + 0.25 * smooth_noise(rng, size)
    raw[(volumes["side_1"] > 0) | (volumes["side_2"] > 0)] -= 0.3
    raw[volumes["cleft"] > 0] -= 0.45
    raw[volumes["vesicles"] > 0] -= 0.15
    raw[volumes["mitochondria"] > 0] -= 0.25
    return np.clip(raw + rng.normal(scale=0.03, size=raw.shape), 0, 1).astype(np.float32)


def make_bbox(rng, size, num_synapses):
    """One bounding box with up to ``num_synapses`` synapses."""
    grid = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), axis=-1)
    volumes = {name: np.zeros((size, size, size), np.int32) for name in CHANNELS[1:]}
    centers = spread_centers(rng, size, num_synapses)
    organelle_labels = rng.permutation(len(centers)) + 1
    kinds = {}
    for index, center in enumerate(centers):
        label = index + 1
        kinds[label] = draw_synapse(rng, volumes, grid, center, label, organelle_labels[index])
    volumes["raw"] = render_raw(rng, volumes, size)
    return SynapseBBox(volumes=volumes, kinds=kinds)


def make_bboxes(cfg, seed):
    """All bounding boxes of a data set; box ``i`` depends on the seed and ``i`` only."""
    return [
        make_bbox(np.random.default_rng([seed, i]), cfg.bbox_size, cfg.synapses_per_bbox)
        for i in range(cfg.num_bboxes)
    ]
