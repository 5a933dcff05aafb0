"""From annotated bounding boxes to multi-channel cubes."""
import numpy as np
import torch
from torch.utils.data import Dataset

from .random_cube import CubeSampler
from .synthetic import CHANNELS


def widen(window, margin, shape):
    """The window grown by ``margin`` voxels on all sides, cut at the volume's border."""
    return tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, size))
        for part, size in zip(window, shape)
    )


def component_centroid(labels, label):
    """Mean voxel position of one component."""
    return np.argwhere(labels == label).mean(axis=0)


def get_closest_component_mask(labels, window, reference, margin):
    """Keep the one component that belongs to the synapse.

    Components are looked up a little beyond the cube, so that one that touches its border is not
    missed; the closest centroid wins.

    Args:
        labels: Label volume of the whole bounding box.
        window: Slices of the cube.
        reference: Position of the synapse in the cube.
        margin: How far beyond the cube to look.

    Returns:
        Boolean mask of the cube.
    """
    neighbourhood = labels[widen(window, margin, labels.shape)]
    candidates = np.unique(neighbourhood[neighbourhood > 0])
    crop = labels[window]
    if len(candidates) == 0:
        return np.zeros(crop.shape, dtype=bool)
    centroids = np.stack([component_centroid(crop, label) for label in candidates])
    distances = np.linalg.norm(centroids - reference, axis=1)
    return crop == candidates[np.argmin(distances)]


def read_channels(bbox, window):
    """Crop all channels of a bounding box, in the order of ``CHANNELS``."""
    return [bbox.volumes[name][window] for name in CHANNELS]


def process_bbox(bbox, window, label, margin):
    """Cut one synapse out of its bounding box.

    Neighbouring synapses and their organelles are removed from the masks.

    Returns:
        Float array, (channels, depth, height, width): grey values first, then the masks.
    """
    raw, pre, post, cleft, vesicles, mitochondria = read_channels(bbox, window)
    pre = pre == label
    post = post == label
    cleft = cleft == label

    center = np.argwhere(cleft).mean(axis=0)
    vesicles = get_closest_component_mask(bbox.volumes["vesicles"], window, center, margin)
    mitochondria = get_closest_component_mask(
        bbox.volumes["mitochondria"], window, center, margin
    )

    cube = np.stack([raw, pre, cleft, vesicles])
    return cube.astype(np.float32)


class SynapseCubeDataset(Dataset):
    """Cubes around the synapses of all bounding boxes, a new one at every access.

    Args:
        bboxes: The bounding boxes.
        cfg: A ``DataConfig``.
    """

    def __init__(self, bboxes, cfg):
        self.bboxes = bboxes
        self.cubes_per_bbox = cfg.cubes_per_bbox
        self.margin = cfg.search_margin
        self.sampler = CubeSampler(cfg.cube_size, cfg.min_overlap)

    def __len__(self):
        return len(self.bboxes) * self.cubes_per_bbox

    def __getitem__(self, index):
        bbox = self.bboxes[index // self.cubes_per_bbox]
        label, window = self.sampler.sample(bbox)
        return torch.from_numpy(process_bbox(bbox, window, label, self.margin))

    def all_synapses(self):
        """Every synapse once, with its class; for the evaluation."""
        for bbox in self.bboxes:
            for label in bbox.labels:
                window = self.sampler.window_around(bbox, label)
                cube = process_bbox(bbox, window, label, self.margin)
                yield torch.from_numpy(cube), bbox.kinds[label]
