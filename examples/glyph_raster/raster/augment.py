"""Augmentation of a glyph raster."""

import math
import random

import torch
import torch.nn.functional as F

from .config import RasterConfig


def _affine(img: torch.Tensor, angle: float, dx: float, dy: float) -> torch.Tensor:
    """Rotate by `angle` (radians) and shift by (`dx`, `dy`) pixels."""
    size = img.shape[-1]
    cos, sin = math.cos(angle), math.sin(angle)
    theta = torch.tensor([[[cos, -sin, 2.0 * dx / size], [sin, cos, 2.0 * dy / size]]], dtype=img.dtype)
    grid = F.affine_grid(theta, [1, *img.shape], align_corners=False)
    return F.grid_sample(img.unsqueeze(0), grid, align_corners=False).squeeze(0)


def _cutout(img: torch.Tensor, rng: random.Random, size: int) -> torch.Tensor:
    height, width = img.shape[-2:]
    top, left = rng.randrange(height - size), rng.randrange(width - size)
    img = img.clone()
    img[..., top : top + size, left : left + size] = 0.0
    return img


def augment_glyph(img: torch.Tensor, rng: random.Random, cfg: RasterConfig) -> torch.Tensor:
    """Return a shifted, rotated, re-inked and partly hidden copy of a (1, H, W) raster."""
    limit = math.radians(cfg.max_rotation)
    img = _affine(
        img,
        angle=rng.uniform(-limit, limit),
        dx=rng.uniform(-cfg.max_shift, cfg.max_shift),
        dy=rng.uniform(-cfg.max_shift, cfg.max_shift),
    )
    gain = 1.0 + rng.uniform(-cfg.ink_jitter, cfg.ink_jitter)
    img = (img * gain).clamp(0.0, 1.0)
    if rng.random() < cfg.cutout_prob:
        img = _cutout(img, rng, cfg.cutout_size)
    return img
