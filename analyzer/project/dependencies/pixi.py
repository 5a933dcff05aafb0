"""pixi's manifest, in pixi.toml or under `[tool.pixi]` of pyproject.toml."""

from __future__ import annotations

from ..toml_spans import Document, Key
from .requirement import Role, Syntax
from .source import Reading
from .specifiers import conda, pep440
from .toml_tables import constraints, document, tables


def read(reading: Reading) -> None:
    """Take down what a pixi.toml states."""
    doc = document(reading)
    if doc is not None:
        read_tables(reading, doc, ())


def read_tables(reading: Reading, doc: Document, base: tuple[str, ...]) -> None:
    """Take down pixi's tables below a key."""
    _dependencies(reading, doc, base, None, None)
    for platform, _ in tables(doc.data, *base, "target"):
        _dependencies(reading, doc, (*base, "target", platform), None, f"platform {platform}")
    for feature, _ in tables(doc.data, *base, "feature"):
        _dependencies(reading, doc, (*base, "feature", feature), Role.OPTIONAL, f"feature {feature}")


def _dependencies(reading: Reading, doc: Document, base: Key, role: Role | None, group: str | None) -> None:
    constraints(reading, doc, (*base, "dependencies"), conda, Syntax.CONDA, role, group)
    constraints(reading, doc, (*base, "pypi-dependencies"), _pypi, Syntax.PEP440, role, group)


def _pypi(text: str) -> str:
    return "" if text.strip() == "*" else pep440(text)
