"""A choice whose numbers or size say one model, and that builds its sibling."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._architecture_names import read_name
from ._choices import LOADERS, Choice, choices_of, name_of
from ._models import builds_model


@dataclass(frozen=True, eq=False)
class Contradiction:
    """A choice and the builder that it should not have. ``right`` is the name of a builder that fits, if any.

    ``agreeing`` counts the other choices of the same table that build what they say.
    """

    choice: Choice
    builder: ast.expr
    right: str
    right_place: tuple[str, int] | None
    agreeing: int


def may_contradict(facts: FileFacts) -> bool:
    """Whether a file holds two siblings of one family: one as a string, the other as a name (or as a string, where
    it asks a library for models by name).
    """
    texts = _siblings(w for w in facts.words if w not in facts.exports)
    if not texts:
        return False
    called = {c.callee.rpartition(".")[2] for c in facts.calls}
    names = {*called, *facts.constants, *(i.local for i in facts.imports), *(n.rpartition(".")[2] for n in facts.names)}
    builders = _siblings({*names, *facts.words} if called & LOADERS else names)
    return any(f in builders and any(b != t for b in builders[f] for t in texts[f]) for f in texts)


def _siblings(names: Iterable[str]) -> dict[str, set[tuple[object, ...]]]:
    """Numbers and sizes by family, of the names that have any."""
    found: dict[str, set[tuple[object, ...]]] = {}
    for text in names:
        if any(ch.isdigit() or ch == "_" for ch in text):
            name = read_name(text)
            if name.is_family and (name.numbers or name.sizes):
                found.setdefault(name.family, set()).add((name.numbers, name.sizes))
    return found


def contradictions(module: Module, project: Project) -> Iterator[Contradiction]:
    """Choices that contradict what they build, where that is no habit of their table."""
    tables: dict[int, list[Choice]] = defaultdict(list)
    for choice in choices_of(module):
        tables[choice.table].append(choice)
    for table in tables.values():
        wrong = [(c, b) for c in table if (b := _contradicting(c)) is not None and _makes_model(module, project, b)]
        agreeing = sum(1 for c in table if _agreeing(c))
        for choice, builder in wrong:
            right, place = _fitting(module, project, choice, builder)
            if right or agreeing > len(wrong):
                yield Contradiction(choice, builder, right, place, agreeing)


def _contradicting(choice: Choice) -> ast.expr | None:
    """The builder that contradicts every text of a choice, None where any builder fits or none is a sibling."""
    texts = [read_name(t) for t in choice.texts]
    if _agreeing(choice):
        return None
    for builder in choice.builders:
        name = read_name(name_of(builder))
        if all(name.contradicts(t) for t in texts):
            return builder
    return None


def _agreeing(choice: Choice) -> bool:
    texts = [read_name(t) for t in choice.texts]
    return any(read_name(name_of(b)).agrees(t) for b in choice.builders for t in texts)


def _makes_model(module: Module, project: Project, builder: ast.expr) -> bool:
    return isinstance(builder, ast.Constant) or builds_model(project, project.resolve(module, builder))


def _fitting(module: Module, project: Project, choice: Choice, builder: ast.expr) -> tuple[str, tuple[str, int] | None]:
    """The project's builder that the choice names, seen in this file or beside the one that it picks."""
    wanted = [read_name(t) for t in choice.texts]
    picked = project.resolve(module, builder) if not isinstance(builder, ast.Constant) else None
    beside = picked.path if isinstance(picked, Symbol) else module.path
    for path in dict.fromkeys((module.path, beside)):
        for name in _top_names(project.files[path]):
            if not (any(read_name(name).agrees(w) for w in wanted) and _alike(name, name_of(builder))):
                continue
            symbol = project.symbols.local(path, name)
            if builds_model(project, symbol):
                return name, _definition(project, symbol)
    return "", None


def _definition(project: Project, symbol: Symbol | str | None) -> tuple[str, int] | None:
    if not isinstance(symbol, Symbol):
        return None
    facts = project.symbols.klass(symbol) or project.symbols.function(symbol)
    return (symbol.path, facts.line) if facts is not None else None


def _alike(one: str, other: str) -> bool:
    """Both classes or both functions, as far as their spelling says."""
    return one[:1].isupper() == other[:1].isupper()


def _top_names(facts: FileFacts) -> list[str]:
    defined = [d.qualname for d in (*facts.functions, *facts.classes) if "." not in d.qualname]
    return [*defined, *(i.local for i in facts.imports if not i.scope)]
