"""Which statements change a name's value in place."""

import ast

import pytest
from mlfix.analyzer.source.scopes import Kind, module_scope


@pytest.mark.parametrize(
    "statement",
    [
        "x.fill_diagonal_(0)",
        "x[i, :] = 0",
        "x.view(-1)[::n + 1] = 0",
        "x.flatten()[1:].view(n, n)[:, 0].fill_(0)",
        "torch.diagonal(x).sub_(1)",
        "x.masked_fill_(m, 0).div_(t)",
        "x.append(1)",
    ],
)
def test_a_change_through_views_and_chains_is_a_change_of_the_name(statement: str) -> None:
    bindings = module_scope(ast.parse(f"import torch\nx = f()\n{statement}\n")).bindings["x"]
    assert [b.kind for b in bindings] == [Kind.ASSIGN, Kind.UPDATE]


@pytest.mark.parametrize("statement", ["x.__init__()", "x.sum()[0].item()", "f(x).fill_(0)", "x.clone().fill_(0)"])
def test_a_copy_is_not_changed(statement: str) -> None:
    bindings = module_scope(ast.parse(f"x = g()\n{statement}\n")).bindings["x"]
    assert [b.kind for b in bindings] == [Kind.ASSIGN]
