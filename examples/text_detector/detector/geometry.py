"""Points, 3x3 matrices and quads. Points are (..., 2) with x first."""

import numpy as np
from PIL import Image, ImageDraw


def scale_and_shift(scale: float, left: float, top: float) -> np.ndarray:
    return np.array([[scale, 0.0, left], [0.0, scale, top], [0.0, 0.0, 1.0]])


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Move points (..., 2) by an affine 3x3 matrix."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def rotate_points(points: np.ndarray, degrees: float, center: tuple[float, float]) -> np.ndarray:
    """Turn points counter-clockwise as seen on the screen, like `Image.rotate`."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (points - center) @ turn.T + center


def resize_quad(quad: np.ndarray, distance: float) -> np.ndarray:
    """Move every side of a quad (4, 2) outwards by `distance` pixels, inwards if it is negative."""
    along = quad[1] - quad[0]
    across = quad[3] - quad[0]
    along = along / max(np.linalg.norm(along), 1e-6) * distance
    across = across / max(np.linalg.norm(across), 1e-6) * distance
    return quad + np.stack([-along - across, along - across, along + across, -along + across])


def quad_area(quad: np.ndarray) -> float:
    x, y = quad[:, 0], quad[:, 1]
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def quad_perimeter(quad: np.ndarray) -> float:
    return float(np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1).sum())


def fill(quad: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boolean mask (height, width) of a quad."""
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in quad.tolist()], fill=255)
    return np.asarray(canvas) > 0


def quad_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two quads, counted in pixels."""
    both = np.concatenate([first, second])
    low = np.floor(both.min(axis=0)) - 1
    width, height = (np.ceil(both.max(axis=0)) - low + 2).astype(int)
    a, b = fill(first - low, height, width), fill(second - low, height, width)
    union = np.logical_or(a, b).sum()
    return float(np.logical_and(a, b).sum() / union) if union else 0.0
