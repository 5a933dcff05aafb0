"""The maps that the network learns: where text is, and how near its border."""

import numpy as np
from PIL import Image

from .geometry import fill, quad_area, quad_perimeter, resize_quad

THRESH_MIN, THRESH_MAX = 0.3, 0.7


def shrink_distance(quad: np.ndarray, shrink: float) -> float:
    """How far the sides of a text's core lie inside of its quad."""
    return quad_area(quad) * (1.0 - shrink**2) / max(quad_perimeter(quad), 1e-6)


def border_distance(quad: np.ndarray, height: int, width: int) -> np.ndarray:
    """Distance (height, width) of every pixel from the nearest side of a quad."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x, y], axis=-1).astype(np.float32)
    nearest = np.full((height, width), np.inf, dtype=np.float32)
    for start, end in zip(quad, np.roll(quad, -1, axis=0)):
        side = end - start
        share = ((pixels - start) @ side / max(float(side @ side), 1e-6)).clip(0.0, 1.0)
        foot = start + share[..., None] * side
        nearest = np.minimum(nearest, np.linalg.norm(pixels - foot, axis=-1))
    return nearest


def downscale(values: np.ndarray, stride: int) -> np.ndarray:
    """Bring a map to the resolution of the network's output."""
    picture = Image.fromarray(values.astype(np.uint8))
    small = picture.resize((picture.width // stride, picture.height // stride), Image.BILINEAR)
    return np.asarray(small, dtype=np.float32) / 255.0


def make_maps(quads: np.ndarray, size: tuple[int, int], stride: int, shrink: float) -> dict[str, np.ndarray]:
    """Maps of one picture: `prob` and `thresh`, and `near`, where `thresh` counts."""
    height, width = size
    prob = np.zeros((height, width), dtype=np.float32)
    border = np.zeros((height, width), dtype=np.float32)
    for quad in quads:
        distance = shrink_distance(quad, shrink)
        if distance < 1.0:
            continue
        core = resize_quad(quad, -min(distance, 0.4 * np.linalg.norm(quad[3] - quad[0])))
        prob = np.maximum(prob, fill(core, height, width))
        away = border_distance(quad, height, width) / distance
        border = np.maximum(border, np.clip(1.0 - away, 0.0, 1.0))
    border = downscale(border, stride)
    return {
        "prob": downscale(prob, stride),
        "thresh": THRESH_MIN + (THRESH_MAX - THRESH_MIN) * border,
        "near": (border > 0.0).astype(np.float32),
    }
