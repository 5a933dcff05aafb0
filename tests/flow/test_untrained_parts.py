"""Parts that no loss reaches, however the constructor sets them and whatever stands before their calls."""

from __future__ import annotations

import pytest
from mlfix.analyzer.flow.outputs import parts
from mlfix.analyzer.flow.outputs.untrained import never_trained
from mlfix.analyzer.flow.values.construction import Made
from mlfix.analyzer.flow.values.frames import Operand
from mlfix.analyzer.graph.project import Project

from ..projects import project_of

NET = """\
import torch.nn as nn

from helpers import project_head


class Net(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.trunk = nn.Linear(dim, dim)
        {set}

    def head(self, x):
        return x

    def forward(self, x):
        h = self.trunk(x)
        return h, self.head(h){more}
"""
HELPERS = """\
import torch.nn as nn


def project_head(dim):
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 10))
"""
TRAIN = """\
from net import Net


def train(loader, optimizer):
    model = Net(8)
    for x, y in loader:
        out, _ = model(x)
        loss = (out - y).square().mean()
        loss.backward()
        optimizer.step()
    {use}
"""


def _found(parts: str, more: str = "", use: str = "return model") -> list[str]:
    files = {"net.py": NET.format(set=parts, more=more), "helpers.py": HELPERS, "train.py": TRAIN.format(use=use)}
    return [found.part.name for found in never_trained(project_of(files))]


@pytest.mark.parametrize(
    "parts",
    [
        "self.head = nn.Linear(dim, 10)",
        "self.head: nn.Module = nn.Linear(dim, 10)",
        "self.head = self.spare = nn.Linear(dim, 10)",
        "self.head = project_head(dim)",
        "self.head = nn.Sequential(nn.ReLU(), nn.Linear(dim, 10))",
        "self.head = nn.Linear(dim, 10) if dim else project_head(dim)",
    ],
)
def test_a_part_is_known_however_it_is_set(parts: str) -> None:
    assert _found(parts) == ["head"]


@pytest.mark.parametrize(
    ("parts", "more", "use"),
    [
        ("self.head = nn.ReLU()", "", "return model"),  # no weights
        ("self.head, self.tail = nn.Linear(dim, 10), None", "", "return model"),  # set with others
        ("self.head = nn.Linear(dim, 10)", " + self.head.weight.sum()", "return model"),  # used otherwise
        ("self.head = nn.Linear(dim, 10)", "", "return tied(model.head)"),  # used otherwise by another file
        ("self.head = nn.Linear(dim, 10)", "", "model.head = None"),  # replaced by another file
        ("self.head = nn.Linear(dim, 10)", "", "return getattr(model, 'head')"),  # looked up
    ],
)
def test_a_part_that_may_be_trained_is_left_alone(parts: str, more: str, use: str) -> None:
    assert "head" not in _found(parts, more, use)


FORWARD = """\
from net import Net


def evaluate(loader):
    net = Net(8)
    for x, y in loader:
        out, more = net.forward(x)
        {take}
"""


@pytest.mark.parametrize(
    ("called", "take", "found"),
    [
        ("model(x)", "print(more)", ["head"]),
        ("model.forward(x)", "print(more)", ["head"]),
        ("model(x)", "more.mean().backward()", []),
        ("model.forward(x)", "more.mean().backward()", []),
        ("model(x)", "keep(more)", []),
    ],
)
def test_calls_of_forward_count_as_calls(called: str, take: str, found: list[str]) -> None:
    files = {
        "net.py": NET.format(set="self.head = nn.Linear(dim, 10)", more=""),
        "helpers.py": HELPERS,
        "train.py": TRAIN.format(use="return model").replace("model(x)", called),
        "evaluate.py": FORWARD.format(take=take),
    }
    assert [f.part.name for f in never_trained(project_of(files))] == found


WRAPPERS = """\
import torch.nn as nn


class Keyed(nn.Module):
    def __init__(self, model, one, two, three):
        super().__init__()
        self.model = model
        self.one = one
        self.two = two
        self.three = three

    def forward(self, x):
        out = self.model(x)
        return out[self.one], out[self.two]


class Flipped(nn.Module):
    def __init__(self, model, one, two, three):
        super().__init__()
        self.model = model
        self.inner = model
        self.last = model

    def forward(self, x):
        return self.model(x), self.inner(x.flip(3)), self.last(x)


def wrapped(model, flip, more):
    model = Keyed(model, "logits", "flag", "mask")
    if flip:
        model = Flipped(model, "logits", "flag", "mask")
    if more:
        model = Flipped(Keyed(model, "logits", "flag", "mask"), model, model, model)
    return Keyed(Flipped(model, "logits", "flag", "mask"), model, model, model)
"""


def test_wrappers_that_take_each_other_in_are_looked_into_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Operand] = []
    makings = parts._makings

    def counted(op: Operand, project: Project) -> list[Made]:
        asked.append(op)
        assert len(asked) < 200
        return makings(op, project)

    monkeypatch.setattr(parts, "_makings", counted)
    train = TRAIN.format(use="return model").replace(
        "from net import Net", "from zoo import net\n\nfrom wrap import wrapped"
    )
    files = {"wrap.py": WRAPPERS, "train.py": train.replace("Net(8)", "wrapped(net(8), True, True)")}
    list(never_trained(project_of(files)))
    assert asked
