"""YAML with line numbers, read without building any object: plain text, lists and tables alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

_LARGEST = 1_000_000
_SCALARS = "tag:yaml.org,2002:"
_PLAIN = frozenset(_SCALARS + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq"))


class BadPatternFile(Exception):
    """A file of patterns that cannot be used; the message names the file, the line and the remedy."""


@dataclass(frozen=True)
class At:
    """A place in a file of patterns.

    ``node`` is the YAML node there.
    """

    file: str
    node: yaml.Node

    @property
    def line(self) -> int:
        """The line, from 1."""
        return self.node.start_mark.line + 1

    def wrong(self, message: str) -> BadPatternFile:
        """The error for this place."""
        return BadPatternFile(f"{self.file}:{self.line}: {message}")

    def text(self, what: str) -> str:
        """A text, surrounding white space removed.

        Raises:
            BadPatternFile: it is something else, or empty.
        """
        if not isinstance(self.node, yaml.ScalarNode) or self._is_null:
            raise self.wrong(f"{what} must be a text")
        value = str(self.node.value)
        if not value.strip():
            raise self.wrong(f"{what} is empty: write it, or leave the key out")
        return value

    def texts(self, what: str) -> tuple[str, ...]:
        """A text, or a list of texts."""
        if isinstance(self.node, yaml.SequenceNode):
            return tuple(item.text(f"each of {what}") for item in self.items(what))
        return (self.text(what),)

    def items(self, what: str) -> list[At]:
        """The elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong(f"{what} must be a list (lines that begin with `- `)")
        return [self._inner(node) for node in self.node.value]

    def table(self, what: str, known: Sequence[str] | None = None) -> dict[str, At]:
        """The values of a table by key; ``known`` are the keys it may have."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"{what} must be a table of `key: value`")
        found: dict[str, At] = {}
        for key, value in self.node.value:
            name = self._inner(key).text("a key")
            if known is not None and name not in known:
                raise self._inner(key).wrong(f"unknown key {name!r} in {what}: {_remedy(name, known)}")
            if name in found:
                raise self._inner(key).wrong(f"the key {name!r} is given twice: keep one")
            found[name] = self._inner(value)
        return found

    def choice(self, what: str, values: Sequence[str]) -> str:
        """One of some texts."""
        given = self.text(what)
        if given not in values:
            raise self.wrong(f"{what} is {given!r}, and must be one of {', '.join(values)}")
        return given

    @property
    def is_table(self) -> bool:
        """Whether it is a table."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def _is_null(self) -> bool:
        return self.node.tag == _SCALARS + "null"

    def _inner(self, node: yaml.Node) -> At:
        inner = At(self.file, node)
        if node.tag not in _PLAIN:
            tag = node.tag.replace(_SCALARS, "!!")
            raise inner.wrong(f"the tag {tag} is not read: remove it; only texts, lists and tables mean something here")
        return inner


def read_table(path: Path, shown: str) -> At | None:
    """The root of a YAML file; None where the file is empty.

    Args:
        path: the file.
        shown: its name for messages.

    Raises:
        BadPatternFile: it cannot be read, is too large, or is no YAML.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise BadPatternFile(f"{shown}:1: is larger than {_LARGEST} bytes: split it")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadPatternFile(f"{shown}:1: cannot be read ({error.strerror}): correct the name under `rules`") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadPatternFile(f"{shown}:{line}: is no UTF-8 text: save it as UTF-8") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        said = " ".join(filter(None, (error.context, error.problem)))
        raise BadPatternFile(
            f"{shown}:{line}: is no valid YAML ({said}): put texts with `:` or `#` in quotes"
        ) from None
    except yaml.YAMLError as error:
        line = text[: getattr(error, "position", 0)].count("\n") + 1
        raise BadPatternFile(f"{shown}:{line}: holds a character that YAML does not allow: remove it") from None
    except RecursionError:
        raise BadPatternFile(f"{shown}:1: nests too deeply: rules need four levels") from None
    return At(shown, yaml.SequenceNode("tag:yaml.org,2002:seq", [root]))._inner(root) if root is not None else None


def _remedy(name: str, known: Sequence[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
