"""A file's tree as the first pass over a repository sees it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Syntax:
    """A file's tree while it is at hand, with its nodes of the kinds that rules' screens ask for.

    Attributes:
        tree: the tree.
        calls: its calls.
        operations: its arithmetic.
        assignments: its assignments of one value, annotated or not.
        comparisons: its comparisons.
        loops: its ``for`` statements.
        bare: its statements that are nothing but an expression.
        numbers: its literals with a decimal point or an exponent.
        bodies: the bodies of its functions and classes, and its own, each with its qualified name.
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
    bodies: list[tuple[str, list[ast.stmt]]] = field(default_factory=list)
    writing: set[str] = field(default_factory=set)
