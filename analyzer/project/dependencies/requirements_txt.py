"""pip's requirement and constraint files: joined lines, comments, options before and after, `-r` and `-c`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..text import Piece
from .pep508 import record
from .source import Include, Reading

_COMMENT = re.compile(r"(?:^|(?<=\s))#")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*")
_NEXT_OPTION = re.compile(r"\s--?[A-Za-z]")
_LONGEST_LINE = 100_000
# Options that take no value; every other long option does (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
_FLAGS = {"--no-index", "--pre", "--prefer-binary", "--require-hashes", "--no-deps", "--user", "--upgrade", "-U"}
_INCLUDES = {"-r": False, "--requirement": False, "--requirements": False, "-c": True, "--constraint": True}
_EDITABLE = {"-e", "--editable"}


def read(reading: Reading) -> None:
    """Take down what a requirement file states."""
    for line in logical_lines(reading.source.lines()):
        if len(line.text) > _LONGEST_LINE:
            reading.problem(
                line.at[0], f"a line of {len(line.text)} characters is no requirement: shorten or exclude it"
            )
        else:
            read_line(reading, line)


def logical_lines(lines: list[Piece]) -> Iterator[Piece]:
    """Lines as pip sees them: joined at a backslash, then without comments; empty ones left out."""
    waiting: list[Piece] = []
    for line in lines:
        if line.text.lstrip().startswith("#"):
            # A comment line ends a continuation, as in pip.
            joined, waiting = Piece.join(waiting), []
        elif line.text.endswith("\\"):
            waiting.append(line[: len(line.text) - 1])
            continue
        else:
            joined = Piece.join([*waiting, line]) if waiting else line
            waiting = []
        yield from _content(joined)
    yield from _content(Piece.join(waiting))


def _content(line: Piece) -> Iterator[Piece]:
    comment = _COMMENT.search(line.text)
    content = (line[: comment.start()] if comment else line).stripped()
    if content.text:
        yield content


def read_line(reading: Reading, line: Piece) -> None:
    """Take down the requirements and includes of one logical line."""
    rest = line
    while rest.text:
        option = _OPTION.match(rest.text)
        if option is None:
            following = _NEXT_OPTION.search(rest.text)
            end = following.start() if following else len(rest.text)
            record(reading, rest[:end])
            rest = rest[end:].stripped()
        else:
            rest = _read_option(reading, rest, option)


def _read_option(reading: Reading, rest: Piece, option: re.Match[str]) -> Piece:
    """Read one option with its value; returns what follows it."""
    name, after = option[0], option.end()
    if not name.startswith("--") and len(name) > 2:
        name, after = name[:2], 2
    if name in _FLAGS:
        return rest[after:].stripped()
    value = re.compile(r"\s*=?\s*(\"[^\"]*\"|'[^']*'|\S+)").match(rest.text, after)
    if value is None:
        if name in _INCLUDES or name in _EDITABLE:
            reading.problem(rest.at[0], f"`{name}` has no value: name the file, or remove it")
        return rest[len(rest.text) :]
    target = rest[value.start(1) : value.end(1)]
    if name in _INCLUDES:
        file = target.text.strip("\"'")
        if not urlsplit(file).scheme or re.match(r"[A-Za-z]:[\\/]", file):
            reading.includes.append(Include(file, reading.source.position(rest.at[0])[0], _INCLUDES[name]))
    elif name in _EDITABLE:
        record(reading, target)
    return rest[value.end() :].stripped()
