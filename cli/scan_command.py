"""``mlfix scan``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ..analyzer.baseline import write_baseline
from ..analyzer.engine import Report, Request, scan
from . import exits
from .formats import FORMATS, render
from .options import Asked, progress_bar, request_of, scan_options
from .terminal import put, stdout_is_colored


@click.command("scan")
@scan_options
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="How to print; default: text.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Print into this file.")
@click.option("--diff", is_flag=True, help="Show what `mlfix apply` would change.")
@click.option("--unsafe", is_flag=True, help="With --diff: unsafe fixes too.")
@click.option("--statistics", is_flag=True, help="Count by rule instead of listing.")
@click.option(
    "--write-baseline", type=click.Path(path_type=Path, dir_okay=False), help="Accept today's findings, into this file."
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

    \b
    Exit codes:
      0  nothing found
      1  findings
      2  the scan could not be done
    """
    if statistics and (diff or format_ != "text"):
        raise click.UsageError("--statistics is a listing of its own: it goes with neither --diff nor --format")
    if diff and format_ != "text":
        raise click.UsageError("--diff prints a diff: it does not go with --format")
    request = request_of(asked, progress_bar(), with_baseline=write_baseline is None)
    if write_baseline is not None:
        _baseline(request, write_baseline)
        return
    report = scan(request)
    if diff:
        text = _diff(request, asked, unsafe, output)
    else:
        text = render("statistics" if statistics else format_, report, request, stdout_is_colored(output))
    put(text, output)
    sys.exit(exit_code(report, request, exit_zero))


def exit_code(report: Report, request: Request, exit_zero: bool) -> int:
    """0 clean, 1 findings, 2 where none of the files asked about could be read."""
    unreadable = {p.path for p in report.problems}
    asked = set(request.only or ())
    nothing_read = bool(report.files) and not report.lines and len(unreadable) >= report.files
    if nothing_read or (asked and asked <= unreadable):
        return exits.FAILED
    return exits.FINDINGS if report.findings and not exit_zero else exits.CLEAN


def _baseline(request: Request, path: Path) -> None:
    report = scan(request)
    try:
        count = write_baseline(path, report.findings)
    except OSError as error:
        exits.fail(f"{path}: baseline cannot be written: {error.strerror}")
    counted = f"{count} finding{'' if count == 1 else 's'} accepted in {path}"
    if request.settings.baseline is not None and (
        (request.root / request.settings.baseline).resolve() == path.resolve()
    ):
        click.echo(counted, err=True)
        return
    setting = Path(os.path.relpath(path.resolve(), request.root)).as_posix()
    click.echo(f'{counted}; set baseline = "{setting}" in mlfix.toml or [tool.mlfix] to use it', err=True)


def _diff(request: Request, asked: Asked, unsafe: bool, output: Path | None) -> str:
    from ..codemods.session import consented, mend, texts_of
    from .formats.diff import unified

    mended = mend(request, lambda finding, _: consented(finding, asked.rules, unsafe))
    return unified(texts_of(mended.changes), color=stdout_is_colored(output))
