"""Which assignment surely gave a name its value, by the blocks of a function."""

from __future__ import annotations

import ast

import pytest
from mlfix.analyzer.flow.autograd.resets import Resets


@pytest.mark.parametrize(
    ("code", "line", "span"),
    [
        ("x = f()\nx += 1\n", 2, (1, 1)),
        ("x = f(\n    y,\n)\nx += 1\n", 4, (1, 3)),
        ("x += 1\nx = f()\n", 1, (0, 0)),
        ("x = f()\nif c:\n    x = g()\nx += 1\n", 4, (1, 1)),
        ("x = f()\nif c:\n    x = g()\n    x += 1\n", 4, (3, 3)),
        ("if c:\n    x = f()\nelse:\n    x += 1\n", 4, (0, 0)),
        ("for x in xs:\n    x += 1\n", 2, (1, 1)),
        ("for x in xs:\n    y = x\nx += 1\n", 3, (0, 0)),
        ("with c:\n    x = f()\nx += 1\n", 3, (2, 2)),
        ("try:\n    x = f()\nexcept E:\n    x += 1\n", 4, (0, 0)),
        ("x = f()\nx[0] = 1\nx += 1\n", 3, (1, 1)),
        ("x, y = f()\nx += 1\n", 2, (0, 0)),
        ("x = f(); x += 1\n", 1, (0, 0)),
    ],
)
def test_the_last_assignment_on_every_way(code: str, line: int, span: tuple[int, int]) -> None:
    assert Resets(ast.parse(code).body).before(line, "x") == span


def test_a_loop_leads_past_what_stands_before_it() -> None:
    found = Resets(ast.parse("x = f()\nfor y in ys:\n    x += y\n    x = g(x)\nz = x\n").body)
    assert found.returns_past(found.before(3, "x"), 3, 4)
    assert not found.returns_past(found.before(5, "x"), 5, 4)


def test_a_loop_leads_through_what_it_sets_itself() -> None:
    found = Resets(ast.parse("while c:\n    x = f()\n    x += y\n    x = g(x)\n").body)
    assert not found.returns_past(found.before(3, "x"), 3, 4)


def test_attributes_are_told_apart() -> None:
    found = Resets(ast.parse("self.a = f()\nself.b += 1\n").body)
    assert found.before(2, "self.a") == (1, 1)
    assert found.before(2, "self.b") == (0, 0)
