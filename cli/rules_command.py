"""``mlfix rules``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from . import exits
from .explain_command import summary
from .options import available_codemods, available_rules, project_settings


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@click.option(
    "--check",
    "checked",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read a file of patterns and run the cases inside it.",
)
def command(format_: str, checked: Path | None) -> None:
    """List the rules: code, name, level, whether they have a fix, and what they find."""
    if checked is not None:
        _check(checked)
    known = available_rules(project_settings())
    fixable = available_codemods(known)
    rows = [
        {"code": r.code, "name": r.name, "level": r.level.value, "fix": r.name in fixable, "summary": summary(r)}
        for r in known
    ]
    if format_ == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    width = max((len(str(row["name"])) for row in rows), default=0)
    for row in rows:
        mark = "fix" if row["fix"] else "   "
        code = row["code"] if row["code"] != row["name"] else ""
        click.echo(f"{code:6}  {row['name']:{width}}  {row['level']:8}  {mark}  {row['summary']}")


def _check(file: Path) -> None:
    from ..rules import BadUserRules, pattern_rules
    from .pattern_cases import failed_cases

    try:
        rules = pattern_rules(file, str(file))
    except BadUserRules as error:
        exits.fail(str(error))
    failed = list(failed_cases(rules))
    for line in failed:
        click.echo(line)
    cases = sum(len(r.entry.valid) + len(r.entry.invalid) for r in rules)
    click.echo(f"{_count(len(rules), 'rule')}, {_count(cases, 'case')}: {len(failed) or 'none'} failed")
    sys.exit(exits.FINDINGS if failed else exits.CLEAN)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
