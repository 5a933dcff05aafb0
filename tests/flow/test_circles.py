"""Values that come from themselves."""

import ast
from pathlib import Path

from mlfix.analyzer.rule import Rule

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
