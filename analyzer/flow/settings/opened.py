"""Which configuration files a program surely opens: what is wrong with those is told, and with no others."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...graph.graphs import is_test
from .paths import ANYTHING, Patterns

if TYPE_CHECKING:
    from ...graph.project import Project
    from ..values.frames import Operand

_PLAIN = {"yaml", "ruamel", "ruamel_yaml", "oyaml", "omegaconf", "json", "simplejson", "ujson", "orjson", "rapidjson"}
_PLAIN |= {"toml", "tomllib", "tomli", "tomlkit", "rtoml"}
"""Packages that read their format and nothing else; others fill in templates or take more than the format has."""
_FROM_PATH = {"omegaconf", "toml"}


def surely_opened(
    project: Project, op: Operand, paths: Iterable[str], settings: Callable[[Operand], Iterable[str | None]]
) -> list[str]:
    """Of files that a loading call may mean, those that it opens whenever nobody chooses another.

    The code names the whole path, by a literal, an option's default or from its own place (``__file__``); it lies there
    from the folder of the code or one above it; and nothing changes the text on the way to the parser.
    """
    call = op.node
    assert isinstance(call, ast.Call)
    called = project.external(op.module, call.func)
    top = called.partition(".")[0] if called is not None else "yaml"  # `YAML().load`
    if top not in _PLAIN or is_test(op.module.path) or _goes_on_without(op, call, top):
        return []
    given = op.sub(call.args[0])
    patterns = Patterns(project.flow, settings, here=True)
    wanted = patterns.of(given)
    if patterns.is_guess or (top not in _FROM_PATH and isinstance(given.node, ast.Constant)):
        return []
    meant = {m for w in wanted if ANYTHING not in w for m in _located(w, op.module.path, project.configs.known)}
    return [p for p in paths if p in meant]


def _located(pattern: str, code: str, known: frozenset[str]) -> list[str]:
    """The file at a path, seen from the code's folder and from all above it; nothing where there are several."""
    written = pattern.replace("\\", "/")
    folder = posixpath.dirname(code)
    found: set[str] = set()
    while True:
        path = posixpath.normpath(posixpath.join(folder, written.lstrip("/")))
        if path in known and not (written.startswith("/") and folder):
            found.add(path)
        if not folder:
            return list(found) if len(found) == 1 else []
        folder = posixpath.dirname(folder)


def _goes_on_without(op: Operand, call: ast.Call, top: str) -> bool:
    """Whether the code has something else to do with a text that is no JSON: most often it is JSON by lines."""
    inner: ast.AST = call
    for above in op.module.ancestors(call) if top not in ("yaml", "omegaconf") else ():
        if isinstance(above, ast.Try) and inner in above.body and above.handlers:
            return True
        inner = above
    return False
