"""Requirement strings (`torch[extra]>=1.9 ; marker`, `torch @ url`, wheel addresses), with the specifier's span."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from ..text import Piece
from .requirement import Role, Syntax
from .source import Reading
from .specifiers import BadSpecifier, conda, pep440

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*")
_ARCHIVE = re.compile(r"\.(?:whl|tar\.gz|zip|tar\.bz2|tgz)$")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.]*://|file:|(?:git|hg|svn|bzr)\+|[./~\\]|[a-z]:\\|[^@;\s]*/)", re.IGNORECASE)
_CONDA_EXPORT = re.compile(r"([A-Za-z0-9_][\w.-]*)(=[\w.!+*]+(?:=[\w.*]+)?)$")
_LONGEST = 4000


class BadRequirement(ValueError):
    """A string that is no requirement; the message says why and what to write."""


@dataclass(frozen=True)
class Parsed:
    """A requirement string taken apart.

    Attributes:
        name: as written.
        specifier: in PEP 440.
        span: where the specifier (or the address that stands for it) is in the string.
        marker: the environment marker, or None.
        syntax: the specifier's language.
    """

    name: str
    specifier: str
    span: tuple[int, int]
    marker: str | None = None
    syntax: Syntax = Syntax.PEP440


def parse(text: str) -> Parsed | None:
    """Take a requirement string apart.

    Args:
        text: one requirement, without comments and options.

    Returns:
        The parts, or None where it names no package (a local folder, an archive without a name).

    Raises:
        BadRequirement: no installer could read it.
    """
    if len(text) > _LONGEST:
        raise BadRequirement(f"a requirement of {len(text)} characters is over the limit of {_LONGEST}: shorten it")
    if _ADDRESS.match(text.lstrip()) or (_ARCHIVE.search(text.strip()) and "@" not in text):
        return _address(text)
    export = _CONDA_EXPORT.match(text.strip())
    if export is not None:
        return _conda_export(text, export)
    head = _NAME.match(text)
    if head is None:
        raise BadRequirement(f"`{_short(text)}` is no requirement: write one `name==version` a line")
    if text[head.end() : head.end() + 1] == "@":
        return _named_address(text, head)
    return _versioned(text, head)


def record(reading: Reading, piece: Piece, *, role: Role | None = None, group: str | None = None) -> None:
    """Parse a requirement string and take it down, or the problem it has.

    Args:
        reading: where it is taken down.
        piece: the string.
        role: another role than the file's own.
        group: the extra or group under which it stands.
    """
    piece = piece.stripped()
    if not piece.text:
        return
    try:
        parsed = parse(piece.text)
    except BadRequirement as error:
        reading.problem(piece.at[0], str(error))
        return
    if parsed is None:
        return
    marker = " and ".join(part for part in (group, parsed.marker) if part)
    reading.add(
        parsed.name,
        parsed.specifier,
        piece,
        parsed.span,
        syntax=parsed.syntax,
        role=role,
        marker=marker,
        text=piece.text,
    )


def archive(url: str) -> tuple[str, str] | None:
    """Name and exact specifier that a wheel's or source archive's file name states, or None.

    Args:
        url: an address or path.
    """
    file = unquote(urlsplit(url).path if "://" in url else url.partition("#")[0]).replace("\\", "/").rpartition("/")[2]
    try:
        if file.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(file)
        else:
            name, version = parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename, ValueError):
        return None
    return str(name), f"=={version.public}"


def _versioned(text: str, head: re.Match[str]) -> Parsed:
    rest, _, marker = text[head.end() :].partition(";")
    start = head.end() if rest.strip() else head.end(2) if head[2] else head.end(1)
    end = start + len(rest.rstrip())
    if rest.lstrip().startswith("(") and rest.rstrip().endswith(")"):
        start, end = start + 1, end - 1
    try:
        specifier = pep440(text[start:end])
        # packaging has the last word on name, extras and marker.
        checked = Requirement(f"{head[1]}{head[2] or ''}{specifier}" + (f"; {marker}" if marker.strip() else ""))
    except BadSpecifier as error:
        raise BadRequirement(f"`{_short(text)}` is no requirement ({error}): write `{head[1]}==VERSION`") from None
    except (InvalidRequirement, ValueError, RecursionError):
        raise BadRequirement(f"`{_short(text)}` is no requirement: write `name[extra]==version; marker`") from None
    return Parsed(checked.name, specifier, (start, end), marker.strip() or None)


def _conda_export(text: str, match: re.Match[str]) -> Parsed | None:
    """A line of `conda list --export`, which people commit as requirements.txt: `pytorch=1.9.0=py3.8_cuda11.1`."""
    offset = len(text) - len(text.lstrip())
    version, _, build = match[2][1:].partition("=")
    try:
        specifier = conda(version if build else f"={version}")
    except BadSpecifier:
        # conda's packages outside Python have versions of their own (`openssl=1.1.1k`).
        return None
    return Parsed(match[1], specifier, (match.start(2) + offset, match.end(2) + offset), syntax=Syntax.CONDA)


def _named_address(text: str, head: re.Match[str]) -> Parsed:
    # A marker after an address needs white space before its semicolon (PEP 508).
    url, _, marker = re.sub(r"\s;", " \0", text[head.end() + 1 :], count=1).partition("\0")
    stated = archive(url.strip())
    end = head.end() + 1 + len(url.rstrip())
    return Parsed(head[1], stated[1] if stated else "", (head.end(), end), marker.strip() or None, Syntax.URL)


def _address(text: str) -> Parsed | None:
    url = re.split(r"\s+;", text.strip(), maxsplit=1)[0]
    start = text.index(url)
    span = (start, start + len(url))
    stated = archive(url)
    if stated:
        return Parsed(stated[0], stated[1], span, syntax=Syntax.URL)
    egg = re.search(r"#(?:.*&)?egg=([A-Za-z0-9][A-Za-z0-9._-]*)", url)
    return Parsed(egg[1], "", span, syntax=Syntax.URL) if egg else None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
