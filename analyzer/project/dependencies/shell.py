"""Shell command lines as words with places, and the packages that `pip install` and `conda install` commands name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..text import Piece
from .conda import record_spec
from .pep508 import record
from .source import Reading

_SEPARATORS = {"&&", "||", ";", "|", "&", "(", ")", "{", "}", "\n"}
_TOKEN = re.compile(
    r"\s+|&&|\|\||[;|&()\n]|[<>]+&?\s*"
    r"|(?P<word>(?:[^\s;|&()<>\"'\\]|\\.|\"(?:[^\"\\]|\\.)*\"|'[^']*')+)|.",
    re.DOTALL,
)
_PART = re.compile(r"\\(.)|\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([^\\\"']+)", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_PIP = re.compile(r"pip[\d.]*$")
_PYTHON = re.compile(r"python[\d.]*$")
_CONDA = {"conda", "mamba", "micromamba"}
_PREFIXES = {"sudo", "exec", "time", "env", "command", "then", "do", "else", "if", "!"}
# Options without a value, of pip and of conda; any other may be followed by one.
_FLAG = re.compile(
    r"-[UIqvy]+|--(?:no-[\w-]+|upgrade|user|pre|force-reinstall|ignore-installed|quiet|verbose|system|require-hashes"
    r"|prefer-binary|disable-pip-version-check|break-system-packages|compile|isolated|debug|yes|override-channels"
    r"|freeze-installed|all|update-deps|copy|json|offline|dry-run)"
)


def commands(text: Piece) -> Iterator[list[Piece]]:
    """The simple commands of a shell line, each as words without quotes.

    An unquoted `>` ends a word, as in the shell: `pip install torch>=1.9` installs any torch and writes a file.
    """
    words: list[Piece] = []
    skip_next = False
    for match in _TOKEN.finditer(text.text):
        token = match[0]
        if match["word"] is not None:
            if skip_next:
                skip_next = False
            else:
                words.append(_unquoted(text[match.start() : match.end()]))
        elif token[0] in "<>":
            skip_next = True
        elif token.strip(" \t\r") in _SEPARATORS:
            if words:
                yield words
            words, skip_next = [], False
    if words:
        yield words


def install(reading: Reading, words: list[Piece]) -> None:
    """Take down what a command installs, if it installs Python packages.

    Args:
        reading: where it is taken down.
        words: the command.
    """
    words = _without_prefix(words)
    if not words:
        return
    tool = words[0].text.rpartition("/")[2]
    rest = words[1:]
    if _PYTHON.match(tool) and [word.text for word in rest[:2]] == ["-m", "pip"]:
        tool, rest = "pip", rest[2:]
    elif tool == "uv" and rest and rest[0].text == "pip":
        tool, rest = "pip", rest[1:]
    if _PIP.match(tool) or tool in _CONDA:
        _arguments(reading, rest, is_conda=tool in _CONDA)


def _arguments(reading: Reading, words: list[Piece], is_conda: bool) -> None:
    """The packages after `install` (or conda's `create`), options and their values passed over."""
    verbs = {"install", "create"} if is_conda else {"install"}
    start = next((index for index, word in enumerate(words[:6]) if word.text in verbs), None)
    if start is None:
        return
    skip = False
    for word in words[start + 1 :]:
        if skip:
            skip = False
        elif word.text.startswith("-"):
            skip = not _FLAG.fullmatch(word.text) and "=" not in word.text
        elif "$" in word.text or not word.text.strip():
            # A variable without a known value: nothing is stated.
            continue
        elif is_conda:
            record_spec(reading, word)
        else:
            record(reading, word)


def _without_prefix(words: list[Piece]) -> list[Piece]:
    for index, word in enumerate(words):
        if word.text not in _PREFIXES and not _ASSIGNMENT.match(word.text):
            return words[index:]
    return []


def _unquoted(word: Piece) -> Piece:
    """A word as the shell passes it on: quotes and backslashes removed."""
    parts: list[Piece] = []
    for match in _PART.finditer(word.text):
        group = next(index for index in (1, 2, 3, 4) if match[index] is not None)
        parts.append(word[match.start(group) : match.end(group)])
    return parts[0] if len(parts) == 1 else Piece.join(parts)
