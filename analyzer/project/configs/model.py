"""A configuration file as a tree of entries, each with its exact place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...findings import Location

Scalar = bool | int | float | str | None
Key = tuple["str | int", ...]
"""The way to an entry: keys of mappings, positions in sequences."""

_REFERENCE = re.compile(r"\$\{\.{0,4}([\w.-]+)\}")
_FURTHEST = 8


@dataclass(eq=False)
class Entry:
    """One value of a configuration file.

    Attributes:
        key: the way to it from the file's top.
        at: where the value is written, with its quotes; of a collection, where it begins.
        key_at: where its key is written; the value's own place for a sequence's item and for the top.
        text: a scalar as written, with its quotes; "" for a collection.
        kind: ``scalar``, ``mapping`` or ``sequence``.
        value: a scalar's value; ``1e-4`` is a number here although PyYAML alone reads a text.
        children: what a collection holds, as written.
        editable: whether ``text`` stands at ``at`` and may be replaced by another scalar.
        target: the entry that an alias (``*name``) stands for.
        merged: what ``<<`` brings in.
    """

    key: Key
    at: Location
    key_at: Location
    text: str = ""
    kind: str = "scalar"
    value: Scalar = None
    children: list[Entry] = field(default_factory=list)
    editable: bool = False
    target: Entry | None = None
    merged: list[Entry] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The key as one word: ``optimizer.lr``."""
        return ".".join(str(part) for part in self.key)

    @property
    def followed(self) -> Entry:
        """What an alias stands for; the entry itself where it is none."""
        entry = self
        for _ in range(_FURTHEST):
            if entry.target is None:
                break
            entry = entry.target
        return entry

    def get(self, *names: str | int) -> Entry | None:
        """The entry under some keys, aliases and merges followed; None where there is none."""
        entry: Entry | None = self
        for name in names:
            entry = entry._child(name) if entry is not None else None
        return entry.followed if entry is not None else None

    def _child(self, name: str | int) -> Entry | None:
        """The entry under a key, own or merged; of a key that is written twice, the last, as programs read it."""
        waiting, seen = [self], set[int]()
        while waiting:
            own = waiting.pop().followed
            if id(own) in seen:  # merges that bring in the same again and again cost no more than one
                continue
            seen.add(id(own))
            for child in reversed(own.children):
                if child.key and child.key[-1] == name:
                    return child
            waiting += own.merged[::-1]
        return None

    def names(self) -> list[str]:
        """A mapping's own keys, without what it merges."""
        return [str(child.key[-1]) for child in self.followed.children if child.key]

    def walk(self) -> Iterator[Entry]:
        """The entry and everything written below it, in order; aliases are not entered."""
        stack = [self]
        while stack:
            entry = stack.pop()
            yield entry
            stack += entry.children[::-1]


@dataclass(frozen=True, eq=False)
class ConfigFile:
    """A configuration file that was read: ``form`` is ``yaml``, ``json`` or ``toml``."""

    path: str
    form: str
    text: str
    root: Entry

    def get(self, *names: str | int) -> Entry | None:
        """The entry under some keys; an interpolation (``${optim.lr}``) leads to what it names."""
        found = self.root.get(*names)
        for _ in range(_FURTHEST):
            match = _REFERENCE.fullmatch(found.value) if found is not None and isinstance(found.value, str) else None
            if found is None or match is None:
                return found
            found = self.root.get(*match[1].split(".")) or self.root.get(*found.key[:-1], *match[1].split("."))
        return found

    def entries(self) -> Iterator[Entry]:
        """Every entry below the top, in the order in which it is written."""
        for child in self.root.children:
            yield from child.walk()
