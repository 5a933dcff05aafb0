"""pyproject.toml: the standard tables, and those of Poetry, PDM, uv, Hatch, Flit, setuptools and pixi."""

from __future__ import annotations

from ..toml_spans import Document
from .names import is_development
from .pixi import read_tables as read_pixi_tables
from .requirement import Role, Syntax
from .source import Include, Reading
from .specifiers import pep440, poetry
from .toml_tables import add_version, constraints, document, strings, tables, value


def read(reading: Reading) -> None:
    """Take down what a pyproject.toml states."""
    doc = document(reading)
    if doc is None:
        return
    _project(reading, doc)
    _groups(reading, doc)
    _poetry(reading, doc)
    _tools(reading, doc)
    _setuptools_files(reading, doc)
    if value(doc.data, "tool", "pixi") is not None:
        read_pixi_tables(reading, doc, ("tool", "pixi"))


def _project(reading: Reading, doc: Document) -> None:
    """PEP 621 and the build system's own needs."""
    strings(reading, doc, ("project", "dependencies"))
    for extra, _ in tables(doc.data, "project", "optional-dependencies"):
        strings(reading, doc, ("project", "optional-dependencies", extra), Role.OPTIONAL, f"extra {extra}")
    python = doc.string(("project", "requires-python"))
    if python is not None:
        add_version(reading, "python", python, pep440, syntax=Syntax.PEP440)
    strings(reading, doc, ("build-system", "requires"), Role.OPTIONAL, "build-system")


def _groups(reading: Reading, doc: Document) -> None:
    """PEP 735."""
    for group, _ in tables(doc.data, "dependency-groups"):
        strings(reading, doc, ("dependency-groups", group), Role.OPTIONAL, f"group {group}")


def _poetry(reading: Reading, doc: Document) -> None:
    base = ("tool", "poetry")
    constraints(reading, doc, (*base, "dependencies"), poetry, Syntax.POETRY)
    constraints(reading, doc, (*base, "dev-dependencies"), poetry, Syntax.POETRY, Role.OPTIONAL, "group dev")
    for group, content in tables(doc.data, *base, "group"):
        # Poetry installs a group unless it is declared optional; a development group says nothing of the program's own.
        optional = is_development(group) or value(content, "optional") is True
        role = Role.OPTIONAL if optional else None
        mark = f"group {group}" if optional else None
        constraints(reading, doc, (*base, "group", group, "dependencies"), poetry, Syntax.POETRY, role, mark)


def _tools(reading: Reading, doc: Document) -> None:
    """Tables of other tools that hold PEP 508 strings."""
    for group, _ in tables(doc.data, "tool", "pdm", "dev-dependencies"):
        strings(reading, doc, ("tool", "pdm", "dev-dependencies", group), Role.OPTIONAL, f"group {group}")
    strings(reading, doc, ("tool", "uv", "dev-dependencies"), Role.OPTIONAL, "group dev")
    strings(reading, doc, ("tool", "uv", "constraint-dependencies"), Role.CONSTRAINT)
    for name, _ in tables(doc.data, "tool", "hatch", "envs"):
        for key in ("dependencies", "extra-dependencies"):
            strings(reading, doc, ("tool", "hatch", "envs", name, key), Role.OPTIONAL, f"environment {name}")
    strings(reading, doc, ("tool", "flit", "metadata", "requires"))


def _setuptools_files(reading: Reading, doc: Document) -> None:
    """Files from which setuptools takes the dependencies (`dynamic = ["dependencies"]`)."""
    for file in _names(value(doc.data, "tool", "setuptools", "dynamic", "dependencies", "file")):
        reading.includes.append(Include(file, 0))


def _names(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [name for name in entry if isinstance(name, str)] if isinstance(entry, list) else []
