"""YAML as plain nodes with places: no tag is constructed, no alias expanded, depth and size are bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .source import Piece, Reading, Source

_DEEPEST = 60
_MOST_NODES = 400_000


class BadYaml(Exception):
    """A text that is no YAML; carries the line (0 if unknown)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class Node:
    """A scalar (`piece`), or a collection (`children`: items, or keys and values in turn); an alias is empty."""

    piece: Piece | None = None
    is_mapping: bool = False
    children: list[Node] = field(default_factory=list)

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


def document(reading: Reading) -> Node | None:
    """The file's first YAML document, or None with the problem taken down."""
    try:
        return parse(reading.source)
    except BadYaml as error:
        reading.problem_at(error.line, str(error))
        return None


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
        raise BadYaml(f"is no valid YAML ({error.problem or error.context}): mend it", line) from None
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
            if len(stack) > _DEEPEST or count > _MOST_NODES:
                raise BadYaml("is nested too deeply or too large to be read: exclude it", first.line + 1)
            node = Node(is_mapping=isinstance(event, yaml.MappingStartEvent))
            stack[-1].children.append(node)
            if isinstance(event, yaml.ScalarEvent):
                node.piece = source.literal(event.value, first.index, last.index)
            elif isinstance(event, yaml.CollectionStartEvent):
                stack.append(node)
    return top.children[0] if top.children else Node()
