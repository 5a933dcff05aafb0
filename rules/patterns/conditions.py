"""``where``: what else must be true of the code that a hole holds."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ...analyzer.flow.values.construction import Constructions
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.patterns.matching import Match, named, target_of
from ...analyzer.patterns.syntax import Pattern
from ...analyzer.source.module import Module
from .tables import At

KINDS = ("is", "is-not", "made-by", "text", "without")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Condition:
    """One requirement: its kind, the hole, and the texts that it compares with (any of them is enough)."""

    hole: str
    kind: str
    values: tuple[str, ...]

    def holds(self, match: Match, module: Module, project: Project) -> bool:
        """Whether a match meets it."""
        if self.kind == "without":
            given = match.rests.get(self.hole, ())
            # What `**options` brings is not known, so it may be there.
            return not any(isinstance(n, ast.keyword) and (n.arg is None or n.arg in self.values) for n in given)
        held = match.holes.get(self.hole)
        if held is None:
            return False
        if self.kind == "text":
            text = held if isinstance(held, str) else " ".join(module.segment(held).split())
            return any(re.fullmatch(v, text) for v in self.values)
        is_named = isinstance(held, ast.AST) and any(named(project, module, held, v) for v in self.values)
        if self.kind == "is":
            return is_named
        if self.kind == "is-not":
            return not is_named
        return isinstance(held, ast.expr) and self._is_made(held, module, project)

    def _is_made(self, held: ast.expr, module: Module, project: Project) -> bool:
        classes = {target_of(project, v) for v in self.values}
        outside = frozenset(c for c in classes if isinstance(c, str))
        for known in Constructions(project.flow).evaluate(project.flow.operand(module, held)):
            of = known.what.of
            if of in classes or (isinstance(of, Symbol) and project.symbols.is_subclass(of, outside)):
                return True
        return False


def read_conditions(where: At, pattern: Pattern) -> tuple[Condition, ...]:
    """The conditions of an entry.

    Raises:
        BadPatternFile: a hole that the pattern does not have, or a condition that means nothing.
    """
    found: list[Condition] = []
    for hole, table in where.table("where").items():
        name = hole.removeprefix("$").removeprefix("...")
        if name not in pattern.holes | pattern.rests or name == "_":
            raise table.wrong(f"where: the pattern has no hole `${name}`")
        for kind, at in table.table(f"where: {name}", KINDS).items():
            if (kind == "without") != (name in pattern.rests):
                fits = "`without` is" if name in pattern.rests else "`is`, `is-not`, `made-by` and `text` are"
                raise at.wrong(f"where: {kind!r} says nothing about `${name}`: {fits} for such a hole")
            values = at.texts(kind)
            for value in values:
                _check(kind, value, at)
            found.append(Condition(name, kind, values))
    return tuple(found)


def _check(kind: str, value: str, at: At) -> None:
    if kind == "text":
        try:
            re.compile(value)
        except re.error as error:
            raise at.wrong(f"where: {value!r} is no regular expression ({error})") from None
    elif not _DOTTED.fullmatch(value):
        raise at.wrong(f"where: {value!r} is no name: write one such as torch.nn.Linear")
