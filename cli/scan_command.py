"""``mlfix scan``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from ..analyzer.baseline import write_baseline
from ..analyzer.engine import Report, Request, scan
from . import exits
from .formats import FORMATS, render
from .options import Asked, progress_bar, request_of, scan_options


@click.command("scan")
@scan_options
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="How to print; default: text.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Print into this file.")
@click.option("--diff", is_flag=True, help="Show what `mlfix apply` would change, with the same --rule.")
@click.option("--unsafe", is_flag=True, help="With --diff: unsafe fixes too.")
@click.option("--statistics", is_flag=True, help="Count by rule instead of listing.")
@click.option(
    "--write-baseline", type=click.Path(path_type=Path, dir_okay=False), help="Accept all findings, into this file."
)
@click.option("--exit-zero", is_flag=True, help="Exit 0 even with findings.")
def command(
    asked: Asked,
    format_: str,
    output: Path | None,
    diff: bool,
    unsafe: bool,
    statistics: bool,
    write_baseline: Path | None,
    exit_zero: bool,
) -> None:
    """Find the bugs that make a training run silently wrong.

    PATH is a repository, a folder or a file (default: here). The whole repository is read, whatever part of it is
    asked about; nothing of it is executed.
    """
    request = request_of(asked, progress_bar())
    if write_baseline is not None:
        _baseline(request, write_baseline)
        return
    report = scan(request)
    text = _diff(request, asked, unsafe) if diff else render("statistics" if statistics else format_, report, request)
    _print(text, output)
    sys.exit(exit_code(report, exit_zero))


def exit_code(report: Report, exit_zero: bool) -> int:
    """0 clean, 1 findings, 2 where no file at all could be read."""
    unreadable = {p.path for p in report.problems}
    if report.files and not report.lines and len(unreadable) >= report.files:
        return exits.FAILED
    return exits.FINDINGS if report.findings and not exit_zero else exits.CLEAN


def _baseline(request: Request, path: Path) -> None:
    report = scan(replace(request, baseline=frozenset()))
    try:
        count = write_baseline(path, report.findings)
    except OSError as error:
        exits.fail(f"{path}: baseline cannot be written: {error.strerror}")
    click.echo(f'{count} findings accepted in {path}; set baseline = "{path}" in [tool.mlfix] to use it', err=True)


def _diff(request: Request, asked: Asked, unsafe: bool) -> str:
    from ..codemods.session import consented, mend, texts_of
    from .formats.diff import unified

    mended = mend(request, lambda f: consented(f, asked.rules, unsafe))
    return unified(texts_of(mended.changes), color=sys.stdout.isatty())


def _print(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        exits.fail(f"{output}: cannot be written: {error.strerror}")
