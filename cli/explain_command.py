"""``mlfix explain``."""

from __future__ import annotations

import inspect
import json
import re

import click

from ..analyzer.rule import Rule
from .options import available_rules, find_rule, project_settings


@click.command("explain")
@click.argument("rule", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(rule: str | None, format_: str) -> None:
    """Print what a rule finds, why it is bad, what you see in a run, and how safe its fix is."""
    known = available_rules(project_settings())
    if rule is None:
        raise click.UsageError("name a rule: " + ", ".join(r.name for r in known))
    found = find_rule(known, rule)
    if format_ == "json":
        row = {"name": found.name, "code": found.code, "level": found.level.value, "symptom": found.symptom}
        proof = {"probe": found.proof.probe, "quantity": found.proof.quantity}
        click.echo(json.dumps({**row, "proof": proof, "explanation": documentation(found)}, indent=1))
        return
    click.echo(as_markdown(found), nl=False)


def documentation(rule: Rule) -> str:
    """The rule's docstring, dedented."""
    return inspect.getdoc(type(rule)) or ""


def summary(rule: Rule) -> str:
    """The documentation's first sentence, on one line."""
    body = re.sub(r"\A.+\n-{3,}\n+", "", documentation(rule))
    paragraph = " ".join(body.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph, maxsplit=1)[0]


def as_markdown(rule: Rule) -> str:
    """A rule's page; the documentation is made of the same text."""
    body = re.sub(r"^(.+)\n-{3,}\n+", r"## \1\n\n", documentation(rule), flags=re.MULTILINE)
    body = re.sub(r"::$", ":", body, flags=re.MULTILINE)
    proof = f"Proof: `{rule.proof.probe}`, {rule.proof.quantity}."
    return f"# {rule.name} ({rule.code})\n\nLevel: **{rule.level}**. {proof}\n\n{body}\n"
