"""Losses in lower precision, by whatever way a call is one and stands in autocast."""

import pytest
from mlfix.analyzer.flow.precision.losses import LowerLosses
from mlfix.rules import knowledge

from ..projects import project_of
from .test_precision import HEAD

OBJECTS = """
import torch


class Task:
    def compute_loss(self, a, b):
        return (a - b).abs().mean()

    def forward(self, a, b):
        return (a - b).abs().mean()

    def __call__(self, a, b):
        return self.forward(a, b)


class TaskLoss(Task):
    pass


def hinge_loss(a, b):
    total = (a - b).abs().mean()
    for k in range(3):
        total += (a - b).abs().mean()
    return {"loss": total} if k else total


def floored_loss(a, b):
    total = (a - b).abs().mean()
    if b:
        total = total.float()
    return total
"""
MADE = "from objects import *\n\ntask = Task()\ncriterion_of_task = TaskLoss()\n"


def found(code: str) -> list[tuple[str, str]]:
    """The losses of a file, each with its place to autocast."""
    project = project_of({"a.py": HEAD + MADE + code, "objects.py": OBJECTS})
    module = project.module("a.py")
    return [(x.where.value, x.call.text()) for x in LowerLosses(project.flow, knowledge.autocast()).of(module)]


def inside(call: str) -> str:
    return f"def train(data):\n    for x, y in data:\n        with autocast():\n            a, b, h = net(x)\n            {call}\n"


@pytest.mark.parametrize(
    "call",
    [
        "hinge_loss(a, h)",
        "task.compute_loss(a, h)",
        "TaskLoss().compute_loss(a, h)",
        "criterion_of_task(a, h)",
        "TaskLoss()(a, h)",
        "hinge_loss(b=a, a=h)",
    ],
)
def test_a_loss_by_hand_is_found_inside(call: str) -> None:
    assert found(inside(call)) == [("inside", call)]


@pytest.mark.parametrize("call", ["floored_loss(a, h)", "criterion(a, y)", "task(a, h)", "hinge_loss(b, b)"])
def test_another_call_is_not(call: str) -> None:
    assert found(inside(call)) == []


AFTER = "with autocast():\n    a, b, h = net(x)\n{}criterion(a, y)\n"


def indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        AFTER.format(""),
        "def train(x, y):\n" + indented(AFTER.format("")),
        "if train:\n    def step(x, y):\n" + indented(indented(AFTER.format(""))),
        "def train(x, y):\n" + indented(AFTER.format("with torch.no_grad():\n    ")),
        "def train(x, y):\n" + indented(AFTER.format("with autocast(enabled=False):\n    ")),
        "def train(x, y):\n" + indented(AFTER.format("with autocast():\n    criterion(a, y)\n")),
        "def train(x, y):\n" + indented(AFTER.format("log = lambda: ")),
    ],
)
def test_a_loss_after_autocast_is_found(code: str) -> None:
    assert found(code)
    assert set(found(code)) == {("after", "criterion(a, y)")}


def test_the_blocks_of_a_function_are_told_apart() -> None:
    code = "def train(x, y):\n" + indented(
        AFTER.format("with autocast():\n    a, b, h = net(x)\n    criterion(a, y)\n")
    )
    assert len(found(code)) == 1


def test_a_file_that_enters_autocast_itself_says_nothing_of_its_functions() -> None:
    code = "if fast:\n    @autocast()\n    def step(x, y):\n        a, b, h = net(x)\n        criterion(a, y)\n"
    assert found("with autocast():\n    net(x)\n" + code) == []
