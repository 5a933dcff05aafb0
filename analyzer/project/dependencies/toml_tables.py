"""What the TOML-based project files have in common: arrays of requirement strings and tables of version constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..text import Piece
from ..toml_spans import BadToml, Document, Key, parse
from .pep508 import archive, record
from .requirement import Role, Syntax
from .source import Reading
from .specifiers import BadSpecifier

_STATED_BY = ("version", "url", "path", "file", "git")


def document(reading: Reading) -> Document | None:
    """The file as a TOML document, or None with the problem taken down."""
    try:
        return parse(reading.source)
    except BadToml as error:
        reading.problem_at(error.line, str(error))
        return None


def value(data: object, *keys: str) -> object:
    """The value under some keys, or None."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def tables(data: object, *keys: str) -> Iterator[tuple[str, object]]:
    """Name and content of each entry of the table under some keys."""
    table = value(data, *keys)
    yield from table.items() if isinstance(table, dict) else ()


def strings(reading: Reading, doc: Document, key: Key, role: Role | None = None, group: str | None = None) -> None:
    """Take down an array of PEP 508 requirements; what is no string (`{include-group = ...}`) is passed over."""
    entries = value_at(doc, key)
    for index in range(len(entries) if isinstance(entries, list) else 0):
        piece = doc.string((*key, index))
        if piece is not None:
            record(reading, piece, role=role, group=group)


def constraints(
    reading: Reading,
    doc: Document,
    key: Key,
    read: Callable[[str], str],
    syntax: Syntax,
    role: Role | None = None,
    group: str | None = None,
) -> None:
    """Take down a table `name = constraint`.

    A constraint is a string, a table with `version`, `url`, `path` or `file`, or a list of such tables.

    Args:
        reading: where it is taken down.
        doc: the file.
        key: the table's key.
        read: turns the format's version language into PEP 440.
        syntax: that language.
        role: another role than the file's own.
        group: the group under which the table stands.
    """
    for name, entry in tables(value_at(doc, key)):
        several = entry if isinstance(entry, list) else [entry]
        for index, one in enumerate(several):
            place = (*key, name, index) if isinstance(entry, list) else (*key, name)
            _constraint(reading, doc, place, name, one, read, syntax, role, group)


def _constraint(
    reading: Reading,
    doc: Document,
    place: Key,
    name: str,
    entry: object,
    read: Callable[[str], str],
    syntax: Syntax,
    role: Role | None,
    group: str | None,
) -> None:
    marks = [group]
    if isinstance(entry, dict):
        marks += [_mark(entry, "markers"), _mark(entry, "python"), _mark(entry, "platform")]
        if entry.get("optional") is True:
            role, marks = Role.OPTIONAL, ["optional", *marks]
        field = next((key for key in _STATED_BY if isinstance(entry.get(key), str)), None)
        if field is None:
            return
        place = (*place, field)
    else:
        field = "version"
    piece = doc.string(place)
    if piece is None:
        return
    marker = " and ".join(mark for mark in marks if mark)
    text = f"{name} {piece.text}"
    if field != "version":
        stated = archive(piece.text) if field != "git" else None
        specifier = stated[1] if stated else ""
        reading.add(
            name, specifier, piece, (0, len(piece.text)), syntax=Syntax.URL, role=role, marker=marker, text=text
        )
        return
    add_version(reading, name, piece, read, syntax=syntax, role=role, marker=marker, text=text)


def _mark(entry: dict[str, object], key: str) -> str | None:
    written = entry.get(key)
    if not isinstance(written, str):
        return None
    return written if key == "markers" else f"{key} {written}"


def add_version(
    reading: Reading,
    name: str,
    piece: Piece,
    read: Callable[[str], str],
    *,
    syntax: Syntax,
    role: Role | None = None,
    marker: str | None = None,
    text: str | None = None,
) -> None:
    """Take down a package whose version range is a string of its own, or the problem that the range has."""
    try:
        specifier = read(piece.text)
    except BadSpecifier as error:
        offset = piece.at[0] if len(piece.at) else None
        reading.problem(offset, f"the version of `{name[:60]}` cannot be read ({error}): correct it")
        return
    span = (0, len(piece.text))
    reading.add(
        name, specifier, piece, span, syntax=syntax, role=role, marker=marker, text=text or f"{name} {piece.text}"
    )


def value_at(doc: Document, key: Key) -> object:
    """The document's value at a key, or None."""
    return value(doc.data, *map(str, key))
