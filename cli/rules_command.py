"""``mlfix rules``."""

from __future__ import annotations

import json

import click

from ..codemods import all_codemods
from ..rules import user_codemods
from .explain_command import summary
from .options import available_rules, project_settings


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(format_: str) -> None:
    """List the rules: code, name, level, whether they have a fix, and what they find."""
    settings = project_settings()
    known = available_rules(settings)
    fixable = {**all_codemods(), **user_codemods(settings.rules)}
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
        click.echo(f"{row['code']}  {row['name']:{width}}  {row['level']:8}  {mark}  {row['summary']}")
