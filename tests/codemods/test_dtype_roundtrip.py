"""Casts keep the values that they emptied, and differences their sign."""

import pytest

from .test_pil_numpy_confusion import mended

np = pytest.importorskip("numpy")
pytest.importorskip("PIL", reason="the mended code needs pillow, which is not installed here")

CAST = """\
import numpy as np
from PIL import Image


def through_picture(values):
    values = np.clip(values, 0.0, 1.0)
    picture = Image.fromarray({cast})
    return np.asarray(picture, dtype=np.float32) / 255.0
"""

DIFFERENCE = """\
import cv2
import numpy as np


def change(before, after):
    first = cv2.imread(before)
    second = cv2.imread(after)
    return second - first
"""


@pytest.mark.parametrize("cast", ["values.astype(np.uint8)", "np.uint8(values)", "values.astype('uint8')"])
def test_a_map_comes_through_to_half_a_step(tmp_path, cast):
    source = CAST.format(cast=cast)
    before: dict = {}
    exec(source, before)
    values = np.linspace(0.0, 1.0, 1000, dtype=np.float32).reshape(20, 50)
    assert len(np.unique(before["through_picture"](values))) == 2
    after = mended(tmp_path, source)["through_picture"](values)
    assert np.abs(after - values).max() <= 0.5 / 255 + 1e-6
    assert len(np.unique(after)) == 256


def test_a_difference_has_a_sign(tmp_path, monkeypatch):
    cv2 = pytest.importorskip("types").SimpleNamespace(
        imread=lambda name: np.full((2, 2, 3), 3 if name == "dark" else 5, dtype=np.uint8)
    )
    monkeypatch.setitem(__import__("sys").modules, "cv2", cv2)
    before: dict = {}
    exec(DIFFERENCE, before)
    assert (before["change"]("bright", "dark") == 254).all()
    assert (mended(tmp_path, DIFFERENCE)["change"]("bright", "dark") == -2).all()
