"""The modules that a project's packaging metadata installs as commands: they are entry points of its code."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterable, Iterator

from ..source.reader import Sources, Unreadable, decode, parse
from .files import Discovery

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

_REFERENCE = re.compile(r"^\s*(?:[\w.-]+\s*=\s*)?([A-Za-z_][\w.]*)\s*:")


def read_console_scripts(sources: Sources, discovery: Discovery) -> tuple[str, ...]:
    """Dotted modules of console and GUI scripts in pyproject.toml, setup.cfg and setup.py; files that cannot be read
    add nothing (the dependency reader tells of them).
    """
    found: set[str] = set()
    for path in (*discovery.others, *discovery.python):
        reader = _READERS.get(path.rpartition("/")[2])
        if reader is not None:
            try:
                references = list(reader(path, sources.read(path)))
            except (Unreadable, ValueError, RecursionError, configparser.Error):
                continue
            found.update(m[1] for r in references if isinstance(r, str) and (m := _REFERENCE.match(r)))
    return tuple(sorted(found))


def _pyproject(path: str, data: bytes) -> Iterator[object]:
    table = tomllib.loads(data.decode())
    project, poetry = table.get("project", {}), table.get("tool", {}).get("poetry", {})
    for owner, key in ((project, "scripts"), (project, "gui-scripts"), (poetry, "scripts")):
        scripts = owner.get(key, {}) if isinstance(owner, dict) else {}
        yield from scripts.values() if isinstance(scripts, dict) else ()


def _setup_cfg(path: str, data: bytes) -> Iterator[object]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(data.decode())
    for key in ("console_scripts", "gui_scripts"):
        yield from parser.get("options.entry_points", key, fallback="").splitlines()


def _setup_py(path: str, data: bytes) -> Iterator[object]:
    for node in ast.walk(parse(decode(path, data))):
        if isinstance(node, ast.keyword) and node.arg == "entry_points":
            yield from _strings(node.value)


def _strings(node: ast.AST) -> Iterable[str]:
    return (n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


_READERS = {"pyproject.toml": _pyproject, "setup.cfg": _setup_cfg, "setup.py": _setup_py}
