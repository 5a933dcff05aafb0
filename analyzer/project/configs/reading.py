"""YAML, JSON and TOML texts to trees of entries."""

from __future__ import annotations

import re

from ...findings import Location
from .. import json_spans, toml_spans, yaml_nodes
from ..text import Source
from .model import ConfigFile, Entry, Key, Scalar

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][\d_]*)")
_FLOAT = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, ".inf": float("inf"), "-.inf": float("-inf")}
_TRUE, _FALSE = {"true", "yes", "on"}, {"false", "no", "off"}
FORMS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


class BadConfig(Exception):
    """A text that is not of its format; carries the line (0 if unknown)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def form_of(path: str) -> str:
    """``yaml``, ``json`` or ``toml`` by a file's ending; "" for others."""
    return FORMS.get("." + path.rpartition(".")[2].lower(), "")


def read(path: str, text: str) -> ConfigFile:
    """Read a configuration file by its ending.

    Raises:
        BadConfig: its text is no YAML, JSON or TOML, or the ending is none of theirs.
    """
    form = form_of(path)
    source = Source(path, text)
    try:
        if form == "yaml":
            return ConfigFile(path, form, text, _Yaml(source).entry(yaml_nodes.parse(source), (), None))
        if form == "json":
            return ConfigFile(path, form, text, _of_json(source, json_spans.parse(source), (), None))
        if form == "toml":
            document = toml_spans.parse(source)
            return ConfigFile(path, form, text, _of_toml(document, document.data, ()))
    except (yaml_nodes.BadYaml, json_spans.BadJson, toml_spans.BadToml) as error:
        raise BadConfig(str(error), error.line) from None
    except RecursionError:
        raise BadConfig("is nested too deeply to be read: exclude it") from None
    raise BadConfig("is no YAML, JSON or TOML by its name")


def plain_value(text: str) -> Scalar:
    """What an unquoted YAML scalar means."""
    lower = text.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    if lower in _TRUE or lower in _FALSE:
        return lower in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def place(source: Source, span: tuple[int, int]) -> Location:
    """A span of offsets as a location."""
    return Location(source.path, *source.position(span[0]), *source.position(span[1]))


class _Yaml:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, Entry] = {}

    def entry(self, node: yaml_nodes.Node, key: Key, key_span: tuple[int, int] | None) -> Entry:
        """A node, and all below it, as entries."""
        at = place(self.source, node.span)
        entry = Entry(key, at, at if key_span is None else place(self.source, key_span))
        if node.anchor:
            self.anchors[node.anchor] = entry
        if node.alias:
            # An anchor stands before its aliases; one that holds its own alias is not followed.
            entry.target = self.anchors.get(node.alias)
        elif node.piece is not None:
            entry.text = self.source.text[node.span[0] : node.span[1]]
            entry.value = plain_value(node.piece.text) if node.is_plain and not node.tag else node.piece.text
            if node.tag.endswith((":float", ":int")):
                entry.value = plain_value(node.piece.text)
            entry.editable = bool(entry.text) and at.line == at.end_line and entry.text[0] not in "|>"
        elif node.is_mapping:
            entry.kind = "mapping"
            for name, value in zip(node.children[::2], node.children[1::2], strict=False):
                self._pair(entry, name, value)
        else:
            entry.kind = "sequence"
            entry.children = [self.entry(child, (*key, n), None) for n, child in enumerate(node.children)]
        return entry

    def _pair(self, entry: Entry, name: yaml_nodes.Node, value: yaml_nodes.Node) -> None:
        if name.text == "<<" and name.is_plain:
            brought = self.entry(value, (*entry.key, "<<"), name.span)
            entry.merged += brought.children if brought.kind == "sequence" else [brought]
        elif name.text is not None:
            known: str | int = name.text
            entry.children.append(self.entry(value, (*entry.key, known), name.span))


def _of_json(source: Source, node: json_spans.Node, key: Key, key_span: tuple[int, int] | None) -> Entry:
    at = place(source, node.span)
    entry = Entry(key, at, at if key_span is None else place(source, key_span), kind=node.kind, value=node.value)
    if node.kind == "scalar":
        entry.text = source.text[node.span[0] : node.span[1]]
        entry.editable = True
    entry.children = [_of_json(source, value, (*key, name), span) for name, span, value in node.pairs]
    entry.children += [_of_json(source, item, (*key, n), None) for n, item in enumerate(node.items)]
    return entry


def _of_toml(document: toml_spans.Document, value: object, key: Key) -> Entry:
    span = document.spans.get(key)
    name = document.keys.get(key, span or (0, 0))
    entry = Entry(key, place(document.source, span or name), place(document.source, name))
    if isinstance(value, dict):
        entry.kind = "mapping"
        entry.children = [_of_toml(document, inner, (*key, str(k))) for k, inner in value.items()]
    elif isinstance(value, list):
        entry.kind = "sequence"
        entry.children = [_of_toml(document, inner, (*key, n)) for n, inner in enumerate(value)]
    elif span is not None:
        entry.text = document.source.text[span[0] : span[1]]
        entry.editable = entry.at.line == entry.at.end_line
    if isinstance(value, (bool, int, float, str)):
        entry.value = value
    elif entry.kind == "scalar":
        entry.value = str(value)  # a date
    return entry
