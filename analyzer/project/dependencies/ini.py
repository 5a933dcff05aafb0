"""setup.cfg and tox.ini: values over several indented lines, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..text import Piece
from .pep508 import record
from .requirement import Role, Syntax
from .source import Include, Reading
from .specifiers import pep440
from .toml_tables import add_version

_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]\s*$")
_OPTION = re.compile(r"(?P<key>[^\s=:#;\[][^=:]*?)\s*[=:]\s*(?P<value>.*)$")
_FACTOR = re.compile(r"(?P<factor>[!\w.,{}-]+)\s*:\s+")
_FILE = re.compile(r"file:\s*(.+)")


@dataclass(frozen=True)
class Value:
    """One line of an option's value."""

    section: str
    key: str
    piece: Piece


def values(reading: Reading) -> Iterator[Value]:
    """The lines of all options' values, comments left out (the rules are `configparser`'s)."""
    section, key = "", ""
    for line in reading.source.lines():
        content = line.stripped()
        if not content.text or content.text[0] in "#;":
            continue
        if line.text[0].isspace() and key:
            yield Value(section, key, content)
            continue
        header = _SECTION.match(content.text)
        option = _OPTION.match(content.text) if header is None and len(content.text) < 2_000 else None
        if header is not None:
            section, key = header["name"].strip(), ""
        elif option is not None:
            key = option["key"].lower()
            if option["value"]:
                yield Value(section, key, content[option.start("value") :])
        else:
            key = ""
            reading.problem(content.at[0], f"`{content.text[:40]}` is no section and no `key = value`: mend it")


def read_setup_cfg(reading: Reading) -> None:
    """Take down what a setup.cfg states for setuptools."""
    for value in values(reading):
        place = (value.section, value.key)
        if place == ("options", "python_requires"):
            add_version(reading, "python", value.piece, pep440, syntax=Syntax.PEP440)
        elif place == ("options", "install_requires"):
            _requirements(reading, value.piece, None, None)
        elif place in (("options", "tests_require"), ("options", "setup_requires")):
            _requirements(reading, value.piece, Role.OPTIONAL, value.key.partition("_")[0])
        elif value.section == "options.extras_require":
            _requirements(reading, value.piece, Role.OPTIONAL, f"extra {value.key}")


def read_tox(reading: Reading) -> None:
    """Take down the `deps` of a tox.ini's environments."""
    for value in values(reading):
        if value.key != "deps" or not value.section.startswith("testenv") or value.piece.text.startswith("-"):
            continue
        factor = _FACTOR.match(value.piece.text)
        piece = value.piece[factor.end() :] if factor else value.piece
        if "{" not in piece.text and not piece.text.startswith("-"):
            record(reading, piece, group=f"tox {factor['factor'] if factor else value.section}")


def _requirements(reading: Reading, piece: Piece, role: Role | None, group: str | None) -> None:
    file = _FILE.match(piece.text)
    if file is not None:
        line = reading.source.position(piece.at[0])[0]
        reading.includes.extend(Include(name.strip(), line) for name in file[1].split(",") if name.strip())
        return
    comment = re.search(r"\s#", piece.text)
    record(reading, piece[: comment.start()] if comment else piece, role=role, group=group)
