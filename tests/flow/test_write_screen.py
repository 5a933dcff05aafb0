"""Which files may hold a write into what autograd has saved, by their syntax."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.flow.autograd.bodies import writing
from mlfix.analyzer.flow.autograd.writes import WRITING
from mlfix.analyzer.reading import read_file
from mlfix.analyzer.source.collect import collect_facts
from mlfix.analyzer.source.reader import Sources, decode, parse
from mlfix.rules.loss.inplace_autograd import InplaceAutograd

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from blocks import Gate


class Net(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.relu = nn.ReLU()
        self.act = act()
        self.gate = Gate()

    def forward(self, x, y):
"""


@pytest.mark.parametrize(
    ("lines", "is_wanted"),
    [
        (("x = torch.exp(x)", "x += y"), True),
        (("exp = torch.exp", "x = exp(x)", "x += y"), True),
        (("x = F.softmax(x, -1).view(-1)", "x += y"), True),
        (("x = self.relu(x)", "x += y"), True),
        (("x = self.gate(x)", "x += y"), True),
        (("self.conv(x)", "x += y"), True),
        (("a, b = x.exp(), y", "a += y"), True),
        (("for y in y:", "    x += y", "    x = x.exp()"), True),
        (("x = self.conv(x)", "x += y"), False),
        (("x = self.act(x)", "x += y"), False),
        (("self.conv(x)", "x = self.act(x)", "x += y"), False),
        (("x = x.exp()", "x = self.conv(x)", "x += y"), False),
        (("n, c = x.shape", "n += 1"), False),
        (("x += y", "x = x.exp()"), False),
    ],
)
def test_what_autograd_may_have_saved_is_looked_at(lines: tuple[str, ...], is_wanted: bool) -> None:
    code = HEAD + "".join(f"        {line}\n" for line in (*lines, "return x"))
    facts = read_file(Sources(Path("/nowhere"), {"net.py": code.encode()}), "net.py", [InplaceAutograd()]).facts
    assert facts is not None
    assert ("inplace-autograd" in facts.wanted_by) == is_wanted


def test_every_body_that_writes_is_looked_at() -> None:
    code = """\
x += 1
if __name__ == "__main__":
    def f():
        match y:
            case 1:
                def g(): y[0] = 1
    class A(B[f()]):
        z[0] = 1
        def h(self): pass
        def h(self):
            try: pass
            except E:
                with y: a.b += 1
def k(): return lambda: y.add_(1)
def quiet(): y = z
"""
    text = decode("a.py", code.encode())
    facts, syntax = collect_facts(parse(text), "a.py", "", 1, frozenset(), has_suppressions=False)
    found = {owner.body[0].lineno for _, owner in writing(syntax, facts, WRITING)}
    assert found == {1, 6, 8, 9, 11, 14}  # 9: of the same name as what writes
