"""A file's nodes by their kinds: all there are, but for annotations, each once and in source order."""

from __future__ import annotations

import ast
from pathlib import Path

import mlfix.analyzer
import pytest
from mlfix.analyzer.source.collect import syntax_of
from mlfix.analyzer.source.syntax import in_order

SHAPES = '''
import torch
from torch import nn as layers

@decorate(torch.jit.script)(1)
def first(x: Annotated[int, Field(0)] = torch.tensor([1.0])[0], *, y=f(g(2))(3)) -> Made(int):
    """A text."""
    x[h(x)] += lambda a=k(x): [m(b) for b in n(a) if o(b) > p(b) > 1][q(a)]
    x.y.z(1).w.v(r(x)).u = s(*x, **t(x)) if u(x) > 2 else {v(x): w(x)}
    with a(x) as b, c(d(x)):
        for e in range(len(x)): print(f"{i(e):{j(e)}}")
    try:
        raise l(x) from None
    except (E1, e2()):
        pass
    match x1(y):
        case {"a": 1} if x2(x):
            return (yield x3(x)) @ x4(x)
    (walrus := x5(x)); del z[x6()]
    assert x7(x) == x8(x), x9(x)
    async def inner(q: int = x10(1)):
        async for r in x11(q): await x12(q)
    return layers.Linear(1, 2)(x)

class Second(base(1).Base, metaclass=meta(2)):
    weight: float = call(3) + 1
    total = -call(4) ** 2.0
    class Third:
        loop = [x for x in each(5)]

if __name__ == "__main__":
    main(first(1) + 2)
else:
    other(3)
'''
KINDS = {
    "calls": ast.Call,
    "operations": ast.BinOp,
    "assignments": (ast.Assign, ast.AnnAssign),
    "comparisons": ast.Compare,
    "loops": ast.For,
    "bare": ast.Expr,
}


def _outside_annotations(tree: ast.Module) -> ast.Module:
    """The tree without the annotations of functions and without the test of its main guard."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            node.test = ast.Constant(True)
    return tree


OWN = [p.read_text() for p in sorted(Path(next(iter(mlfix.analyzer.__path__))).rglob("*.py"))[::7]]


@pytest.mark.parametrize("text", [SHAPES, *OWN])
def test_each_node_is_there_once(text: str) -> None:
    tree = ast.parse(text)
    syntax = syntax_of(tree)
    every = list(ast.walk(_outside_annotations(tree)))
    for name, kind in KINDS.items():
        found = [id(node) for node in getattr(syntax, name)]
        assert len(found) == len(set(found))
        assert set(found) == {id(node) for node in every if isinstance(node, kind)}, name


def test_order_is_that_of_the_source_with_the_outer_one_first() -> None:
    syntax = syntax_of(ast.parse("a()() < b(c()) + 1\nd() < e()\n"))
    assert [ast.unparse(n) for n in in_order(syntax.calls, syntax.comparisons)] == [
        "a()() < b(c()) + 1", "a()()", "a()", "b(c())", "c()", "d() < e()", "d()", "e()",
    ]  # fmt: skip
