"""What is put inside the user's process: any Python from 3.8 reads it, and it brings nothing along."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlfix.analyzer.runtime import agent

FOLDER = Path(agent.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
NAMES = [f.relative_to(FOLDER).as_posix() for f in FILES]
LATE = {"torch", "numpy"}  # imported inside of functions alone, where the program has imported them


def imports(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements that run, and whether they stand in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, inside
        elif isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            yield from imports(ast.Module(child.orelse, []), inside)
        else:
            yield from imports(child, inside or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))


def complaints(path: Path, text: str) -> list[str]:
    """What is wrong with a file of the agent."""
    found = []
    depth = len(path.parent.relative_to(FOLDER).parts) + 1
    for node, inside in imports(ast.parse(text, feature_version=(3, 8))):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.level > depth:
                found.append(f"line {node.lineno} reaches outside of the agent")
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            if top in LATE and not inside:
                found.append(f"line {node.lineno} imports {top} before the program does")
            elif top not in LATE and top not in sys.stdlib_module_names:
                found.append(f"line {node.lineno} imports {top}")
    return found


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_of_the_agent_parses_on_old_pythons_and_imports_only_what_is_there(path: Path) -> None:
    assert complaints(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_annotations_are_not_evaluated(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    annotated = any(isinstance(n, (ast.AnnAssign, ast.arg)) and n.annotation for n in ast.walk(ast.parse(text)))
    assert not annotated or "from __future__ import annotations" in text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import torch", "line 1 imports torch before the program does"),
        ("import click", "line 1 imports click"),
        ("def f():\n    from packaging import version", "line 2 imports packaging"),
        ("from ...trace import Trace", "line 1 reaches outside of the agent"),
        ("def f():\n    import torch", None),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ...trace import Trace", None),
        ("from ..session import Session", None),
    ],
)
def test_the_test_tells(text: str, complaint: str | None) -> None:
    assert complaints(FOLDER / "probes" / "some.py", text) == ([complaint] if complaint else [])


def test_newer_syntax_is_refused() -> None:
    with pytest.raises(SyntaxError):
        complaints(FOLDER / "some.py", "match x:\n    case 1:\n        pass\n")
