"""``mlfix rules``."""

from __future__ import annotations

import json

import click

from ..analyzer.project.settings import Settings
from ..codemods import all_codemods
from .explain_command import summary
from .options import available_rules


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(format_: str) -> None:
    """List the rules: code, name, level, whether they have a fix, and what they find."""
    fixable = all_codemods()
    rows = [
        {"code": r.code, "name": r.name, "level": r.level.value, "fix": r.name in fixable, "summary": summary(r)}
        for r in available_rules(Settings())
    ]
    if format_ == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        mark = "fix" if row["fix"] else "   "
        click.echo(f"{row['code']}  {row['name']:{width}}  {row['level']:8}  {mark}  {row['summary']}")
