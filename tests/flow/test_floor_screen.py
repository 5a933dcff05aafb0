"""Which files may hold a floor that is lost in the type of its value, by their syntax."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.reading import read_file
from mlfix.analyzer.source.reader import Sources
from mlfix.rules.loss.tiny_epsilon import TinyEpsilon

RATIO = "import torch\nfrom base import Loss, EPS\n\n\nclass Ratio(Loss):\n    def forward(self, a, b):\n        {}\n"


@pytest.mark.parametrize(
    ("code", "is_wanted"),
    [
        ("return a / (b + 1e-8)", True),
        ("return a / (b + EPS)", True),
        ("return a / (b + self.eps)", True),
        ("return a / b.clamp(min=self.eps)", True),
        ("return b.log()", True),
        ("return b.clamp(min=0).sqrt()", True),
        ("return (1 - b.clamp(max=0.99999999)).sqrt()", True),
        ("return a / (b + 1e-5)", False),
        ("self.eps = 1e-5\n        return a / (b + self.eps)", False),
        ("return (a + b) / 2e-3", False),
    ],
)
def test_what_may_be_lost_is_looked_at(code: str, is_wanted: bool) -> None:
    sources = Sources(Path("/nowhere"), {"train.py": RATIO.format(code).encode()})
    facts = read_file(sources, "train.py", [TinyEpsilon()]).facts
    assert facts is not None
    assert ("tiny-epsilon" in facts.wanted_by) == is_wanted
