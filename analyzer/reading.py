"""Files to facts: the first pass over a repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .findings import Problem
from .rule import Rule
from .source.attributes import unread_attributes
from .source.collect import collect_facts
from .source.facts import FileFacts
from .source.parsed import Parsed
from .source.reader import Sources, Unreadable, decode, parse
from .source.syntax import Syntax
from .source.tokens import tokens_in

SUPPRESSION_MARK = b"mlfix:"
MODULE_MARK = b"Module"


@dataclass(frozen=True)
class Reading:
    """What one file gave: its facts, or the problem with it."""

    path: str
    facts: FileFacts | None
    problem: Problem | None = None


def read_file(sources: Sources, path: str, rules: Sequence[Rule], parsed: Parsed | None = None) -> Reading:
    """Read, decode, parse and walk one file.

    Args:
        sources: where to read.
        path: the file's relative path.
        rules: the active rules; the facts say which of them want the file.
        parsed: where to keep the trees of wanted files.

    Returns:
        The facts, or one problem. Never raises for a bad file.
    """
    try:
        data = sources.read(path)
        text = decode(path, data)
        tokens = tokens_in(data, triggers_of(tuple(rules)))
        lines = data.count(b"\n") + (1 if data and not data.endswith(b"\n") else 0)
        facts, syntax = collect_facts(parse(text), path, text.digest, lines, tokens, SUPPRESSION_MARK in data)
        unread = unread_attributes(text.text, facts.classes) if MODULE_MARK in data else ()
        facts = replace(facts, unread=unread) if unread else facts
        wanted_by = frozenset(rule.name for rule in rules if _is_wanted(rule, facts, syntax))
        if not wanted_by:
            return Reading(path, facts)
        if parsed is not None:
            parsed.keep(text, syntax, lines)
        return Reading(path, replace(facts, wanted_by=wanted_by))
    except Unreadable as error:
        return Reading(path, None, error.problem)
    except RecursionError:
        return Reading(path, None, Problem(path, "nests too deeply to be read: exclude it"))


@lru_cache(maxsize=8)
def triggers_of(rules: tuple[Rule, ...]) -> tuple[bytes, ...]:
    """The byte strings that some rules look for, each once."""
    return tuple(sorted({trigger for rule in rules for trigger in rule.triggers}))


def _is_wanted(rule: Rule, facts: FileFacts, syntax: Syntax) -> bool:
    """Whether a rule has any reason to look closely at a file."""
    is_triggered = not rule.triggers or not facts.tokens.isdisjoint(rule.triggers)
    return is_triggered and rule.wants(facts) and rule.screen(syntax, facts)


def read_files(sources: Sources, paths: Iterable[str], rules: Sequence[Rule]) -> list[Reading]:
    """Read a batch of files; the unit of work of a pool."""
    return [read_file(sources, path, rules) for path in paths]


def facts_by_path(readings: Iterable[Reading]) -> Mapping[str, FileFacts]:
    """The facts of the files that could be read, in order of path."""
    return {r.path: r.facts for r in sorted(readings, key=lambda r: r.path) if r.facts is not None}
