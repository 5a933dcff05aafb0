"""What value flow hands around: expressions in the frame they are evaluated in, and what is known of them.

Nothing here is ever changed. Most is not frozen all the same: tens of thousands are made, in a third of the time.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from ...findings import Evidence
from ...source.module import Module
from ...source.scopes import Binding, Scope

T = TypeVar("T")
DEEPEST_CALL = 6
"""Calls entered inside one another; a deeper one is not followed."""
MOST_CALLERS = 12
"""Calls of one function; those of a more widely called one are not followed to their arguments."""
LONGEST_TRAIL = 6
"""Steps of evidence that are kept."""


@dataclass(eq=False)
class Frame:
    """A scope under evaluation.

    ``arguments`` are the values of its parameters where a call was followed into it, ``call`` is that call.
    """

    module: Module
    scope: Scope
    arguments: dict[str, Operand] | None = None
    depth: int = 0
    call: Operand | None = None

    @cached_property
    def mark(self) -> int:
        """Equal for frames of the same scope entered with the same arguments: what ends a circle."""
        given = [(name, id(op.node), op.frame.mark) for name, op in sorted((self.arguments or {}).items())]
        return hash((id(self.scope), self.depth, tuple(given)))


@dataclass(eq=False, slots=True)
class Operand:
    """An expression and the frame in which it is evaluated."""

    node: ast.expr
    frame: Frame

    @property
    def module(self) -> Module:
        """The file it stands in."""
        return self.frame.module

    def sub(self, node: ast.expr) -> Operand:
        """Another expression of the same frame."""
        return Operand(node, self.frame)

    def text(self) -> str:
        """The expression as written, shortened."""
        return self.module.snippet(self.node)


@dataclass(frozen=True)
class Known(Generic[T]):
    """One thing that a value may be, with the lines that say so, origin first."""

    what: T
    trail: tuple[Evidence, ...] = ()

    def after(self, step: Evidence) -> Known[T]:
        """The same thing one step further on."""
        if self.trail and self.trail[-1].path == step.path and self.trail[-1].line == step.line:
            return self
        if len(self.trail) >= LONGEST_TRAIL:
            return self
        return Known(self.what, (*self.trail, step))


@dataclass(eq=False, slots=True)
class Source:
    """One step back: where a name's value comes from.

    ``operand`` is the expression (None: nothing more is known), ``index`` the path into it where it was unpacked,
    ``binding`` the binding passed through, ``step`` what to tell about it.
    """

    operand: Operand | None
    binding: Binding | None = None
    index: tuple[int, ...] = ()
    is_element: bool = False
    step: Evidence | None = None
