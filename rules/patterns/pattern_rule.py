"""A pattern as a rule, beside those written in Python."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from typing import Any

from ...analyzer.findings import Finding
from ...analyzer.graph.project import Project
from ...analyzer.patterns.matching import Filling, Match, matches
from ...analyzer.patterns.syntax import Pattern, chains, filled, hole_name, is_literal
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.collect import dotted
from ...analyzer.source.module import Module
from .entries import Entry

_NO_PROOF = Proof("", "")


class PatternRule(Rule):
    """One entry of a user's file of patterns.

    A file is looked at if it holds the longest word that the pattern asks for; a project's own module that hands on
    an outside name under another one hides it.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        # What is the class's own in a rule written in Python is the object's here.
        vars(self).update(name=entry.name, code=entry.code, level=entry.level, symptom=entry.symptom)
        vars(self).update(proof=_NO_PROOF, triggers=_triggers(entry.pattern))

    @property
    def identity(self) -> str:
        """Changes with the entry."""
        return f"{self.name} {hashlib.sha256(repr(_plain(self.entry)).encode(errors='replace')).hexdigest()[:16]}"

    @property
    def origin(self) -> str:
        """The entry's place."""
        return f"{self.entry.file}:{self.entry.line}"

    def documentation(self) -> str:
        """Made of the entry's texts."""
        entry = self.entry
        sections = {"What it does": f"Finds::\n\n{_indented(entry.pattern.text)}"}
        if entry.where:
            listed = [f"- ``${c.hole}``: {c.kind} {', '.join(c.values)}" for c in entry.where]
            sections["What it does"] += "\n\nwhere\n\n" + "\n".join(listed)
        if entry.symptom:
            sections["What you see"] = entry.symptom
        if entry.fix is not None:
            sections["Fix safety"] = f"{entry.applicability.value.capitalize()}. It becomes::\n\n" + _indented(
                entry.fix.text
            )
        sections["References"] = f"- {entry.file}, line {entry.line}"
        lead = f"{entry.message}\n\n"
        return lead + "\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items())

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Every place that fits the pattern and meets its conditions."""
        entry = self.entry
        for match in matches(entry.pattern, module, project):
            if all(c.holds(match, module, project) for c in entry.where):
                values = _values(match, module)
                yield self.finding(
                    module,
                    match.node,
                    filled(entry.message, values),
                    evidence=[module.evidence(match.node, f"it fits `{' '.join(entry.pattern.text.split())}`")],
                    confidence=entry.confidence,
                    repair=self._repair(match, module, values),
                    no_fix="" if entry.fix is not None else "the rule has none",
                )

    def _repair(self, match: Match, module: Module, values: dict[str, str]) -> dict[str, Any] | None:
        entry = self.entry
        if entry.fix is None:
            return None

        def place(value: Filling) -> str | tuple[int, int]:
            return value if isinstance(value, str) else module.span(value)

        return {
            "fix": entry.fix.marked,
            "title": filled(entry.title, values),
            "applicability": entry.applicability.value,
            "span": module.span(match.node),
            "is_statement": isinstance(match.node, ast.stmt),
            "holes": {name: place(value) for name, value in match.holes.items()},
            "rests": {name: [module.span(n) for n in nodes] for name, nodes in match.rests.items()},
        }


def _values(match: Match, module: Module) -> dict[str, str]:
    holes = {name: v if isinstance(v, str) else module.snippet(v) for name, v in match.holes.items()}
    return {**holes, **{name: ", ".join(module.snippet(n) for n in nodes) for name, nodes in match.rests.items()}}


def _triggers(pattern: Pattern) -> tuple[bytes, ...]:
    """The longest word that every file with a match must hold; () where there is none."""
    words: set[str] = set()
    for chain in chains(pattern.tree):
        name = dotted(chain) or ""
        words.update(name.split(".") if is_literal(name) else [name.rpartition(".")[2]])
    for node in ast.walk(pattern.tree):
        word = getattr(node, "attr", None) if isinstance(node, ast.Attribute) and dotted(node) is None else None
        if isinstance(node, ast.Attribute) and _is_on_a_hole(node):
            word = node.attr
        if isinstance(node, ast.keyword):
            word = node.arg
        if word and hole_name(word) is None:
            words.add(word)
    # A name beyond ASCII may be written in several ways.
    plain = sorted((w for w in words if w.isascii()), key=lambda w: (-len(w), w))
    return (plain[0].encode(),) if plain else ()


def _is_on_a_hole(node: ast.Attribute) -> bool:
    root: ast.AST = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return hole_name(root) is not None


def _plain(entry: Entry) -> tuple[object, ...]:
    """What a rule finds and mends depends on, without syntax trees, whose text has addresses."""
    fix = entry.fix.text if entry.fix is not None else None
    texts = (entry.name, entry.code, entry.level, entry.confidence, entry.message, entry.symptom, entry.pattern.text)
    return (*texts, entry.where, fix, entry.title, entry.applicability)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())
