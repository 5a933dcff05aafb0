"""Where the keys and values of a TOML document are written.

`tomllib` gives the meaning but no positions. This walk over a text that `tomllib` has already accepted finds the
literals; each is used only if it reads back as the value that `tomllib` found at the same place.
"""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .text import Piece, Source

Key = tuple["str | int", ...]
"""The way to a value: table keys and array indices."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_OTHER = re.compile(r"[^,\]}\n#]+")


class BadToml(Exception):
    """A text that is no TOML; carries the line (0 if unknown)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Document:
    """A TOML document with the places of its values and keys; collections have no place."""

    source: Source
    data: dict[str, Any]
    spans: dict[Key, tuple[int, int]]
    keys: dict[Key, tuple[int, int]]

    def string(self, key: Key) -> Piece | None:
        """The string at a key as it stands in the file, or None where there is no string.

        A string whose place could not be found for certain points at the file's first character.
        """
        value: Any = self.data
        for step in key:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        if not isinstance(value, str):
            return None
        start, end = self.spans.get(key, (0, 0))
        if start == end or _value(self.source.text[start:end]) != value:
            return Piece(value, [0] * len(value))
        return self.source.literal(value, start, end)


def parse(source: Source) -> Document:
    """Read a TOML document.

    Raises:
        BadToml: the text is none, or nests too deeply.
    """
    toml = _library()
    text = source.text
    try:
        data = toml.loads(text)
        spans, keys = _spans(text)
    except RecursionError:
        raise BadToml("nests too deeply: flatten or exclude it") from None
    except ValueError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise BadToml(f"is no valid TOML ({error}): mend it", line) from None
    return Document(source, data, spans, keys)


def _spans(text: str) -> tuple[dict[Key, tuple[int, int]], dict[Key, tuple[int, int]]]:
    try:
        walk = _Walk(text.replace("\r\n", " \n"))
        return walk.document(), walk.keys
    except (ValueError, IndexError):
        # The meaning stands without places: what is read then points at the file and cannot be edited.
        return {}, {}


def _library() -> ModuleType:
    # The same parser under two names: it joined the standard library in Python 3.11.
    return importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def _value(literal: str) -> str | None:
    try:
        return _library().loads(f"v={literal}")["v"]
    except ValueError:
        return None


class _Walk:
    """A walk over valid TOML that notes each value's span by its key. CRLF must have been made equally long LF."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.spans: dict[Key, tuple[int, int]] = {}
        self.keys: dict[Key, tuple[int, int]] = {}
        self.array_lengths: dict[Key, int] = {}
        self.parts: list[tuple[int, int]] = []

    def document(self) -> dict[Key, tuple[int, int]]:
        table: Key = ()
        self._blank()
        while self.pos < len(self.text):
            if self.text.startswith("[", self.pos):
                table = self._header()
            else:
                self._pair(table)
            self._blank()
        return self.spans

    def _header(self) -> Key:
        array = self.text.startswith("[[", self.pos)
        self.pos += 2 if array else 1
        path: Key = ()
        keys = self._key()
        for index, key in enumerate(keys):
            path = (*path, key)
            self.keys.setdefault(path, self.parts[index])
            if array and index == len(keys) - 1:
                self.array_lengths[path] = self.array_lengths.get(path, 0) + 1
            if path in self.array_lengths:
                path = (*path, self.array_lengths[path] - 1)
        self.pos += 2 if array else 1
        return path

    def _pair(self, table: Key) -> None:
        key = self._key()
        for number, place in enumerate(self.parts, 1):
            self.keys.setdefault((*table, *key[:number]), place)
        self._expect("=")
        self._space()
        self._read_value((*table, *key))

    def _key(self) -> list[str]:
        parts: list[str] = []
        self.parts = []
        while True:
            self._space()
            match = (_BARE_KEY.match if self.text[self.pos] not in "\"'" else self._quoted_match)(self.text, self.pos)
            if match is None:
                raise ValueError("a key that cannot be followed")
            self.pos = match.end()
            self.parts.append(match.span())
            parts.append(match[0] if match[0][0] not in "\"'" else _value(match[0]) or "")
            self._space()
            if not self.text.startswith(".", self.pos):
                return parts
            self.pos += 1

    def _quoted_match(self, text: str, pos: int) -> re.Match[str] | None:
        return (_BASIC if text[pos] == '"' else _LITERAL).match(text, pos)

    def _read_value(self, key: Key) -> None:
        start, opening = self.pos, self.text[self.pos]
        if opening in "\"'":
            self._skip_string(opening)
            self.spans[key] = (start, self.pos)
        elif opening == "[":
            self._array(key)
        elif opening == "{":
            self._inline_table(key)
        else:
            match = _OTHER.match(self.text, self.pos)
            self.pos = match.end() if match else self.pos + 1
            self.spans[key] = (start, start + len(self.text[start : self.pos].rstrip()))

    def _skip_string(self, quote: str) -> None:
        if self.text.startswith(quote * 3, self.pos):
            end = self.text.find(quote * 3, self.pos + 3)
            while quote == '"' and end > 0 and self._escaped(end):
                end = self.text.find(quote * 3, end + 1)
            if end < 0:
                raise ValueError("a string without an end")
            # Up to two quotes may stand before the closing three.
            while self.text.startswith(quote, end + 3):
                end += 1
            self.pos = end + 3
            return
        match = self._quoted_match(self.text, self.pos)
        if match is None:
            raise ValueError("a string without an end")
        self.pos = match.end()

    def _escaped(self, offset: int) -> bool:
        before = offset
        while self.text[before - 1] == "\\":
            before -= 1
        return (offset - before) % 2 == 1

    def _array(self, key: Key) -> None:
        self.pos += 1
        index = 0
        while True:
            self._blank()
            if self.text.startswith("]", self.pos):
                self.pos += 1
                return
            self._read_value((*key, index))
            index += 1
            self._blank()
            if self.text.startswith(",", self.pos):
                self.pos += 1
            elif not self.text.startswith("]", self.pos):
                raise ValueError("an array that cannot be followed")

    def _inline_table(self, key: Key) -> None:
        self.pos += 1
        while True:
            self._blank()
            if self.text.startswith("}", self.pos):
                self.pos += 1
                return
            self._pair(key)
            self._blank()
            if self.text.startswith(",", self.pos):
                self.pos += 1
            elif not self.text.startswith("}", self.pos):
                raise ValueError("a table that cannot be followed")

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.pos)
        if match:
            self.pos = match.end()

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.pos)
        if match:
            self.pos = match.end()

    def _expect(self, character: str) -> None:
        if not self.text.startswith(character, self.pos):
            raise ValueError(f"no `{character}` where one is needed")
        self.pos += 1
