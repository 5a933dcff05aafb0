"""``mlfix undo``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import exits
from .places import journal_folder, target_of
from .terminal import one_line


@click.command("undo")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def command(path: Path | None) -> None:
    """Take the last apply in a project back: every file as it was, byte for byte. Repeat to go further back."""
    from ..codemods.writing import NothingToUndo, undo_last

    root = target_of([path] if path else []).root
    try:
        written = undo_last(root, journal_folder(root))
    except NothingToUndo as error:
        exits.fail(str(error))
    for name in written.paths:
        was_made = not (root / name).exists()
        click.echo(one_line(f"removed {name}, which the apply had made" if was_made else f"put back {name}"))
    for problem in written.problems:
        click.echo(one_line(f"mlfix: error: {problem.path}: {problem.message}"), err=True)
    sys.exit(exits.FAILED if written.problems else exits.CLEAN)
