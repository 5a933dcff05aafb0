"""Imports run one way: cli -> {codemods, rules, templates} -> analyzer. Read with mlfix's own graph."""

from pathlib import Path

import pytest
from mlfix.analyzer.graph.project import Project
from mlfix.analyzer.project.dependencies import DependencyTable
from mlfix.analyzer.project.files import discover
from mlfix.analyzer.reading import facts_by_path, read_files
from mlfix.analyzer.source.reader import Sources

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "analyzer": {"analyzer"},
    "rules": {"rules", "analyzer"},
    "codemods": {"codemods", "analyzer"},
    "templates": {"templates", "analyzer"},
    "cli": {"cli", "codemods", "rules", "templates", "analyzer"},
}


@pytest.fixture(scope="module")
def house() -> Project:
    sources = Sources(ROOT)
    python = [p for p in discover(ROOT).python if p.partition("/")[0] in ALLOWED]
    return Project(sources, facts_by_path(read_files(sources, python, ())), DependencyTable())


def test_imports_run_one_way(house: Project) -> None:
    edges = [(a.partition("/")[0], b.partition("/")[0], a, b) for a, b in house.graphs.imports.edges]
    assert edges
    assert [(a, b) for top, target, a, b in edges if target not in ALLOWED[top]] == []


def test_scan_and_apply_never_import_torch(house: Project) -> None:
    importing = {
        path
        for path, facts in house.files.items()
        for item in facts.imports
        if item.target.partition(".")[0] in {"torch", "torchvision", "numpy"} and "/agent/" not in path
    }
    assert importing == set()


def test_every_file_holds_one_concept(house: Project) -> None:
    assert {p: f.lines for p, f in house.files.items() if f.lines > 400 and not p.endswith("_cases.py")} == {}


def test_every_package_is_installed() -> None:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    real = {
        "mlfix." + module.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in ALLOWED
        for module in (ROOT / top).rglob("*.py")
    }
    assert set(listed) == real
