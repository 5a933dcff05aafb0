"""The functions of a file that write in place, and what their own syntax says of the names they write into.

All of this is read off the syntax of one function, before anything is asked of the value flow: most writes are into
counters and freshly made tensors.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ...source.facts import FileFacts
from ...source.module import Module
from ...source.nodes import last_first
from ...source.scopes import key_of
from ...source.syntax import Owner, Syntax
from .applying import Applying
from .names import Names, may_be_saved, read_names
from .resets import Resets
from .writes import Write, base_of, writes

_DEFINING = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_PASSED = _DEFINING | {ast.Constant, type(None)}
_TARGETS = frozenset({ast.Attribute, ast.Subscript})
_TELLING = frozenset({ast.Call, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.BinOp})


class Body:
    """One function, class or module that writes, its nested functions and classes left out.

    Attributes:
        applying: what the file's calls may apply.
    """

    def __init__(self, statements: list[ast.stmt], applying: Applying, module: Module | None = None) -> None:
        self.applying = applying
        self._statements = statements
        self._module = module

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes that bind, call or reckon: parents before what they hold, in source order."""
        return _own_nodes(self._statements)

    @cached_property
    def written(self) -> list[tuple[Write, ast.expr]]:
        """Its writes that may be into tensors in source order, each with the name or value that is written into."""
        return [(write, base_of(write.target, self._module)) for write in writes(self.nodes)]

    @cached_property
    def resets(self) -> Resets:
        """Which assignment a name surely has its value from."""
        return Resets(self._statements)

    @cached_property
    def names(self) -> Names:
        """What may be saved of the names that are written into."""
        keys = {key for _, base in self.written if (key := key_of(base)) is not None}
        return read_names(self.nodes, keys, self.applying)

    def may_break(self, base: ast.expr, first: int, last: int) -> bool:
        """Whether a write may be into what an operation has saved.

        Args:
            base: the name that is written into, or what is written into without one.
            first: the write's first line.
            last: its last line.
        """
        key = key_of(base)
        if key is None:
            return may_be_saved(base, self.applying)
        operated, saved = self.names.operated.get(key, ()), self.names.saved.get(key, ())
        if any(load.lineno <= last for load in self.names.aliased.get(key, ())):
            return True
        if not operated and not saved:
            return False
        reset = self.resets.before(first, key)
        if any(reset[1] < load.lineno <= last for load in operated):
            return True
        return any(
            reset[0] <= line and (line <= last or self.resets.returns_past(reset, first, line)) for line in saved
        )


def writes_at_all(facts: FileFacts, methods: frozenset[str]) -> bool:
    """Whether anything in a file may write in place: a statement, or a call of one of some methods."""
    return facts.sets_parts or not facts.called.isdisjoint(methods)


def writing(syntax: Syntax, facts: FileFacts, methods: frozenset[str]) -> Iterator[tuple[str, Owner]]:
    """What of a file has a body in which a statement writes, or that calls one of some methods, by qualified name.

    Functions of one name count as one.
    """
    names = syntax.writing | _calling(facts, methods)
    return ((qualname, owner) for qualname, owner in syntax.owners if qualname in names)


def _calling(facts: FileFacts, methods: frozenset[str]) -> set[str]:
    """Who calls one of some methods."""
    calls = facts.calls if not facts.called.isdisjoint(methods) else ()
    return {c.scope for c in calls if c.callee.rpartition(".")[2] in methods}


def _own_nodes(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack: list[Any] = [*reversed(body)]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is ast.Name:  # the most frequent kind holds nothing
            if type(node.ctx) is not ast.Load:
                found.append(node)
            continue
        if kind in _PASSED:
            continue
        if kind in _TELLING or (kind in _TARGETS and type(node.ctx) is not ast.Load):
            found.append(node)
        for name in last_first(kind):
            value = getattr(node, name)
            if type(value) is list:
                stack += value[::-1]
            else:
                stack.append(value)
    return found
