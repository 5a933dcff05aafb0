"""Pages with a few text lines on them, drawn when the program starts."""

import numpy as np
from PIL import Image, ImageDraw

from .geometry import rotate_points


def draw_line(length: int, height: int, ink: tuple[int, int, int], rng: np.random.Generator) -> Image.Image:
    """One line of made-up letters on a transparent ground."""
    line = Image.new("RGBA", (length, height))
    pen = ImageDraw.Draw(line)
    stroke = max(2, height // 7)
    left = 1
    while left + height // 2 < length:
        right = min(left + int(rng.integers(height // 3, height * 2 // 3)), length - 2)
        top, bottom = (1, height - 2) if rng.random() < 0.4 else (height // 4, height - 2)
        kind = rng.integers(4)
        if kind == 0:
            pen.ellipse((left, top, right, bottom), outline=ink, width=stroke)
        elif kind == 1:
            pen.line((left, bottom, (left + right) // 2, top, right, bottom), fill=ink, width=stroke)
        elif kind == 2:
            pen.rectangle((left, top, left + stroke, bottom), fill=ink)
            pen.line((left, (top + bottom) // 2, right, bottom), fill=ink, width=stroke)
        else:
            pen.rectangle((left, top, left + stroke, bottom), fill=ink)
            pen.rectangle((left, bottom - stroke, right, bottom), fill=ink)
        left = right + stroke
    return line


def draw_page(rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """A page and the quads (N, 4, 2) of its lines, corners clockwise from the top left of the text."""
    width, height = int(rng.integers(150, 220)), int(rng.integers(96, 132))
    paper = rng.integers(150, 235, size=3)
    grain = rng.normal(0.0, 9.0, size=(height, width, 1)) + np.linspace(-18.0, 18.0, width)[None, :, None]
    page = Image.fromarray(np.clip(paper + grain, 0, 255).astype(np.uint8))

    quads = []
    top = int(rng.integers(6, 16))
    while top + 26 < height:
        tall = int(rng.integers(17, 24))
        long = int(rng.integers(60, 120))
        left = int(rng.integers(6, width - long - 6))
        ink = tuple(int(value) for value in rng.integers(10, 80, size=3))
        angle = float(rng.uniform(-6.0, 6.0))
        text = draw_line(long, tall, ink, rng)
        layer = Image.new("RGBA", page.size)
        layer.paste(text, (left, top))
        center = (left + long / 2, top + tall / 2)
        layer = layer.rotate(angle, resample=Image.BILINEAR, center=center)
        page.paste(layer, (0, 0), layer)
        box = np.array([[left, top], [left + long, top], [left + long, top + tall], [left, top + tall]], dtype=float)
        quads.append(rotate_points(box, angle, center))
        top += tall + int(rng.integers(14, 30))
    return page, np.stack(quads)


def draw_pages(count: int, seed: int) -> list[tuple[Image.Image, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [draw_page(rng) for _ in range(count)]
