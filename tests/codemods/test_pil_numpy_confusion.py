"""The mended code gives pictures of the right shape and colour."""

from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request
from mlfix.codemods import all_codemods
from mlfix.codemods.session import mend
from mlfix.rules import all_rules

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image", reason="the mended code needs pillow, which is not installed here")

SQUEEZED = """\
from PIL import Image


def letterbox(image: Image.Image, target_h, target_w):
    height, width = image.size
    scale = min(target_h / height, target_w / width)
    return image.resize((round(width * scale), round(height * scale))), scale
"""


def mended(tmp_path: Path, source: str) -> dict:
    (tmp_path / "code.py").write_text(source)
    session = mend(Request(tmp_path, all_rules(), all_codemods()), lambda finding, fix: True)
    names: dict = {}
    exec(session.changes["code.py"].after.decode(), names)
    return names


def test_a_picture_keeps_its_aspect(tmp_path):
    letterbox = mended(tmp_path, SQUEEZED)["letterbox"]
    picture, scale = letterbox(Image.new("RGB", (200, 100)), 64, 112)
    assert scale == pytest.approx(0.56)
    assert picture.size == (112, 56)
    before: dict = {}
    exec(SQUEEZED, before)
    assert before["letterbox"](Image.new("RGB", (200, 100)), 64, 112)[0].size != (112, 56)
