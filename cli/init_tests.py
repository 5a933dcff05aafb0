"""What ``mlfix init --tests`` writes."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ..analyzer.project.settings import BadSettings, load_settings
from . import exits


def write_tests(root: Path, target: Path, entry: str | None) -> None:
    """Write the tests of the program's own training, and say what is left to fill in. What is there is kept."""
    if target.exists():
        click.echo(f"kept {target}; remove or rename it, and `mlfix init --tests` writes a new one")
        return
    from ..analyzer.engine import read_project
    from ..analyzer.flow.training.parts import find_parts
    from ..templates.training_tests import training_tests

    try:
        settings = load_settings(root)
    except BadSettings as error:
        exits.fail(str(error))
    parts = find_parts(read_project(root, settings), _script(entry or settings.entry))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(training_tests(parts, target.relative_to(root).as_posix()), encoding="utf-8")
    except OSError as error:
        exits.fail(f"{target}: cannot be written: {error.strerror}")
    click.echo(f"wrote {target}; `python -m pytest {target}` runs it")
    for name, body in (("make_model", parts.model), ("make_batch", parts.batch), ("loss_of", parts.loss)):
        click.echo(f"  {name}: " + ("filled from the code" if body.lines else f"to be filled in, since {body.reason}"))


def _script(entry: str | None) -> str | None:
    """The Python file that a training command runs, as a relative path."""
    try:
        words = shlex.split(entry or "")
    except ValueError:
        return None
    return next((Path(w).as_posix() for w in words if w.endswith(".py") and not Path(w).is_absolute()), None)
