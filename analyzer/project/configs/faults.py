"""What is wrong with a configuration file that cannot be read, in one line with its place and a remedy."""

from __future__ import annotations

import json
import re

from ...findings import Problem
from ..text import in_one_line
from ..yaml_nodes import DEEPEST
from .names import LARGEST
from .reading import BadConfig, form_of, read

_POINTER = "version https://git-lfs.github.com/spec/"
_BYTE_ORDER = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_TEMPLATE = re.compile(r"\{\{.*\}\}|\{%.*%\}|<%.*%>")
_MOST_READ_AGAIN = 20_000
"""Characters that PyYAML's own parser is given, which is slow."""


def fault_of(path: str, data: bytes) -> Problem | None:
    """Why a file is no configuration that can be read; None for one that can be, and for what is none.

    Data, templates that another tool fills in and pointers to large files are none.
    """
    if len(data) > LARGEST:
        if form_of(path) == "json":
            return None
        return _problem(path, f"{len(data) / 1e6:.1f} MB is over the limit of {LARGEST / 1e6} MB for a configuration")
    if data[:2] in _BYTE_ORDER:
        return Problem(path, f"is {_BYTE_ORDER[data[:2]]}, so its settings are not known: save it as UTF-8", 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Problem(path, "is not UTF-8, so its settings are not known: save it as UTF-8", line)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return Problem(path, "holds NUL bytes, so its settings are not known: write it anew", line)
    try:
        read(path, text)
    except BadConfig as error:
        if text.startswith(_POINTER) or _TEMPLATE.search(text):
            return None
        return _confirmed(path, text, error)
    return None


def _problem(path: str, what: str) -> Problem:
    return Problem(path, f"{what}, so its settings are not known: exclude it")


def _confirmed(path: str, text: str, error: BadConfig) -> Problem | None:
    """The fault, unless the parser that programs use takes the text: each has its own idea of the corners."""
    form = form_of(path)
    if form == "json":
        try:
            json.loads(text)
        except json.JSONDecodeError as own:
            return Problem(path, in_one_line(f"is no valid JSON ({own.msg}): mend it"), own.lineno)
        except RecursionError:
            pass
        return _problem(path, "is nested too deeply or too large")
    if form == "yaml" and len(text) <= _MOST_READ_AGAIN and "no valid" in str(error) and _is_yaml(text):
        return None
    return Problem(path, in_one_line(str(error)), error.line)


def _is_yaml(text: str) -> bool:
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                return False
            if isinstance(event, yaml.DocumentEndEvent):
                break
    except (yaml.YAMLError, RecursionError, ValueError):
        return False
    return True
