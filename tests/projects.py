"""Projects held in memory, for tests of what the analyzer knows of code."""

from __future__ import annotations

import ast
from pathlib import Path

from mlfix.analyzer.graph.project import Project
from mlfix.analyzer.project.dependencies import DependencyTable
from mlfix.analyzer.reading import facts_by_path, read_file
from mlfix.analyzer.source.module import Module
from mlfix.analyzer.source.reader import Sources

NOWHERE = Path("/nowhere")


def project_of(files: dict[str, str]) -> Project:
    sources = Sources(NOWHERE, {p: t.encode() for p, t in files.items()})
    readings = [read_file(sources, p, ()) for p in files if p.endswith(".py")]
    assert all(r.facts for r in readings), [r.problem for r in readings]
    return Project(sources, facts_by_path(readings), DependencyTable(), [p for p in files if not p.endswith(".py")])


def only(module: Module, code: str) -> ast.expr:
    """The last expression of a file whose text is ``code``."""
    found = [n for n in ast.walk(module.tree) if isinstance(n, ast.expr) and module.segment(n) == code]
    return max(found, key=lambda n: (n.lineno, n.col_offset))
