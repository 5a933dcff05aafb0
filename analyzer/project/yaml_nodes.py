"""YAML as plain nodes with places: no tag is constructed, no alias expanded, depth and size are bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .text import Piece, Source

DEEPEST = 60
_MOST_NODES = 400_000
_TOO_MUCH = "is nested too deeply or too large to be read: exclude it"
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]+)+")


class BadYaml(Exception):
    """A text that is no YAML; carries the line (0 if unknown)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class Node:
    """A scalar (`piece`), or a collection (`children`: items, or keys and values in turn); an alias is empty.

    Attributes:
        piece: a scalar's value with its places.
        is_mapping: whether the children are keys and values.
        children: what a collection holds.
        span: the offsets of a scalar as written, with its quotes; of a collection, its first character twice.
        is_plain: whether a scalar has no quotes, so that its type follows from its text.
        anchor: the name that `&name` gives it.
        alias: the name that `*name` points at.
        tag: the tag written before it (`!!float`).
    """

    piece: Piece | None = None
    is_mapping: bool = False
    children: list[Node] = field(default_factory=list)
    span: tuple[int, int] = (0, 0)
    is_plain: bool = False
    anchor: str = ""
    alias: str = ""
    tag: str = ""

    @property
    def text(self) -> str | None:
        """A scalar's value."""
        return None if self.piece is None else self.piece.text

    @property
    def items(self) -> list[Node]:
        """A sequence's items."""
        return [] if self.is_mapping else self.children

    def get(self, key: str) -> Node:
        """The value under a key of a mapping; an empty node where there is none."""
        pairs = zip(self.children[::2], self.children[1::2], strict=False) if self.is_mapping else ()
        return next((value for name, value in pairs if name.text == key), Node())


def parse(source: Source) -> Node:
    """The first document of a YAML file.

    Raises:
        BadYaml: the text is none, or it is too deep or too large.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _build(source, yaml.parse(source.text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        if "nesting depth" in str(error.problem):  # libyaml has a limit of its own
            raise BadYaml(_TOO_MUCH, line) from None
        raise BadYaml(f"is no valid YAML ({error.problem or error.context}): mend it", line) from None
    except yaml.reader.ReaderError as error:
        line = source.text.encode(errors="replace")[: error.position].count(b"\n") + 1
        raise BadYaml(f"is no valid YAML ({error.reason}): mend it", line) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadYaml(f"is no valid YAML ({' '.join(str(error).split())[:120]}): mend it") from None


def _build(source: Source, events: Iterable[Any]) -> Node:
    """Nodes from parser events, without recursion."""
    import yaml

    top = Node()
    stack = [top]
    for count, event in enumerate(events):
        first: Any = event.start_mark
        last: Any = event.end_mark
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            if len(stack) > DEEPEST or count > _MOST_NODES:
                raise BadYaml(_TOO_MUCH, first.line + 1)
            node = Node(is_mapping=isinstance(event, yaml.MappingStartEvent), span=(first.index, first.index))
            node.tag = getattr(event, "tag", None) or ""
            name = event.anchor or ""
            if isinstance(event, yaml.AliasEvent):
                node.alias = name
            else:
                node.anchor = name
            stack[-1].children.append(node)
            if isinstance(event, yaml.ScalarEvent):
                # The event begins at the scalar's anchor and tag.
                before = _PROPERTIES.match(source.text, first.index, last.index) if name or node.tag else None
                start = before.end() if before is not None else first.index
                node.piece = source.literal(event.value, start, last.index)
                node.span = (start, last.index)
                node.is_plain = event.implicit[0]
            elif isinstance(event, yaml.CollectionStartEvent):
                stack.append(node)
    return top.children[0] if top.children else Node()
