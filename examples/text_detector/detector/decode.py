"""From the probability map to quads."""

import numpy as np

from .config import DecodeConfig
from .geometry import quad_area, quad_perimeter, resize_quad


def components(mask: np.ndarray) -> list[np.ndarray]:
    """Pixels (N, 2), x first, of every 4-connected region."""
    height, width = mask.shape
    todo = mask.copy()
    regions = []
    for y, x in zip(*np.nonzero(mask)):
        if not todo[y, x]:
            continue
        todo[y, x] = False
        region, waiting = [], [(y, x)]
        while waiting:
            row, column = waiting.pop()
            region.append((column, row))
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= r < height and 0 <= c < width and todo[r, c]:
                    todo[r, c] = False
                    waiting.append((r, c))
        regions.append(np.array(region, dtype=float))
    return regions


def fit_quad(pixels: np.ndarray) -> np.ndarray:
    """The rectangle (4, 2) along the main axis of a region, clockwise from its top left."""
    center = pixels.mean(axis=0)
    _, _, axes = np.linalg.svd(pixels - center, full_matrices=False)
    along = axes[0] if axes[0][0] >= 0 else -axes[0]
    across = np.array([-along[1], along[0]])
    u, v = (pixels - center) @ along, (pixels - center) @ across
    corners = [(u.min(), v.min()), (u.max(), v.min()), (u.max(), v.max()), (u.min(), v.max())]
    return np.stack([center + a * along + b * across for a, b in corners])


def decode(prob: np.ndarray, cfg: DecodeConfig, stride: int) -> np.ndarray:
    """Quads (N, 4, 2) in pixels of the network's input."""
    quads = []
    for pixels in components(prob > cfg.threshold):
        if len(pixels) < cfg.min_area:
            continue
        core = resize_quad(fit_quad(pixels), 0.5)
        grow = quad_area(core) * cfg.unclip / max(quad_perimeter(core), 1e-6)
        quads.append(resize_quad(core, grow) * stride + stride / 2)
    return np.stack(quads) if quads else np.zeros((0, 4, 2))
