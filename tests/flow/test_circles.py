"""Values that come from themselves."""

import ast
from pathlib import Path

import pytest
from mlfix.analyzer.flow.images.extents import Extents
from mlfix.analyzer.rule import Rule

from ..projects import only
from ..projects import project_of as in_memory
from ..rules.harness import project_of

HEADER = """\
class Holder:
    def __init__(self, other):
        self.inner = other.inner.inner

    def use(self):
        return self.inner.inner


def main():
    holder = Holder(None)
    holder = Holder(holder.inner)
    holder.use()
"""


class _NoRule(Rule):
    """Stands for any rule."""

    name = "no-rule"


def test_an_attribute_set_from_itself_ends_the_search(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"train.py": HEADER}, _NoRule())
    module = project.module("train.py")
    for call in module.calls():
        assert project.flow.classes.of(project.flow.operand(module, call)) is not None


OPENED = """\
def main(item, deep):
    while item.shape:
        item = item[0]
    kept = item[0]
    return use(kept)


def use(kept):
    return kept[0]
"""


def test_a_container_that_is_an_item_of_itself_ends_the_search(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"train.py": OPENED}, _NoRule())
    module = project.module("train.py")
    for node in (n for n in module.nodes if isinstance(n, ast.Subscript)):
        project.flow.sources(project.flow.operand(module, node))


PARTS = """\
class Holder:
    def use(self):
        self.left, self.right = self.left
        return self.left


def main(value):
    for _ in range(3):
        value, other = value
    return value
"""


@pytest.mark.parametrize("code", ["self.left", "value"])
def test_a_part_of_itself_ends_the_search(code: str) -> None:
    project = in_memory({"a.py": PARTS})
    module = project.module("a.py")
    assert Extents(project.flow).certain(project.flow.operand(module, only(module, code))) is None
