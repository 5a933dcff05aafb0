"""Whether a file may hold a floor that does not hold, by its syntax: most files have no number that is small enough."""

from __future__ import annotations

import ast

from ...source.facts import FileFacts
from ...source.syntax import Syntax
from .places import CLAMPS, LOGARITHMS, ROOTS
from .weak import HALF_LOST, rounds_to_one

_SCALAR_MODULES = frozenset({"math", "numpy"})


def may_have_weak_floor(syntax: Syntax, facts: FileFacts) -> bool:
    """Whether a file has a logarithm, a root of a clamped value, or a floor that some type may lose."""
    has_root = not facts.called.isdisjoint(ROOTS) and not facts.called.isdisjoint(CLAMPS)
    if has_root or (not facts.called.isdisjoint(LOGARITHMS) and _takes_logarithm(facts)):
        return True
    return any(0 < n <= HALF_LOST or (n < 1 and rounds_to_one(n)) for n in syntax.numbers) or _takes_numbers(
        syntax, facts
    )


def _takes_logarithm(facts: FileFacts) -> bool:
    """Whether a logarithm is taken of anything but a plain number."""
    return any(
        call.callee.rpartition(".")[2] in LOGARITHMS and call.callee.partition(".")[0] not in _SCALAR_MODULES
        for call in facts.calls
    )


def _takes_numbers(syntax: Syntax, facts: FileFacts) -> bool:
    """Whether a name of another file's is added or clamped to: an imported one, or what a base class sets."""
    known = _SCALAR_MODULES | {"torch"}
    imported = {i.local for i in facts.imports if i.target.partition(".")[0] not in known}
    sides = [s for n in syntax.operations if isinstance(n.op, (ast.Add, ast.Sub)) for s in (n.left, n.right)]
    for call in syntax.calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        sides += [*call.args, *(k.value for k in call.keywords)] if name in CLAMPS else []
    return any(
        _root(side) in imported
        or (isinstance(side, ast.Attribute) and _root(side) == "self" and side.attr not in facts.attributes)
        for side in sides
    )


def _root(node: ast.expr) -> str:
    """The name at the start of a chain of attributes, "" where it starts otherwise."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
