"""Procedural glyphs: a skeleton of strokes per character, drawn in several styles."""

import math
import random
from dataclasses import dataclass

import numpy as np

Segment = tuple[float, float, float, float]

_GRID = (-0.6, 0.0, 0.6)
_ARC_STEPS = 7


@dataclass(frozen=True)
class GlyphRow:
    """One glyph of the collection: a character (`label`) in a type style."""

    glyph_id: int
    label: int
    style: int


def build_rows(num_classes: int, styles_per_class: int) -> list[GlyphRow]:
    """List the whole collection, character by character."""
    return [
        GlyphRow(glyph_id=label * styles_per_class + style, label=label, style=style)
        for label in range(num_classes)
        for style in range(styles_per_class)
    ]


def _arc(rng: random.Random) -> list[Segment]:
    cx, cy = rng.choice(_GRID), rng.choice(_GRID)
    radius = rng.uniform(0.25, 0.45)
    start = rng.uniform(0.0, 2.0 * math.pi)
    sweep = rng.uniform(0.7, 1.9) * math.pi
    angles = [start + sweep * i / _ARC_STEPS for i in range(_ARC_STEPS + 1)]
    points = [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for a in angles]
    return [(*p, *q) for p, q in zip(points, points[1:])]


def _stroke(rng: random.Random) -> list[Segment]:
    nodes = [(x, y) for x in _GRID for y in _GRID]
    (x0, y0), (x1, y1) = rng.sample(nodes, 2)
    return [(x0, y0, x1, y1)]


def skeleton(label: int) -> list[Segment]:
    """Strokes and arcs of a character, in [-1, 1] x [-1, 1]."""
    rng = random.Random(f"skeleton-{label}")
    segments: list[Segment] = []
    for _ in range(rng.randint(2, 4)):
        segments += _stroke(rng)
    for _ in range(rng.randint(0, 2)):
        segments += _arc(rng)
    return segments


def draw(row: GlyphRow, size: int) -> np.ndarray:
    """Draw a glyph with the weight, slant and wobble of its style.

    Returns a float32 raster of shape (size, size), ink 1.0 on 0.0.
    """
    style = random.Random(f"style-{row.style}-{row.label}")
    weight = style.uniform(0.07, 0.16)
    slant = style.uniform(-0.35, 0.35)
    width = style.uniform(0.75, 1.15)
    height = style.uniform(0.85, 1.1)

    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2.0 - 1.0
    px, py = np.meshgrid(axis, axis)
    nearest = np.full((size, size), np.inf, dtype=np.float32)
    for segment in skeleton(row.label):
        x0, y0, x1, y1 = (v + style.gauss(0.0, 0.03) for v in segment)
        x0, x1 = width * x0 - slant * y0, width * x1 - slant * y1
        y0, y1 = height * y0, height * y1
        dx, dy = x1 - x0, y1 - y0
        along = ((px - x0) * dx + (py - y0) * dy) / max(dx * dx + dy * dy, 1e-6)
        along = np.clip(along, 0.0, 1.0)
        distance = np.hypot(px - x0 - along * dx, py - y0 - along * dy)
        nearest = np.minimum(nearest, distance)
    pixel = 2.0 / size
    return np.clip((weight - nearest) / pixel + 0.5, 0.0, 1.0).astype(np.float32)
