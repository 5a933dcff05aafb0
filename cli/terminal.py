"""What the terminal takes: colour, and text at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

import click

from . import exits


def is_colored(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream: a terminal that knows colours, and no ``NO_COLOR`` (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def put(text: str, output: Path | None) -> None:
    """Print a report, or write it into a file.

    Raises:
        Failure: the file cannot be written, or standard output takes no more.
    """
    try:
        if output is None:
            click.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except BrokenPipeError:
        raise
    except OSError as error:
        exits.fail(f"{output or 'standard output'}: cannot be written: {error.strerror}")


def stdout_is_colored(output: Path | None) -> bool:
    """Whether a report may be coloured: never in a file."""
    return output is None and is_colored(sys.stdout)
