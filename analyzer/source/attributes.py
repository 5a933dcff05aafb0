"""Attributes that a class sets and never reads, by the text alone: quick enough to be asked of every file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from .facts import ClassFacts
from .reader import line_starts

# The bare word comes first in each, so that it is searched for as such.
_MADE = re.compile(r"self(?<!\wself)\.(\w+)(?:[ \t]*:[^=\n]+)?[ \t]*=\s*\\?\s*\(?\s*[\w.]+\(")
_SET = re.compile(r"self(?<!\wself)\.(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")
_ATTRIBUTE = re.compile(r"self(?<!\wself)\.(\w+)")
_COMMENT = re.compile(r"#[^\n]*")


def unread_attributes(text: str, classes: Iterable[ClassFacts]) -> tuple[str, ...]:
    """The attributes that a class's constructor sets to what a call makes, and that the class names nowhere else.

    Args:
        text: the file's text.
        classes: its classes.

    Returns:
        ``Net.fc`` for each, in the order of the classes. A superset of what is really read nowhere in the class: an
        attribute may be set by other code, or read under another name than ``self``.
    """
    found: list[str] = []
    starts: list[int] | None = None
    for facts in classes:
        if "__init__" not in facts.methods:
            continue
        if starts is None:
            starts = [*line_starts(text), len(text)]
        part = _COMMENT.sub("", text[starts[facts.line - 1] : starts[min(facts.end_line, len(starts) - 1)]])
        made = dict.fromkeys(_MADE.findall(part))
        if made:
            named, put = Counter(_ATTRIBUTE.findall(part)), Counter(_SET.findall(part))
            found += [f"{facts.qualname}.{name}" for name in made if named[name] == put[name]]
    return tuple(found)
