"""Runs a rule on files held in memory, and its fix to a fixed point, as the engine would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mlfix.analyzer.checking import check_file, check_project, number_occurrences
from mlfix.analyzer.findings import Applicability, Edit, Finding
from mlfix.analyzer.graph.project import Project
from mlfix.analyzer.project.dependencies import is_dependency_file, read_dependencies
from mlfix.analyzer.reading import facts_by_path, read_file
from mlfix.analyzer.rule import Files, Rule
from mlfix.analyzer.source.reader import Sources
from mlfix.codemods import all_codemods
from mlfix.codemods.edits import apply_edits, choose
from mlfix.codemods.imports import taken_elsewhere
from mlfix.codemods.unused_imports import clearing

MOST_ROUNDS = 10


def _clearing(project: Project, path: str, edits: Sequence[Edit]) -> list[Edit]:
    if not path.endswith(".py"):
        return []
    return clearing(project.module(path), edits, lambda name: taken_elsewhere(project, path, name))


def as_files(source: Files) -> dict[str, str]:
    return {"train.py": source} if isinstance(source, str) else dict(source)


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())


def project_of(root: Path, files: Mapping[str, str], rule: Rule) -> Project:
    write(root, files)
    sources = Sources(root)
    python = [p for p in files if p.endswith(".py")]
    readings = [read_file(sources, p, [rule]) for p in python]
    assert not [r.problem for r in readings if r.problem], [r.problem for r in readings if r.problem]
    others = sorted(set(files) - set(python))
    dependencies = read_dependencies(root, [p for p in files if is_dependency_file(p)])
    return Project(sources, facts_by_path(readings), dependencies, others)


def findings_of(root: Path, files: Mapping[str, str], rule: Rule) -> list[Finding]:
    project = project_of(root, files, rule)
    found: list[Finding] = []
    for path in project.files:
        checked = check_file(project, path, [rule], all_codemods())
        assert not checked.problems, checked.problems
        found += checked.findings
    checked = check_project(project, [rule], all_codemods())
    assert not checked.problems, checked.problems
    return number_occurrences([*found, *checked.findings])


def fixed_files(root: Path, files: Mapping[str, str], rule: Rule) -> dict[str, str]:
    """The files after every safe and unsafe fix of the rule, applied until none is left."""
    texts = dict(files)
    for _ in range(MOST_ROUNDS):
        findings = [
            f
            for f in findings_of(root, texts, rule)
            if f.fix is not None and f.fix.applicability is not Applicability.ADVICE
        ]
        if not findings:
            return texts
        project = project_of(root, texts, rule)
        for path, edits in choose(findings).edits.items():
            texts[path] = apply_edits(texts[path], [*edits, *_clearing(project, path, edits)])
    raise AssertionError("the fixes of this rule never come to an end")
