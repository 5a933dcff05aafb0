"""poetry.lock, uv.lock, pdm.lock and pylock.toml.

These files are written by programs in one rigid layout and are often large; they are read line by line, not parsed.
"""

from __future__ import annotations

import re

from ..text import Piece
from .requirement import Syntax
from .source import Reading
from .specifiers import BadSpecifier, exact, pep440
from .toml_tables import add_version

_PACKAGE = re.compile(r"\[\[packages?\]\]\s*$")
_FIELD = re.compile(r'(?P<key>[\w-]+)\s*=\s*"(?P<value>[^"\\]*)"\s*$')
_LOCAL = re.compile(r"source\s*=\s*\{\s*(?:editable|virtual|directory)\s*=")
_MERGE = re.compile(r"(?:<{7}|>{7}) ")


def read(reading: Reading) -> None:
    """Take down the name and version of each locked package; the project itself is left out."""
    lock = _Lock(reading)
    for line in reading.source.lines():
        if _MERGE.match(line.text):
            reading.problem(line.at[0], "holds the marks of an unfinished merge: resolve them and lock again")
            return
        lock.line(line)
    lock.close()


class _Lock:
    """The table that is being read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.fields: dict[str, Piece] = {}
        self.table = "top"

    def line(self, line: Piece) -> None:
        if line.text.startswith("["):
            self.close()
            self.table = "package" if _PACKAGE.match(line.text) else "other"
            return
        if self.table == "package" and _LOCAL.match(line.text):
            self.table = "other"
            self.fields = {}
            return
        field = _FIELD.match(line.text) if self.table != "other" and len(line.text) < 1000 else None
        if field is None:
            return
        if self.table == "package":
            self.fields[field["key"]] = line[field.start("value") : field.end("value")]
        elif field["key"] == "requires-python":
            piece = line[field.start("value") : field.end("value")]
            add_version(self.reading, "python", piece, pep440, syntax=Syntax.PEP440)

    def close(self) -> None:
        name, version = self.fields.get("name"), self.fields.get("version")
        self.fields = {}
        if name is None or version is None:
            return
        try:
            specifier = exact(version.text)
        except BadSpecifier as error:
            self.reading.problem(version.at[0] if len(version.at) else None, f"{error}: lock again")
            return
        text = f"{name.text} {version.text}"
        self.reading.add(name.text, specifier, version, (0, len(version.text)), syntax=Syntax.VERSION, text=text)
