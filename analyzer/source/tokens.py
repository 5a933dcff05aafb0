"""Which byte strings a file holds: quick, since each file is asked for more than a hundred."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(rb"\w+")
_SEPARATORS = bytes(b if _WORD.fullmatch(bytes((b,))) or b > 127 else 32 for b in range(256))
"""Makes a space of every ASCII byte that is no part of a word."""


def tokens_in(data: bytes, wanted: tuple[bytes, ...]) -> frozenset[bytes]:
    """The byte strings that stand in some text.

    They are looked for among its distinct words first, which are a tenth of it.

    Args:
        data: the text.
        wanted: the byte strings.
    """
    words = b" ".join(set(data.translate(_SEPARATORS).split()))
    return frozenset([t for t, word in _with_words(wanted) if word in words and (word is t or t in data)])


@lru_cache(maxsize=16)
def _with_words(wanted: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Each byte string with the longest word in it: the string itself where it is one."""
    found: list[tuple[bytes, bytes]] = []
    for token in wanted:
        word = max(_WORD.findall(token), key=len, default=b"")
        found.append((token, token if word == token else word))
    return tuple(found)
