"""A probe's page: what it measures, what is healthy, and where that comes from."""

from __future__ import annotations

import inspect
import re
from typing import Any

from ..analyzer.runtime.agent.probe import Probe
from ..rules.knowledge import healthy_ranges

_SECTION = re.compile(r"^(.+)\n-{3,}(?:\n+|$)", re.MULTILINE)
_WORDS = ("source", "note")


def probe_documentation(probe: Probe) -> str:
    """The probe's docstring."""
    return inspect.getdoc(type(probe)) or ""


def probe_summary(probe: Probe) -> str:
    """Its first sentence."""
    return " ".join(probe_documentation(probe).partition("\n\n")[0].split())


def probe_as_data(probe: Probe) -> dict[str, Any]:
    """Everything that is known of a probe, as plain data."""
    return {
        "name": probe.name,
        "default": probe.default,
        "unit": probe.unit,
        "healthy": healthy_ranges().get(probe.name, {}),
        "rules": list(probe.rules),
        "look_next": probe.look_next,
        "explanation": probe_documentation(probe),
    }


def probe_as_markdown(probe: Probe) -> str:
    """A probe's page; the documentation is made of the same text."""
    body = _SECTION.sub(r"## \1\n\n", probe_documentation(probe))
    facts = [
        f"Value: {probe.unit}." if probe.unit else "",
        "" if probe.default else f"Runs only with `--with {probe.name}`.",
    ]
    lead = " ".join(["A probe of `mlfix probe` and `mlfix verify`.", *filter(None, facts)])
    return f"# {probe.name}\n\n{lead}\n\n{body}\n\n{_limits(probe)}\n\n{_explained(probe)}\n"


def _limits(probe: Probe) -> str:
    row = healthy_ranges().get(probe.name, {})
    limits = {name: value for name, value in row.items() if name not in _WORDS}
    note = row.get("note", "")
    lines = ["## Limits", "", f"{note[:1].upper()}{note[1:]}." if note else "", ""]
    if limits:
        lines += ["| Limit | Value |", "| --- | --- |", *(f"| `{n}` | {_number(v)} |" for n, v in limits.items()), ""]
    lines.append(f"Source: {row.get('source', 'none')}.")
    if limits:
        name, value = next(iter(limits.items()))
        setting = f"`[tool.mlfix.healthy.{probe.name}]` with `{name} = {_number(value)}`"
        lines += ["", f"The configuration overrides them: {setting}."]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _number(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _explained(probe: Probe) -> str:
    rules = ", ".join(f"`{rule}`" for rule in probe.rules)
    known = f"Rules whose bug an unhealthy reading is a symptom of: {rules}. " if rules else ""
    return (
        f"## What to do\n\n{known}Where none of them finds anything: {probe.look_next[:1].lower()}{probe.look_next[1:]}"
    )
