"""A file's tree, sorted by kinds of nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

Owner = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
"""What has a body of its own."""
Located = TypeVar("Located", bound=ast.expr | ast.stmt)


@dataclass(frozen=True)
class Syntax:
    """A file's tree with its nodes of the kinds that rules ask for most, but for those in annotations.

    They stand in no order; see :func:`in_order`.

    Attributes:
        tree: the tree.
        calls: its calls.
        operations: its arithmetic.
        assignments: its assignments of one value, annotated or not.
        comparisons: its comparisons.
        loops: its ``for`` statements.
        bare: its statements that are nothing but an expression.
        numbers: its literals with a decimal point or an exponent.
        owners: its functions and classes, and itself, each with its qualified name: what has a body.
        writing: the qualified names in whose bodies a statement writes: ``x += y``, ``x[i] = y``.
    """

    tree: ast.Module
    calls: list[ast.Call] = field(default_factory=list)
    operations: list[ast.BinOp] = field(default_factory=list)
    assignments: list[ast.Assign | ast.AnnAssign] = field(default_factory=list)
    comparisons: list[ast.Compare] = field(default_factory=list)
    loops: list[ast.For] = field(default_factory=list)
    bare: list[ast.Expr] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    owners: list[tuple[str, Owner]] = field(default_factory=list)
    writing: set[str] = field(default_factory=set)


def in_order(*kinds: Iterable[Located]) -> list[Located]:
    """Nodes as they stand in the file; of those that start at one place (``f()()``), the outer one first."""
    nodes = [node for kind in kinds for node in kind]
    return sorted(nodes, key=lambda n: (n.lineno, n.col_offset, -(n.end_lineno or 0), -(n.end_col_offset or 0)))
