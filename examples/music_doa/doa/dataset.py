"""Simulated snapshots of the array."""

import numpy as np
import torch
from torch.utils.data import Dataset

from .array import element_positions, steering_vectors
from .config import ArrayConfig, DataConfig, FieldOfView


class SnapshotDataset(Dataset):
    """Sample covariances with the angles of their sources.

    An item is a dict of
        `cov`: (2, M, M) real and imaginary part of the covariance, scaled to trace M,
        `ptr`: (K, 2) azimuth and elevation of the sources in radians, sorted by azimuth.
    """

    def __init__(self, array: ArrayConfig, fov: FieldOfView, cfg: DataConfig, split: str):
        self.fov = fov
        self.cfg = cfg
        self.positions = element_positions(array)
        self.stream = {"train": 0, "val": 1}[split]
        self.slack = 2.0 * fov.azimuth - fov.min_separation * (cfg.num_sources - 1)
        if self.slack <= 0.0:
            raise ValueError(f"{cfg.num_sources} sources do not fit into a sector of +-{fov.azimuth} degrees")
        self.length = cfg.train_items if split == "train" else cfg.val_items

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng((self.cfg.seed, self.stream, index))
        ptr = self._draw_ptr(rng)
        cov = self._sample_covariance(ptr, rng)
        return {"cov": torch.view_as_real(cov).permute(2, 0, 1).contiguous(), "ptr": ptr}

    def _draw_azimuths(self, rng: np.random.Generator) -> np.ndarray:
        """Azimuths in degrees, at least `min_separation` apart."""
        free = np.sort(rng.uniform(0.0, self.slack, self.cfg.num_sources))
        return free - self.fov.azimuth + self.fov.min_separation * np.arange(self.cfg.num_sources)

    def _draw_ptr(self, rng: np.random.Generator) -> torch.Tensor:
        azimuth = self._draw_azimuths(rng)
        elevation = rng.uniform(-self.fov.elevation, self.fov.elevation, self.cfg.num_sources)
        angles = np.deg2rad(np.stack([azimuth, elevation], axis=1))
        return torch.from_numpy(angles.astype(np.float32))

    def _complex_normal(self, rng: np.random.Generator, rows: int) -> torch.Tensor:
        shape = (rows, self.cfg.snapshots)
        noise = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2.0)
        return torch.from_numpy(noise.astype(np.complex64))

    def _sample_covariance(self, ptr: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        num_elements = len(self.positions)
        steering = steering_vectors(ptr[:, 0], ptr[:, 1], self.positions).T * num_elements**0.5
        power = 10.0 ** (rng.uniform(*self.cfg.snr_db) / 10.0)
        signals = self._complex_normal(rng, self.cfg.num_sources) * power**0.5
        snapshots = steering @ signals + self._complex_normal(rng, num_elements)
        cov = snapshots @ snapshots.mH / self.cfg.snapshots
        return cov * (num_elements / cov.diagonal().real.sum())
