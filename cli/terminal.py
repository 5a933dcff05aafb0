"""What the terminal takes: colour, and text at all."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TextIO

import click

from ..analyzer.writing import write_whole
from . import exits

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def is_colored(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream: a terminal that knows colours, and no ``NO_COLOR`` (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def one_line(text: str) -> str:
    """A line that may hold a foreign file's name: what would break it or steer a terminal is shown escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def steady(text: str) -> str:
    """Lines of foreign code, as wide as they are: what would steer a terminal is shown as a mark."""
    return text if text.isprintable() else _STEERING.sub("\ufffd", text)


def put(text: str, output: Path | None) -> None:
    """Print a report, or write it into a file.

    Raises:
        Failure: the file cannot be written, or standard output takes no more.
    """
    try:
        if output is None:
            click.echo(text, nl=False)
        else:
            write_whole(output, text.encode("utf-8", "backslashreplace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        exits.fail(f"{output or 'standard output'}: cannot be written: {error.strerror}")


def stdout_is_colored(output: Path | None) -> bool:
    """Whether a report may be coloured: never in a file."""
    return output is None and is_colored(sys.stdout)
