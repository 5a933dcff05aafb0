"""Sums of products taken apart: the terms of an expression with their signs and factors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_MOST_TERMS = 24


class Term(NamedTuple):
    """One summand: ``positive`` is its sign, ``factors`` what it multiplies, divisors left out."""

    positive: bool
    factors: tuple[ast.expr, ...]

    def has(self, text: str) -> bool:
        """Whether one of the factors reads so."""
        return any(ast.unparse(f) == text for f in self.factors if isinstance(f, (ast.Name, ast.Attribute)))

    def without(self, text: str) -> tuple[str, ...]:
        """The other factors as text, numbers left out, in the order of the alphabet."""
        others = [ast.unparse(f) for f in self.factors if not isinstance(f, ast.Constant)]
        return tuple(sorted(t for t in others if t != text))


def terms_of(node: ast.expr, positive: bool = True) -> list[Term]:
    """The summands of an expression, products over sums multiplied out: ``p * (a - b) + c`` has three."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        right = positive if isinstance(node.op, ast.Add) else not positive
        return (terms_of(node.left, positive) + terms_of(node.right, right))[:_MOST_TERMS]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        return terms_of(node.operand, positive if isinstance(node.op, ast.UAdd) else not positive)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = terms_of(node.left), terms_of(node.right)
        return [Term(positive == (a.positive == b.positive), (*a.factors, *b.factors)) for a in left for b in right][
            :_MOST_TERMS
        ]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [Term(positive == t.positive, t.factors) for t in terms_of(node.left)]
    return [Term(positive, (node,))]


def sums(scope: ast.AST) -> Iterator[ast.expr]:
    """The outermost arithmetic of a function's code, and the arithmetic inside the calls that it holds."""
    stack: list[tuple[ast.AST, bool]] = [(scope, False)]
    while stack:
        node, inside = stack.pop()
        is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div))
        is_sum = is_sum or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub))
        if is_sum and not inside:
            assert isinstance(node, ast.expr)
            yield node
        if node is not scope and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        stack += [(child, is_sum) for child in ast.iter_child_nodes(node)]
