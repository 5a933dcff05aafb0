"""One dependency file as text with exact positions, and what is read from it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from ...findings import Problem
from ...source.reader import LARGEST_FILE
from ..text import Piece, Source, in_one_line
from .requirement import Requirement, Role, Syntax

_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_MOST_PROBLEMS = 5
# The names under which conda channels ship the package that `import torch` loads.
_SAME_PACKAGE = {"pytorch": "torch", "pytorch-gpu": "torch", "pytorch-cpu": "torch"}


class Unusable(Exception):
    """A file that cannot be read as text; the message gives cause and remedy."""


@dataclass(frozen=True)
class Include:
    """One file's order to read another as well.

    Attributes:
        target: as written, relative to the including file's folder.
        line: where it is written.
        constraint: whether it comes with `-c`.
    """

    target: str
    line: int
    constraint: bool = False


@dataclass
class Reading:
    """What one file says, as it is being read."""

    source: Source
    role: Role
    requirements: list[Requirement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    unreported: int = 0

    def add(
        self,
        name: str,
        specifier: str,
        piece: Piece,
        span: tuple[int, int],
        *,
        syntax: Syntax = Syntax.PEP440,
        role: Role | None = None,
        marker: str | None = None,
        text: str | None = None,
    ) -> None:
        """Record a requirement.

        Args:
            name: as written.
            specifier: in PEP 440.
            piece: the text in which the specifier stands.
            span: the specifier's characters in the piece.
            syntax: the specifier's language.
            role: another role than the file's own.
            marker: the environment marker, extra or group.
            text: the requirement as written, if not the whole piece.
        """
        first, last = span
        if first < last:
            start, end = piece.at[first], piece.at[last - 1] + 1
        elif first > 0:
            start = end = piece.at[first - 1] + 1
        else:
            start = end = piece.at[0] if len(piece.at) else 0
        line, column = self.source.position(start)
        last_line, end_column = self.source.position(end)
        written = piece.text[first:last]
        if (last_line, self.source.text[start:end]) != (line, written):
            last_line, end_column, editable = line, column, False
        else:
            editable = True
        canonical = canonicalize_name(name)
        self.requirements.append(
            Requirement(
                name=_SAME_PACKAGE.get(canonical, canonical),
                specifier=specifier,
                path=self.source.path,
                line=line,
                column=column,
                end_column=end_column,
                text=" ".join((piece.text if text is None else text).split()),
                role=self.role if role is None else role,
                marker=marker or None,
                syntax=syntax,
                editable=editable,
            )
        )

    def problem(self, offset: int | None, message: str) -> None:
        """Record what could not be read; after a few, only count."""
        self.problem_at(0 if offset is None else self.source.position(offset)[0], message)

    def problem_at(self, line: int, message: str) -> None:
        """Record what could not be read, by its line (0: the whole file)."""
        if len(self.problems) >= _MOST_PROBLEMS:
            self.unreported += 1
            return
        self.problems.append(Problem(path=self.source.path, message=in_one_line(message), line=line))

    def all_problems(self) -> list[Problem]:
        """The recorded problems, and one for the rest."""
        if not self.unreported:
            return self.problems
        message = f"{self.unreported} more lines could not be read: mend or exclude the file"
        return [*self.problems, Problem(path=self.source.path, message=message, line=0)]


Reader = Callable[[Reading], None]
"""Reads one kind of file: takes its requirements, problems and includes down in the reading."""


def load(root: Path, path: str, overlay: Mapping[str, bytes]) -> Source:
    """A dependency file's text.

    Args:
        root: the project's root.
        path: the file, relative to it.
        overlay: bytes that stand in for a file's content.

    Raises:
        Unusable: outside the root, no ordinary file, unreadable, too large or binary.
    """
    data = overlay[path] if path in overlay else _bytes(root, path)
    return Source(path, _decode(data))


def _bytes(root: Path, path: str) -> bytes:
    try:
        base = os.path.realpath(root)
        full = os.path.realpath(root / path)
        if os.path.commonpath([base, full]) != base:
            raise Unusable(
                "is a link that leads out of the project and is not followed: copy the file into the project"
            )
        status = Path(full).stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unusable("is no ordinary file: replace it by one, or exclude it")
        if status.st_size > LARGEST_FILE:
            limit = f"the limit of {LARGEST_FILE // (1024 * 1024)} MB for a dependency file"
            raise Unusable(f"{status.st_size / 1e6:.0f} MB is over {limit}: exclude it")
        return Path(full).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unusable(f"cannot be read ({reason}): mend its access rights, or exclude it") from None


def _decode(data: bytes) -> str:
    """The text: by its byte-order mark (PowerShell's `>` writes UTF-16), else UTF-8, else Latin-1."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise Unusable(f"is not the {encoding} that its first bytes promise: save it as UTF-8") from None
        # Requirements are ASCII in every format; only comments can come out wrong.
        text = data.decode("latin-1")
    if "\0" in text:
        raise Unusable("holds NUL bytes, so it is no text: save it as UTF-8, or exclude it")
    return text
