"""A choice whose numbers or size say one model, and that builds its sibling."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.reader import Unreadable
from ._architecture_names import read_name
from ._choices import LOADERS, Choice, choices_of, name_of
from ._models import builds_model

_SAYS_NOTHING = re.compile(
    r"^(?:get|build|make|create|load|init|new|my)_|(?<=_)(?:tiny|small|base|large|huge|giant|nano|medium|xlarge|xl|[tsblhgnm])"
    r"(?![a-z])|[\d_.-]+"
)
_KEY = re.compile(r"""["']([\w.-]+)["']\s*(:|==)""")
# Each starts with letters of its own, which the engine finds fast; one pattern for all is ten times slower.
_COMPARED = [re.compile(start + r"""["']([\w.-]+)["']""") for start in (r"==\s*", r"case\s+", r" in\s*[(\[{]\s*")]
_NAME = re.compile(r"[A-Za-z_]\w*")
_LONGEST_VALUE = 400


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


def may_contradict(project: Project, facts: FileFacts) -> bool:
    """Whether a file is worth a close look: it holds two siblings of one family, one as a string and the other as a
    name (or as a string, where it asks a library for models by name), and a table or comparison brings them together.
    """
    called = facts.called
    # What a decorator registers is picked by the registered name, and named here by its definition alone.
    registered = {f.qualname for f in facts.functions if any("regist" in d for d in f.decorators)}
    names = {*facts.constants} - registered
    names.update(called, (i.local for i in facts.imports), (n.rpartition(".")[2] for n in facts.names))
    if called & LOADERS:
        names |= facts.words
    words = [w for w in facts.words if not w.isalpha()]
    names = [n for n in names if not n.isalpha()]
    shared = {*map(_roughly, words)}.intersection(map(_roughly, names))
    families: dict[str, list[str]] = defaultdict(list)
    for word in words if shared else ():
        families[_roughly(word)].append(word)
    alike = ((read_name(n), read_name(w)) for n in names if shared for w in families.get(_roughly(n), ()) if w != n)
    return any(name.contradicts(word) for name, word in alike) and _may_pick(project, facts.path)


def _may_pick(project: Project, path: str) -> bool:
    """The same question to the file's text: cheaper than its tree, and only ever wrong in saying yes."""
    try:
        text = project.sources.read(path).decode("latin-1")
    except Unreadable:
        return False
    keys = [k for k in _KEY.finditer(text) if not k[1].isalpha()]
    ends = [*(k.start() for k in keys[1:]), len(text)]
    for key, end in zip(keys, ends, strict=bool(keys)):
        value = text[key.end() : min(end, key.end() + _LONGEST_VALUE)]
        if _has_sibling(key[1], _NAME.findall(value)):
            return True
    # A choice between several strings contradicts each of them: the first one is enough.
    compared = [k[1] for k in keys if k[2] == "=="]
    compared += [said for pattern in _COMPARED for said in pattern.findall(text) if not said.isalpha()]
    compared = [said for said in dict.fromkeys(compared) if read_name(said).varies]
    names = {*_NAME.findall(text)} if compared else ()
    return any(_has_sibling(said, names) for said in compared)


def _has_sibling(said: str, names: Iterable[str]) -> bool:
    """Whether some names name another model of the family. Read are only those that may be of it: it is dear."""
    family = _roughly(said)
    alike = [n for n in names if not n.isalpha() and _roughly(n) == family and n != said]
    return any(read_name(n).contradicts(read_name(said)) for n in alike)


@lru_cache(maxsize=20_000)
def _roughly(name: str) -> str:
    """A family by one substitution: equal for all that :func:`read_name` gives one family, and for some more."""
    return _SAYS_NOTHING.sub("", name.lower())


def contradictions(module: Module, project: Project) -> Iterator[Contradiction]:
    """Choices that contradict what they build, where that is no habit of their table."""
    tables: dict[int, list[Choice]] = defaultdict(list)
    for choice in choices_of(module):
        tables[choice.table].append(choice)
    for table in tables.values():
        table = _reachable(table)
        wrong = [(c, b) for c in table if (b := _contradicting(c)) is not None and _makes_model(module, project, b)]
        agreeing = sum(1 for c in table if _agreeing(c))
        for choice, builder in wrong:
            right, place = _fitting(module, project, choice, builder)
            if right or agreeing > len(wrong):
                yield Contradiction(choice, builder, right, place, agreeing)


def _reachable(table: list[Choice]) -> list[Choice]:
    """The choices of a chain that can be taken: an earlier comparison with the same text comes first."""
    taken: set[str] = set()
    found: list[Choice] = []
    for choice in table:
        is_entry = isinstance(choice.key, ast.Constant)  # of a dictionary, whose last one counts
        if is_entry or not taken.issuperset(choice.texts):
            found.append(choice)
        taken.update(choice.texts)
    return found


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
