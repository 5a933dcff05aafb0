"""Dockerfiles: the base image's tag, and what `RUN` installs; `ARG` and `ENV` values are filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..text import Piece
from .requirement import Syntax
from .shell import commands, install
from .source import Reading
from .specifiers import BadSpecifier, exact, prefix

_INSTRUCTION = re.compile(r"\s*(?P<name>[A-Za-z]+)\s+")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<plain>\w+))")
_ASSIGNED = re.compile(r"(?P<name>\w+)(?:=|\s+)(?P<value>\"[^\"]*\"|'[^']*'|\S+)")
_HEREDOC = re.compile(r"<<-?\s*[\"']?(?P<end>\w+)[\"']?")
_JSON_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
_IMAGE = re.compile(r"(?:--platform=\S+\s+)?(?P<image>[^\s@]+)")
_TAG = re.compile(r"(?P<name>.+):(?P<tag>[^/:]+)$")
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[._-]?(?:a|b|rc|post|dev)\d*)?|\d+")
_LONGEST_LINE = 100_000
_MOST_VALUE = 200


def read(reading: Reading) -> None:
    """Take down what a Dockerfile states, stage by stage; within a stage a later statement replaces an earlier one."""
    state = _State(reading)
    for line in _logical_lines(reading):
        if len(line.text) > _LONGEST_LINE:
            reading.problem(line.at[0], "a line is too long to be read: exclude the file")
        else:
            state.instruction(line)
    state.end_stage()


@dataclass
class _State:
    """Where the reading stands in the Dockerfile."""

    reading: Reading
    variables: dict[str, Piece] = field(default_factory=dict)
    stage_start: int = 0

    def instruction(self, line: Piece) -> None:
        match = _INSTRUCTION.match(line.text)
        if match is None:
            return
        name, rest = match["name"].upper(), line[match.end() :]
        if name in ("ARG", "ENV"):
            self._assign(rest)
        elif name == "FROM":
            self.end_stage()
            self._base(self._filled(rest))
        elif name == "RUN":
            self._run(rest)

    def end_stage(self) -> None:
        """Keep the last statement of each package that names a version."""
        stage = self.reading.requirements[self.stage_start :]
        last = {requirement.name: index for index, requirement in enumerate(stage) if requirement.specifier}
        kept = [requirement for index, requirement in enumerate(stage) if last.get(requirement.name, index) == index]
        self.reading.requirements[self.stage_start :] = kept
        self.stage_start = len(self.reading.requirements)

    def _assign(self, rest: Piece) -> None:
        rest = self._filled(rest)
        for match in _ASSIGNED.finditer(rest.text):
            quoted = match["value"][0] in "\"'"
            value = rest[match.start("value") + quoted : match.end("value") - quoted]
            if len(value.text) <= _MOST_VALUE:
                self.variables[match["name"]] = value

    def _filled(self, piece: Piece) -> Piece:
        """The text with its variables' values; one without a known value stays as written."""
        parts: list[Piece] = []
        end = 0
        for match in _VARIABLE.finditer(piece.text):
            value = self.variables.get(match["braced"] or match["plain"])
            if value is None and match["default"]:
                value = piece[match.start("default") : match.end("default")]
            if value is not None:
                parts += [piece[end : match.start()], value]
                end = match.end()
        return Piece.join([*parts, piece[end:]]) if parts else piece

    def _base(self, rest: Piece) -> None:
        image = _IMAGE.match(rest.text)
        tag = _TAG.match(image["image"]) if image else None
        if image is None or tag is None:
            return
        start = image.start("image") + tag.start("tag")
        piece = rest[start : start + len(tag["tag"])]
        name = tag["name"].removeprefix("docker.io/").removeprefix("library/")
        if name == "pytorch/pytorch":
            self._version("torch", piece, 0, exact, tag[0])
        elif name == "python":
            self._version("python", piece, 0, prefix, tag[0])
        elif name == "pytorchlightning/pytorch_lightning":
            for package, word in (("torch", "torch"), ("python", "py")):
                found = re.search(rf"(?:^|-){word}(?=\d)", piece.text)
                if found:
                    self._version(package, piece, found.end(), prefix, tag[0])

    def _version(self, package: str, tag: Piece, start: int, read: Callable[[str], str], text: str) -> None:
        match = _VERSION.match(tag.text, start)
        if match is None or (package == "torch" and "." not in match[0]):
            return
        try:
            specifier = read(match[0])
        except BadSpecifier:
            return
        self.reading.add(package, specifier, tag, match.span(), syntax=Syntax.VERSION, text=f"FROM {text}")

    def _run(self, rest: Piece) -> None:
        rest = self._filled(rest)
        if rest.text.startswith("["):
            # The exec form: a JSON array of words.
            install(self.reading, [rest[match.start(1) : match.end(1)] for match in _JSON_WORD.finditer(rest.text)])
            return
        for words in commands(rest):
            flags = next((index for index, word in enumerate(words) if not word.text.startswith("--")), len(words))
            install(self.reading, words[flags:])


def _logical_lines(reading: Reading) -> Iterator[Piece]:
    """Instructions over continued lines (comment lines between them left out) and with their here-documents."""
    parts: list[Piece] = []
    heredoc: str | None = None
    for line in reading.source.lines():
        content = line.text.strip()
        if heredoc is not None:
            if content == heredoc:
                yield Piece.join(parts)
                parts, heredoc = [], None
            else:
                parts += [Piece("\n", [line.at[0] if len(line.at) else 0]), line]
            continue
        if content.startswith("#") or (parts and not content):
            continue
        if content.endswith("\\"):
            parts.append(line[: line.text.rindex("\\")])
            # The shell sees the lines joined; a space keeps words apart as the indentation would.
            continue
        opened = _HEREDOC.search(line.text) if _INSTRUCTION.match(Piece.join([*parts, line]).text) else None
        parts.append(line[: opened.start()] if opened else line)
        if opened is not None:
            heredoc = opened["end"]
            continue
        yield Piece.join(parts)
        parts = []
    yield Piece.join(parts)
