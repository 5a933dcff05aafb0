"""Which byte strings a file holds: quick, since each file is asked for more than a hundred."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(rb"\w+")
_SEPARATORS = bytes(b if _WORD.fullmatch(bytes((b,))) or b > 127 else 32 for b in range(256))
"""Makes a space of every ASCII byte that is no part of a word."""
_MOST_WORDS = 200_000
_LONGEST_WORD = 100


def tokens_in(data: bytes, wanted: tuple[bytes, ...]) -> frozenset[bytes]:
    """The byte strings that stand in some text.

    They are looked for among its distinct words first, which are a tenth of it.

    Args:
        data: the text.
        wanted: the byte strings.
    """
    memory = _memory(wanted)
    parts = memory.parts_in(set(data.translate(_SEPARATORS).split()))
    candidates = [c for part in parts & memory.wanted.keys() for c in memory.wanted[part]]
    return frozenset([t for t, needed, is_word in candidates if is_word or (parts >= needed and t in data)])


class _Memory:
    """What the words of the files so far hold of the wanted strings: most words of a file stood in another before.

    Attributes:
        wanted: by its longest part, each byte string, all parts of it that words must hold, and whether it is one
            part and nothing else.
    """

    def __init__(self, wanted: tuple[bytes, ...]) -> None:
        parts = {token: _parts(token) for token in wanted}
        self.wanted: dict[bytes, list[tuple[bytes, frozenset[bytes], bool]]] = {}
        for token, needed in parts.items():
            longest = max(needed, key=len, default=b"")
            self.wanted.setdefault(longest, []).append((token, frozenset(needed), needed == [token]))
        self._distinct = {part for needed in parts.values() for part in needed}
        self._known: set[bytes] = set()
        self._holding: dict[bytes, list[bytes]] = {}

    def parts_in(self, words: set[bytes]) -> set[bytes]:
        """The parts that a file's words hold."""
        if len(self._known) > _MOST_WORDS:
            self._known, self._holding = set(), {}
        new = words - self._known
        found = self._look(new)
        parts = {b"", *(part for word in words & self._holding.keys() for part in self._holding[word])}
        parts.update(part for held in found.values() for part in held)
        # An encoded picture is a word too, and stands in no other file.
        self._known.update(word for word in new if len(word) <= _LONGEST_WORD)
        self._holding.update((word, held) for word, held in found.items() if len(word) <= _LONGEST_WORD)
        return parts

    def _look(self, words: Iterable[bytes]) -> dict[bytes, list[bytes]]:
        """The parts in each of some words, where there are any."""
        found: dict[bytes, list[bytes]] = {}
        text = b" \n ".join([b"", *words, b""])
        for part in self._distinct:
            at = text.find(part)
            while at >= 0:
                start, end = text.rindex(b"\n", 0, at) + 2, text.index(b"\n", at) - 1
                found.setdefault(text[start:end], []).append(part)
                at = text.find(part, end)
        return found


def _parts(token: bytes) -> list[bytes]:
    """The pieces of words in a byte string, with a space where the word surely begins or ends: `` argmax `` of
    ``.argmax(``, ``torch `` and `` amp`` of ``torch.amp``."""
    pieces = token.translate(_SEPARATORS).split(b" ")
    last = len(pieces) - 1
    return [(b" " if i else b"") + p + (b" " if i < last else b"") for i, p in enumerate(pieces) if p]


@lru_cache(maxsize=16)
def _memory(wanted: tuple[bytes, ...]) -> _Memory:
    return _Memory(wanted)
