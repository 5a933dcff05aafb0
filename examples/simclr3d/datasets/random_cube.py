"""Cubes at random synapses, and the augmentations that turn a cube into a view."""
import math

import numpy as np
import torch
import torch.nn.functional as F


class CubeSampler:
    """Draws cubes that hold enough of a synaptic cleft.

    Args:
        cube_size: Side of a cube in voxels.
        min_overlap: Share of the cleft that must lie in the cube.
    """

    def __init__(self, cube_size, min_overlap):
        self.cube_size = cube_size
        self.min_overlap = min_overlap

    def window_around(self, bbox, label):
        """Slices of the cube around a synapse, moved inwards at the volume's border."""
        cleft = bbox.volumes["cleft"]
        center = np.argwhere(cleft == label).mean(axis=0)
        starts = [int(round(position)) - self.cube_size // 2 for position in center]
        starts = [
            min(max(start, 0), size - self.cube_size) for start, size in zip(starts, cleft.shape)
        ]
        return tuple(slice(start, start + self.cube_size) for start in starts)

    def _check_component_overlap(self, cleft, label):
        """True if enough of the component is left in the crop."""
        volume = np.count_nonzero(cleft == label)
        return volume > self.min_overlap * self.cube_size ** 3

    def sample(self, bbox):
        """Label and window of a random synapse of the box."""
        labels = bbox.labels
        for index in torch.randperm(len(labels)).tolist():
            window = self.window_around(bbox, labels[index])
            if self._check_component_overlap(bbox.volumes["cleft"][window], labels[index]):
                return labels[index], window
        return labels[0], self.window_around(bbox, labels[0])


class Augmenter:
    """Random view of a batch of cubes, on the device of the batch.

    Geometry acts on all channels alike, grey-value changes on the first channel only.

    Args:
        cfg: An ``AugmentConfig``.
    """

    def __init__(self, cfg):
        self.cfg = cfg

    def __call__(self, cubes):
        views = self.random_flips(cubes)
        views = self.random_rotation(views)
        raw, masks = views[:, :1], views[:, 1:]
        raw = self.jitter_intensity(raw)
        if torch.rand(()).item() < self.cfg.blur_prob:
            raw = self.apply_gaussian_blur(raw, self.draw_sigma())
        raw = raw + self.cfg.noise_std * torch.randn_like(raw)
        return torch.cat([raw.clamp(0, 1), masks], dim=1)

    def random_flips(self, cubes):
        """Mirror each cube along each axis with a probability of its own."""
        for axis in (2, 3, 4):
            coin = torch.rand(len(cubes), 1, 1, 1, 1, device=cubes.device)
            cubes = torch.where(coin < self.cfg.flip_prob, cubes.flip(axis), cubes)
        return cubes

    def random_rotation(self, cubes):
        """Turn the batch by a multiple of 90 degrees around a random axis."""
        turns = int(torch.randint(4, ()))
        skipped = int(torch.randint(2, 5, ()))
        plane = [axis for axis in (2, 3, 4) if axis != skipped]
        return torch.rot90(cubes, turns, plane)

    def jitter_intensity(self, raw):
        """Contrast and brightness, drawn for each cube."""
        shape = (len(raw), 1, 1, 1, 1)
        contrast = 1 + self.cfg.contrast * (2 * torch.rand(shape, device=raw.device) - 1)
        brightness = self.cfg.brightness * (2 * torch.rand(shape, device=raw.device) - 1)
        mean = raw.mean(dim=(2, 3, 4), keepdim=True)
        return (raw - mean) * contrast + mean + brightness

    def draw_sigma(self):
        """Random width of the blur in voxels."""
        low, high = self.cfg.blur_sigma
        return low + (high - low) * torch.rand(()).item()

    def apply_gaussian_blur(self, raw, sigma):
        """Gaussian blur of the cubes.

        Args:
            raw: Grey values, (B, 1, D, H, W).
            sigma: Standard deviation in voxels.
        """
        kernel_size = 2 * math.ceil(sigma) + 1
        planes = []
        for z in range(raw.shape[2]):
            planes.append(self._smooth_plane(raw[:, :, z], kernel_size))
        return torch.stack(planes, dim=2)

    @staticmethod
    def _smooth_plane(plane, kernel_size):
        """Smooth one section with a window of ``kernel_size`` pixels."""
        return F.avg_pool2d(
            plane, kernel_size, stride=1, padding=kernel_size // 2, count_include_pad=False
        )
