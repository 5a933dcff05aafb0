"""``mlfix explain``."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import click

from ..analyzer import suppressions
from ..analyzer.rule import Rule
from ..analyzer.runtime.readings import probes
from ..codemods.styles import style_summary, styles_of
from .options import available_rules, find_rule, project_settings
from .probe_page import probe_as_data, probe_as_markdown

_SECTION = re.compile(r"^(.+)\n-{3,}(?:\n+|$)", re.MULTILINE)

_UNUSED = f"""\
# {suppressions.NAME} ({suppressions.CODE})

Finds `# mlfix: ignore[RULE]` and `# mlfix: ignore-file[RULE]` comments that silence nothing, although the rule ran: the
bug is gone, or the comment is on the wrong line. Left alone, it would hide the next real finding there.

It comes with every scan. `--ignore {suppressions.NAME}`, or `ignore` in the configuration, turns it off.
"""


@click.command("explain")
@click.argument("rule", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(rule: str | None, format_: str) -> None:
    """Print what a rule finds, why it is bad, what you see in a run, and how safe its fix is; or what a probe reads."""
    known = available_rules(project_settings())
    if rule is None:
        raise click.UsageError("name a rule: " + ", ".join(r.name for r in known))
    if rule in (suppressions.NAME, suppressions.CODE) and format_ == "text":
        click.echo(_UNUSED, nl=False)
        return
    probe = next((p for p in probes() if p.name == rule), None)
    found = next((r for r in known if rule in (r.name, r.code)), None)
    if found is None and probe is None:
        find_rule(known, rule)  # says which names are near
    if format_ == "json":
        data = rule_as_data(found) if found is not None else probe_as_data(probe) if probe is not None else {}
        click.echo(json.dumps(data, indent=1))
        return
    # A rule and a probe may share a name: both are what was asked for.
    pages = [as_markdown(found)] if found is not None else []
    pages += [probe_as_markdown(probe)] if probe is not None else []
    click.echo("\n".join(pages), nl=False)


def rule_as_data(rule: Rule) -> dict[str, Any]:
    """A rule as plain data."""
    row = {"name": rule.name, "code": rule.code, "level": rule.level.value, "symptom": rule.symptom}
    proof = {"probe": rule.proof.probe, "quantity": rule.proof.quantity}
    styles = {name: style_summary(codemod) for name, codemod in styles_of(rule.name).items()}
    return {**row, "proof": proof, "styles": styles, "explanation": rule.documentation()}


def summary(rule: Rule) -> str:
    """What it finds in one sentence: the first of its documentation, before any section; else of its file."""
    lead = rule.documentation().partition("\n\n")[0]
    if _SECTION.match(lead):
        file = inspect.getmodule(type(rule))
        lead = (inspect.getdoc(file) if file is not None else "") or _SECTION.sub("", rule.documentation())
    sentence = " ".join(lead.partition("\n\n")[0].split()).removeprefix(f"{rule.code}: ")
    sentence = sentence[:1].upper() + sentence[1:]
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", sentence, maxsplit=1)[0]


def as_headings(text: str) -> str:
    """A docstring's sections as Markdown's."""
    return re.sub(r"::$", ":", _SECTION.sub(r"## \1\n\n", text), flags=re.MULTILINE)


def as_markdown(rule: Rule) -> str:
    """A rule's page; the documentation is made of the same text."""
    body = as_headings(rule.documentation())
    proof = f" Proof: `{rule.proof.probe}`, {rule.proof.quantity}." if rule.proof.probe else ""
    for name, codemod in styles_of(rule.name).items():
        body += f"\n\n## Style `{name}`\n\n`mlfix apply --rule {rule.name} --style {name}`: {style_summary(codemod)}"
    code = f" ({rule.code})" if rule.code != rule.name else ""
    return f"# {rule.name}{code}\n\nLevel: **{rule.level}**.{proof}\n\n{body}\n"
