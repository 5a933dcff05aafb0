"""Signal subspace, its spectrum, and the contrast of the spectrum's peaks."""

import math

import numpy as np
import torch
from torch import nn

from .array import element_positions, half_beamwidth, steering_vectors
from .config import ArrayConfig, LossConfig


def as_complex(parts: torch.Tensor) -> torch.Tensor:
    """Complex tensor from (B, 2, ...) real and imaginary parts."""
    parts = parts.float()
    return torch.complex(parts[:, 0], parts[:, 1])


def signal_basis(factor: torch.Tensor) -> torch.Tensor:
    """Orthonormal basis (B, M, K) of the columns of the covariance factor."""
    return torch.linalg.qr(as_complex(factor)).Q


def in_subspace(basis: torch.Tensor, steering: torch.Tensor) -> torch.Tensor:
    """Share of the power of unit vectors (..., M) that lies in a subspace (M, K): 0 to 1."""
    return (steering.conj() @ basis).abs().square().sum(dim=-1)


def spread(steering: torch.Tensor) -> torch.Tensor:
    """How well unit vectors (K, M) can be told apart: 1 - the largest correlation of two."""
    correlation = (steering @ steering.mH).abs()
    others = ~torch.eye(len(steering), dtype=torch.bool, device=steering.device)
    return 1.0 - correlation[others].max()


def source_angles(ptr: torch.Tensor, item: int, source: int) -> tuple[float, float]:
    """Azimuth and elevation of one source of a batch, as plain numbers."""
    return ptr[item, source, 0].item(), ptr[item, source, 1].item()


class PeakContrast(nn.Module):
    """The spectrum must fall off beside a source.

    Compares the spectrum at the true angles with the spectrum half a beam nearer to broadside.
    """

    def __init__(self, array: ArrayConfig, cfg: LossConfig):
        super().__init__()
        self.guard = half_beamwidth(array)
        self.margin = cfg.contrast_margin
        self.min_spread = cfg.min_spread
        self.register_buffer("positions", element_positions(array), persistent=False)

    def _pair(self, azimuth: float, elevation: float) -> torch.Tensor:
        """Steering vectors (2, M) on the peak and beside it."""
        phi = np.deg2rad(azimuth)
        theta = np.deg2rad(elevation)
        offset = self.guard * math.pi / 180.0
        beside = phi - math.copysign(offset, phi)
        on_off = self.positions.new_tensor([phi, beside])
        return steering_vectors(on_off, torch.full_like(on_off, theta), self.positions)

    def forward(self, basis: torch.Tensor, ptr: torch.Tensor) -> torch.Tensor:
        terms = []
        for item in range(ptr.shape[0]):
            for source in range(ptr.shape[1]):
                azimuth, elevation = source_angles(ptr, item, source)
                pair = self._pair(azimuth, elevation)
                if spread(pair) < self.min_spread:
                    continue
                peak, side = in_subspace(basis[item], pair)
                terms.append(torch.relu(self.margin - (peak - side)))
        if not terms:
            return torch.tensor(0.0, device=basis.device)
        return torch.stack(terms).mean()
