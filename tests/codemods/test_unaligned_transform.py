"""Points follow their image, and the caller's own points stay."""

import pytest

from .test_pil_numpy_confusion import mended

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image", reason="the mended code needs pillow, which is not installed here")

LEFT_BEHIND = """\
import numpy as np
from PIL import Image, ImageOps


def shifted(points, by, image):
    return points / (image.width, image.height) * (image.width, image.height) + by


def move(image: Image.Image, points: np.ndarray, mirrored: bool):
    image = image.rotate(0)
    points = shifted(points, 0, image)
    if mirrored:
        image = ImageOps.{flip}(image)
    return image, points
"""

DROPPED = """\
import numpy as np


def augment(image, chance):
    if chance:
        np.fliplr(image)
    return image
"""


@pytest.mark.parametrize("flip", ["mirror", "flip"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_corners_stay_on_their_object(tmp_path, flip, dtype):
    image = Image.new("L", (60, 40))
    image.paste(255, (6, 4, 20, 12))
    points = np.array([[[6, 4], [20, 4], [20, 12], [6, 12]]], dtype=dtype)
    given = points.copy()
    moved, found = mended(tmp_path, LEFT_BEHIND.format(flip=flip))["move"](image, points, True)
    y, x = np.nonzero(np.asarray(moved))
    assert found[..., 0].min() == x.min() and found[..., 0].max() == x.max() + 1
    assert found[..., 1].min() == y.min() and found[..., 1].max() == y.max() + 1
    assert (points == given).all()


def test_what_was_dropped_is_kept_and_fits_torch(tmp_path):
    image = np.arange(12).reshape(2, 3, 2)
    after = mended(tmp_path, DROPPED)["augment"]
    assert (after(image, True) == image[:, ::-1]).all()
    assert min(after(image, True).strides) > 0
    assert after(image, False) is image
