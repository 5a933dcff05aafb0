"""Writes ``docs/rules/``: a page a rule and their list, from the rules themselves. ``--check`` only tells."""

from __future__ import annotations

import sys
from pathlib import Path

from mlfix.analyzer.rule import Rule
from mlfix.cli.explain_command import as_markdown, summary
from mlfix.codemods import all_codemods
from mlfix.rules import all_rules

FOLDER = Path(__file__).resolve().parent / "rules"


def pages() -> dict[str, str]:
    """The text of every page, by file name."""
    rules = all_rules()
    return {"index.md": _index(rules), **{f"{rule.name}.md": as_markdown(rule) for rule in rules}}


def outdated(folder: Path = FOLDER) -> list[str]:
    """Names of the pages that are missing, differ, or belong to no rule."""
    wanted = pages()
    there = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.md")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Make the pages what they should be, and return the names of those that changed."""
    wanted = pages()
    changed = outdated(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


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
            print(f"docs/rules/{page} is not up to date: run `make docs`", file=sys.stderr)
        sys.exit(1 if stale else 0)
    for page in write():
        print(f"docs/rules/{page}")
