"""One command from its arguments to its exit code: however it ends, it ends with a clear line and a code of ours."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from . import exits
from .commands import cli

_INTERRUPTED = "interrupted"
_INTERRUPTED_APPLY = "interrupted: each file is as it was, or has its fixes in whole; `mlfix undo` takes those back"


def run(arguments: Sequence[str]) -> int:
    """Run a command line.

    Returns:
        The exit code: 0, 1 or 2. Python's own code for an uncaught error is 1, which here would mean findings.
    """
    _print_whatever_the_encoding()
    try:
        return cli.main(list(arguments), prog_name="mlfix", standalone_mode=False) or exits.CLEAN
    except click.UsageError as error:
        _show_usage(error)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"mlfix: error: {_INTERRUPTED_APPLY if arguments[:1] == ['apply'] else _INTERRUPTED}", err=True)
        return exits.FAILED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else exits.CLEAN
    except Exception:
        traceback.print_exc()
        click.echo("mlfix: error: internal error: please report it with the lines above", err=True)
        return exits.FAILED


def _show_usage(error: click.UsageError) -> None:
    message = error.format_message()
    if error.ctx is None or message.startswith("Usage:"):  # the help itself, where no command was given
        click.echo(message, err=True)
        return
    click.echo(f"mlfix: error: {message}", err=True)
    click.echo(f"`{error.ctx.command_path} --help` tells more", err=True)


def _print_whatever_the_encoding() -> None:
    """A character that the terminal's encoding lacks is shown escaped; it must not end the run.

    Nor must a stream that was closed by who started it (``2>&-``), which Python then has none for.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
