"""Sizes of images that are certain, by whatever way they come, and those that some way leaves unknown."""

import pytest
from mlfix.analyzer.flow.images.extents import Extents, H, W

from ..projects import only, project_of

READERS = """
from PIL import Image


class Base:
    def __init__(self, path):
        self.size = Image.open(path).size

    def measure(self):
        return Image.open(self.path).size


def read(path):
    image = Image.open(path)
    return image, image.size


def either(path, given):
    if given:
        return None
    return Image.open(path).size


def handed(size):
    return size
"""
HEAD = "from PIL import Image\nimport readers\nfrom readers import *\n\n\nclass Data(readers.Base):\n    pass\n\n\n"


def found(body: str) -> tuple[bool, tuple[object, ...] | None]:
    """Whether ``size`` of a function is open, and what it counts."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    files = {"readers.py": READERS, "a.py": f"{HEAD}def work(path, paths):\n{lines}    use(size)\n"}
    project = project_of(files)
    module = project.module("a.py")
    op = project.flow.operand(module, only(module, "size"))
    known = Extents(project.flow).certain(op)
    return Extents(project.flow).is_open(op), known.what.axes if known is not None else None


@pytest.mark.parametrize(
    "body",
    [
        "size = Image.open(path).size",
        "first = Image.open(path).size\nsize = first",
        "image, size = readers.read(path)",
        "both = read(path)\nimage, size = both",
        "size = Data(path).measure()",
        "data = Data(path)\nsize = data.measure()",
        "data = Data(path)\nsize = data.size",
        "size = handed(Image.open(path).size)",
        "size = Image.open(path).size if path else Image.open(paths[0]).size",
        "size = Image.open(paths[0]).size\nfor p in paths:\n    size = Image.open(p).size",
        "size = None\nsize = Image.open(path).size",
    ],
)
def test_a_size_that_every_way_gives_is_certain(body: str) -> None:
    assert found(body) == (False, (W, H))


@pytest.mark.parametrize(
    "body",
    [
        "size = None\nif path:\n    size = Image.open(path).size",
        "size = 224\nfor p in paths:\n    size = Image.open(p).size",
        "size = either(path, paths)",
        "size = handed(path)",
        "both = None\nif path:\n    both = read(path)\nimage, size = both",
    ],
)
def test_a_size_that_some_way_leaves_unknown_is_open(body: str) -> None:
    assert found(body) == (True, None)
