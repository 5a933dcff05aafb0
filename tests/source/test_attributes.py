"""Attributes that a class sets and never reads, by its text."""

from mlfix.analyzer.source.attributes import unread_attributes
from mlfix.analyzer.source.facts import ClassFacts

TEXT = """\
class Net(Module):
    def __init__(self, width):
        self.width = width
        self.first = Linear(width, width)
        self.second: Module = Linear(width, width)
        if width > 8:
            self.third = Linear(width, 2)
        else:
            self.third = Linear(width, 4)

    def forward(self, x):
        # return self.second(self.first(x))
        return self.first(x)


class Other(Module):
    def forward(self, x):
        return self.second(x)
"""


def test_what_only_the_constructor_names() -> None:
    classes = [
        ClassFacts("Net", 1, 13, (), (), ("__init__", "forward")),
        ClassFacts("Other", 16, 18, (), (), ("forward",)),
    ]
    assert unread_attributes(TEXT, classes) == ("Net.second", "Net.third")
