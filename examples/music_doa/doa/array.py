"""Geometry of the array and its steering vectors."""

import math

import torch

from .config import ArrayConfig


def element_positions(cfg: ArrayConfig) -> torch.Tensor:
    """Positions (M, 2) of the elements in wavelengths: horizontal, vertical, centred."""
    y = (torch.arange(cfg.columns) - (cfg.columns - 1) / 2) * cfg.spacing
    z = (torch.arange(cfg.rows) - (cfg.rows - 1) / 2) * cfg.spacing
    grid = torch.meshgrid(y, z, indexing="ij")
    return torch.stack([axis.flatten() for axis in grid], dim=1)


def steering_vectors(phi: torch.Tensor, theta: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Unit-norm responses (..., M) to plane waves.

    Args:
        phi: azimuth in radians.
        theta: elevation in radians, of the shape of `phi`.
        positions: (M, 2) in wavelengths.
    """
    u = torch.sin(phi) * torch.cos(theta)
    v = torch.sin(theta)
    delay = u[..., None] * positions[:, 0] + v[..., None] * positions[:, 1]
    amplitude = torch.full_like(delay, positions.shape[0] ** -0.5)
    return torch.polar(amplitude, 2.0 * math.pi * delay)


def half_beamwidth(cfg: ArrayConfig) -> float:
    """Angle between the peak of the beam at broadside and its half-power point, in azimuth."""
    aperture = cfg.columns * cfg.spacing
    return math.asin(0.443 / aperture)
