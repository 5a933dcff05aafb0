"""Pipfile and Pipfile.lock."""

from __future__ import annotations

import json
import re

from .requirement import Role, Syntax
from .source import Reading
from .specifiers import pep440, prefix
from .toml_tables import add_version, constraints, document, tables, value


def read(reading: Reading) -> None:
    """Take down what a Pipfile states."""
    doc = document(reading)
    if doc is None:
        return
    constraints(reading, doc, ("packages",), _version, Syntax.PEP440)
    constraints(reading, doc, ("dev-packages",), _version, Syntax.PEP440, Role.OPTIONAL, "dev-packages")
    for key in ("python_full_version", "python_version"):
        python = doc.string(("requires", key))
        if python is not None:
            add_version(reading, "python", python, prefix, syntax=Syntax.VERSION)
            return


def read_lock(reading: Reading) -> None:
    """Take down what a Pipfile.lock states."""
    text = reading.source.text
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        reading.problem(None, f"is no valid JSON ({str(error)[:80]}): run `pipenv lock` again")
        return
    for section, role in (("default", None), ("develop", Role.OPTIONAL)):
        start = text.find(f'"{section}"')
        for name, entry in tables(data, section):
            version = value(entry, "version")
            if not isinstance(version, str):
                continue
            # pipenv writes each entry over its own lines; the entry's brace closes after its version.
            layout = rf'"{re.escape(name)}"\s*:\s*\{{[^{{}}]*?"version"\s*:\s*("[^"\n]*")'
            found = re.compile(layout).search(text, start)
            span = found.span(1) if found and found[1][1:-1] == version else (0, 0)
            piece = reading.source.literal(version, *span)
            group = "develop" if role is not None else None
            add_version(reading, name, piece, _version, syntax=Syntax.PEP440, role=role, marker=group)


def _version(text: str) -> str:
    return "" if text.strip() == "*" else pep440(text)
