"""Exit codes, the same for every command, and the one way to end with an error."""

from __future__ import annotations

from typing import NoReturn

import click

CLEAN = 0
FINDINGS = 1
FAILED = 2


class Failure(click.ClickException):
    """The tool could not do its work: one line on standard error, exit code 2."""

    exit_code = FAILED

    def show(self, file: object = None) -> None:
        """Print the line."""
        click.echo(f"mlfix: error: {self.format_message()}", err=True)


def fail(message: str) -> NoReturn:
    """End with one error line and exit code 2."""
    raise Failure(message)
