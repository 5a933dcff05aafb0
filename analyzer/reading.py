"""Files to facts: the first pass over a repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .findings import Problem
from .source.attributes import unread_attributes
from .source.collect import collect_facts
from .source.facts import FileFacts
from .source.reader import Sources, Unreadable, decode, parse
from .source.tokens import tokens_in

SUPPRESSION_MARK = b"mlfix:"
MODULE_MARK = b"Module"


@dataclass(frozen=True)
class Reading:
    """What one file gave: its facts, or the problem with it."""

    path: str
    facts: FileFacts | None
    problem: Problem | None = None


def read_file(sources: Sources, path: str, triggers: Iterable[bytes]) -> Reading:
    """Read, decode, parse and walk one file.

    Args:
        sources: where to read.
        path: the file's relative path.
        triggers: byte strings whose presence the facts note.

    Returns:
        The facts, or one problem. Never raises for a bad file.
    """
    try:
        data = sources.read(path)
        text = decode(path, data)
        tokens = tokens_in(data, tuple(triggers))
        lines = data.count(b"\n") + (1 if data and not data.endswith(b"\n") else 0)
        facts = collect_facts(parse(text), path, text.digest, lines, tokens, SUPPRESSION_MARK in data)
        unread = unread_attributes(text.text, facts.classes) if MODULE_MARK in data else ()
        return Reading(path, replace(facts, unread=unread) if unread else facts)
    except Unreadable as error:
        return Reading(path, None, error.problem)
    except RecursionError:
        return Reading(path, None, Problem(path, "nests too deeply to be read: exclude it"))


def read_files(sources: Sources, paths: Iterable[str], triggers: Iterable[bytes]) -> list[Reading]:
    """Read a batch of files; the unit of work of a pool."""
    wanted = tuple(triggers)
    return [read_file(sources, path, wanted) for path in paths]


def facts_by_path(readings: Iterable[Reading]) -> Mapping[str, FileFacts]:
    """The facts of the files that could be read, in order of path."""
    return {r.path: r.facts for r in sorted(readings, key=lambda r: r.path) if r.facts is not None}
