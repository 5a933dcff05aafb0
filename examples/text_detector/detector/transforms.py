"""What happens to a page and its quads before they become tensors."""

import random

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from .geometry import rotate_points, scale_and_shift


def clean(image: Image.Image, autocontrast: bool, blur: float) -> Image.Image:
    """Preprocessing of scans."""
    if autocontrast:
        image = ImageOps.autocontrast(image, cutoff=1)
    if blur > 0:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    return image


def augment(image: Image.Image, quads: np.ndarray, max_degrees: float) -> tuple[Image.Image, np.ndarray]:
    """Random rotation and mirroring of a training page."""
    degrees = random.uniform(-max_degrees, max_degrees)
    center = (image.width / 2, image.height / 2)
    image = image.rotate(degrees, resample=Image.BILINEAR, center=center, fillcolor=(190, 190, 190))
    quads = rotate_points(quads, degrees, center)
    if random.random() < 0.5:
        image = ImageOps.mirror(image)
    return image, quads


def letterbox(image: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
    """Fit a page into (height, width), centred on grey, keeping its aspect.

    Returns the picture and the 3x3 matrix from the page's pixels to those of the picture.
    """
    target_h, target_w = size
    height, width = image.size
    scale = min(target_h / height, target_w / width)
    new_h, new_w = round(height * scale), round(width * scale)
    top, left = (target_h - new_h) // 2, (target_w - new_w) // 2
    canvas = Image.new("RGB", (target_w, target_h), (128, 128, 128))
    canvas.paste(image.resize((new_w, new_h), Image.BILINEAR), (left, top))
    return canvas, scale_and_shift(scale, left, top)
