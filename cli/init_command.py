"""``mlfix init``."""

from __future__ import annotations

from pathlib import Path

import click

from ..analyzer.project.settings import BadSettings, load_settings
from ..analyzer.version import __version__
from ..templates import fill
from . import exits
from .init_tests import write_tests

_TESTS = "tests/test_training.py"
_PRE_COMMIT = ".pre-commit-config.yaml"


@click.command("init")
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--entry", metavar="COMMAND", help="The training command, such as 'python train.py'.")
@click.option("--tests", is_flag=True, help=f"Also write {_TESTS}: do gradients flow, is one batch learned?")
def command(path: Path | None, entry: str | None, tests: bool) -> None:
    """Write a configuration, and the pre-commit entry that keeps the bugs away. Existing settings are never touched."""
    root = path or Path()
    _configuration(root, entry)
    _hook(root)
    if tests:
        write_tests(root, root / _TESTS, entry)


def _configuration(root: Path, entry: str | None) -> None:
    try:
        existing = load_settings(root).path
    except BadSettings as error:
        exits.fail(str(error))
    if existing is not None:
        click.echo(f"kept {existing}")
        return
    target = root / "mlfix.toml"
    _write(target, fill("mlfix.toml.j2", entry=entry))
    click.echo(f"wrote {target}")


def _hook(root: Path) -> None:
    target = root / _PRE_COMMIT
    block = fill("pre-commit.yaml.j2", version=__version__)
    if not target.exists():
        _write(target, "repos:\n" + block)
        click.echo(f"wrote {target}; `pre-commit install` turns it on")
    elif "mlfix-scan" in _read(target):
        click.echo(f"kept {target}")
    else:
        click.echo(f"add to {target}, under repos:\n{block}", nl=False)


def _read(target: Path) -> str:
    try:
        return target.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        exits.fail(f"{target}: cannot be read: {error.strerror}")


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        exits.fail(f"{target}: cannot be written: {error.strerror}")
