"""JSON with places: the values and keys of a document and the offsets between which each is written.

``json`` gives the meaning but no positions. This reader takes what ``json`` takes, and comments besides
(``//``, ``/* */``), which some programs' configurations have.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from .text import Source

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_WORD = re.compile(r"-?Infinity|NaN|true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DEEPEST = 60
_MOST_NODES = 400_000


class BadJson(Exception):
    """A text that is no JSON; carries the line (0 if unknown)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class Node:
    """A value with its span. ``pairs`` are an object's keys with their spans and values, ``items`` an array's."""

    span: tuple[int, int]
    value: bool | int | float | str | None = None
    pairs: list[tuple[str, tuple[int, int], Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    kind: str = "scalar"


def parse(source: Source) -> Node:
    """Read a JSON document.

    Raises:
        BadJson: the text is none, or it is too deep or too large.
    """
    reader = _Reader(source.text)
    try:
        reader.blank()
        node = reader.value(0)
        reader.blank()
        if reader.pos < len(source.text):
            raise ValueError("more text after the value")
        return node
    except (ValueError, IndexError, RecursionError) as error:
        line = source.position(min(reader.pos, len(source.text)))[0]
        raise BadJson(f"is no valid JSON ({' '.join(str(error).split())[:120]}): mend it", line) from None


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.count = 0

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.pos)
        if match:
            self.pos = match.end()

    def value(self, depth: int) -> Node:
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_NODES:
            raise ValueError("nested too deeply or too large")
        opening = self.text[self.pos]
        if opening == "{":
            return self._object(depth)
        if opening == "[":
            return self._array(depth)
        match = (_STRING if opening == '"' else _WORD).match(self.text, self.pos)
        if match is None:
            raise ValueError("a value that cannot be read")
        self.pos = match.end()
        return Node(match.span(), json.loads(match[0], strict=False))

    def _object(self, depth: int) -> Node:
        node = Node((self.pos, self.pos), kind="mapping")
        self.pos += 1
        while not self._closes("}"):
            match = _STRING.match(self.text, self.pos)
            if match is None:
                raise ValueError("a key that cannot be read")
            self.pos = match.end()
            self.blank()
            if self.text[self.pos] != ":":
                raise ValueError("no `:` after a key")
            self.pos += 1
            self.blank()
            node.pairs.append((json.loads(match[0], strict=False), match.span(), self.value(depth + 1)))
            self._comma("}")
        return node

    def _array(self, depth: int) -> Node:
        node = Node((self.pos, self.pos), kind="sequence")
        self.pos += 1
        while not self._closes("]"):
            node.items.append(self.value(depth + 1))
            self._comma("]")
        return node

    def _closes(self, bracket: str) -> bool:
        self.blank()
        if self.text[self.pos] != bracket:
            return False
        self.pos += 1
        return True

    def _comma(self, bracket: str) -> None:
        self.blank()
        if self.text[self.pos] == ",":
            self.pos += 1
        elif self.text[self.pos] != bracket:
            raise ValueError(f"no `,` or `{bracket}` after a value")
