"""Writes ``docs/rules/`` and ``docs/probes/``: a page each, and lists, from the classes. ``--check`` only tells."""

from __future__ import annotations

import sys
from pathlib import Path

from mlfix.analyzer.rule import Rule
from mlfix.analyzer.runtime.agent.probe import Probe
from mlfix.analyzer.runtime.readings import probes
from mlfix.cli.explain_command import as_markdown, summary
from mlfix.cli.probe_page import probe_as_markdown, probe_summary
from mlfix.codemods import all_codemods
from mlfix.rules import all_rules

FOLDER = Path(__file__).resolve().parent


def pages() -> dict[str, str]:
    """The text of every page, by its path in the folder."""
    rules = all_rules()
    found = {"rules/index.md": _index(rules), "probes/index.md": _probes(probes())}
    found |= {f"rules/{rule.name}.md": as_markdown(rule) for rule in rules}
    return found | {f"probes/{probe.name}.md": probe_as_markdown(probe) for probe in probes()}


def outdated(folder: Path = FOLDER) -> list[str]:
    """Paths of the pages that are missing, differ, or belong to nothing."""
    wanted = pages()
    present = [p for kind in ("rules", "probes") for p in (folder / kind).glob("*.md")]
    there = {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in present}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Make the pages what they should be, and return the paths of those that changed."""
    wanted = pages()
    changed = outdated(folder)
    for name in changed:
        if name in wanted:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def _probes(found: tuple[Probe, ...]) -> str:
    rows = [f"| [{p.name}]({p.name}.md) | {probe_summary(p)} | {'' if p.default else 'with `--with`'} |" for p in found]
    head = ["# Probes", "", "| Probe | What it reads | Runs |", "| --- | --- | --- |"]
    tail = ["", "What is healthy is on each page, with its source. `mlfix explain PROBE` prints the page.", ""]
    return "\n".join([*head, *rows, *tail])


def _index(rules: tuple[Rule, ...]) -> str:
    fixable = all_codemods()
    rows = []
    for rule in rules:
        has_fix = "yes" if rule.name in fixable else "no"
        what = summary(rule).replace("|", "\\|")
        rows.append(f"| {rule.code} | [{rule.name}]({rule.name}.md) | {rule.level} | {has_fix} | {what} |")
    head = ["# Rules", "", "| Code | Rule | Level | Fix | What it finds |", "| --- | --- | --- | --- | --- |"]
    tail = ["", "Levels: a bug that *breaks* the training, *degrades* its result, or *wastes* what it is given.", ""]
    return "\n".join([*head, *rows, *tail])


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        stale = outdated()
        for page in stale:
            print(f"docs/{page} is not up to date: run `make docs`", file=sys.stderr)
        sys.exit(1 if stale else 0)
    for page in write():
        print(f"docs/{page}")
