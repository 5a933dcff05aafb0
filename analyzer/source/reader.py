"""Bytes of a Python file to text and syntax tree, within limits; what cannot be read is one clear line."""

from __future__ import annotations

import ast
import gc
import hashlib
import io
import re
import stat
import sys
import tokenize
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from ..findings import Problem
from .quiet import parse_quietly

LINE_END = re.compile(r"\r\n|\r|\n")
"""Where Python's lines end; ``str.splitlines`` also splits at form feeds and Unicode separators."""
LARGEST_FILE = 4 * 1024 * 1024
_LARGEST_DYNAMIC_BLOCK = 31 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_ONE_WAY = {"utf-8", "ascii", "iso-8859-1"}
"""Encodings in which a text has one form."""
_PYTHON2 = re.compile(r"^\s*(print\s+[\"'\w]|exec\s+[\"'\w]|raise\s+\w+\s*,|except\s+[\w.]+\s*,\s*[a-z_]\w*\s*:)")
_WITHOUT_BRACKETS = re.compile(r"^\s*except\*?\s+[\w.]+\s*,\s*[\w.]+\s*(,[\w.,\s]*)?:")


class Unreadable(Exception):
    """A file that cannot be used; carries the :class:`Problem` to show."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Text:
    """A file's decoded text with all that is needed to write it back byte for byte.

    ``text`` keeps its line endings and has no byte-order mark.
    """

    path: str
    text: str
    encoding: str
    has_bom: bool
    digest: str

    def encode(self, text: str) -> bytes:
        """Bytes of a changed text in this file's encoding.

        Raises:
            Unreadable: the new text has a character that the file's encoding lacks, or that encoding writes the same
                text in several ways, so that other bytes than the fix's would change.
        """
        if self.encoding not in _ONE_WAY and not self._comes_back():
            message = f"cannot be written back byte for byte in {self.encoding}: save it as UTF-8"
            raise Unreadable(Problem(self.path, message, 1))
        try:
            return self._bytes(text)
        except UnicodeEncodeError as error:
            message = f"the fix needs a character that {self.encoding} lacks: save the file as UTF-8 ({error.reason})"
            raise Unreadable(Problem(self.path, message)) from None

    def _bytes(self, text: str) -> bytes:
        return (_BOM if self.has_bom else b"") + text.encode(self.encoding)

    def _comes_back(self) -> bool:
        try:
            return digest_of(self._bytes(self.text)) == self.digest
        except UnicodeError:
            return False


def digest_of(data: bytes) -> str:
    """The content hash by which files are compared and cached."""
    return hashlib.sha256(data).hexdigest()[:32]


@dataclass(frozen=True)
class Sources:
    """Where files are read from: the disk, under texts that an apply has changed but not yet written.

    Args:
        root: the project's folder.
        overlay: bytes that stand in for a file's content, by relative path.
    """

    root: Path
    overlay: Mapping[str, bytes] = field(default_factory=dict)

    def read(self, path: str, limit: int = LARGEST_FILE) -> bytes:
        """A file's bytes.

        Raises:
            Unreadable: it is too large, or the system refuses it.
        """
        if path in self.overlay:
            return self.overlay[path]
        full = self.root / path
        try:
            status = full.stat()
            size = status.st_size
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(Problem(path, "is no ordinary file: replace it by one, or exclude it"))
            if size > limit:
                most = limit // (1024 * 1024)
                message = f"{size / 1e6:.0f} MB is over the limit of {most} MB for a source file: exclude it"
                raise Unreadable(Problem(path, message))
            return full.read_bytes()
        except FileNotFoundError:
            raise Unreadable(Problem(path, "is gone since the folder was listed: scan again")) from None
        except OSError as error:
            message = f"cannot be read: {error.strerror or error}: check its permissions, or exclude it"
            raise Unreadable(Problem(path, message)) from None


def decode(path: str, data: bytes) -> Text:
    """A Python file's text, by its byte-order mark or coding line (PEP 263), else UTF-8.

    Raises:
        Unreadable: NUL bytes, an unknown encoding, or bytes that are not in it.
    """
    if b"\0" in data:
        message = "holds NUL bytes, so it is no Python source: save it as UTF-8 or exclude it"
        raise Unreadable(Problem(path, message, data[: data.index(b"\0")].count(b"\n") + 1))
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except (SyntaxError, LookupError) as error:
        if data.startswith(_BOM) and isinstance(error, SyntaxError):
            message = (
                "begins with UTF-8's byte-order mark, and its coding line names another encoding: remove one of them"
            )
        else:
            message = f"{error}: correct its coding line or save it as UTF-8"
        raise Unreadable(Problem(path, message, 1)) from None
    has_bom = data.startswith(_BOM)
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    try:
        text = (data[len(_BOM) :] if has_bom else data).decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"is not {encoding}: save it as UTF-8 or name its encoding in a coding line"
        raise Unreadable(Problem(path, message, line)) from None
    except (LookupError, UnicodeError) as error:  # also of encodings that exist and decode nothing: `undefined`
        raise Unreadable(Problem(path, f"{error}: correct its coding line", 1)) from None
    return Text(path, text, encoding, has_bom, digest_of(data))


def line_starts(text: str) -> list[int]:
    """Offset of each line's first character."""
    if "\r" in text:
        return [0, *(m.end() for m in LINE_END.finditer(text))]
    return [0, *accumulate(len(line) + 1 for line in text.split("\n")[:-1])]


def parse(text: Text) -> ast.Module:
    """The syntax tree of a file.

    Raises:
        Unreadable: it is no Python of the version that runs mlfix, or nests too deeply.
    """
    try:
        with collector_paused():
            return parse_quietly(text.text, text.path)
    except SyntaxError as error:
        raise Unreadable(Problem(text.path, _syntax_message(text, error), error.lineno or 1)) from None
    except (RecursionError, MemoryError):
        raise Unreadable(Problem(text.path, "nests too deeply to be parsed: exclude it")) from None
    except ValueError as error:
        raise Unreadable(Problem(text.path, f"cannot be parsed: {error}")) from None


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cycle collector off syntax trees, which hold no cycles: its walks cost as much as parsing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def keep_freed_memory() -> None:
    """Let this process and its forks use one tree's memory for the next, instead of asking the system again.

    glibc returns freed memory above a threshold, which it raises to twice the largest block that was ever freed, up to
    blocks of 32 MiB (mallopt(3), ``M_MMAP_THRESHOLD``). The block here is never touched, so it takes no memory.
    """
    bytes(_LARGEST_DYNAMIC_BLOCK)


def _syntax_message(text: Text, error: SyntaxError) -> str:
    lines = text.text.splitlines()
    number = error.lineno or 1
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    if _PYTHON2.match(line):
        return "is Python 2: port it to Python 3 (2to3) or exclude it"
    if _WITHOUT_BRACKETS.match(line):
        remedy = "put the exceptions in brackets, or run mlfix with Python 3.14 or newer"
        return f"names several exceptions without brackets, which needs Python 3.14: {remedy}"
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"is no valid Python {running} ({error.msg}): mend it, or run mlfix with the Python it is written for"
