"""Command-line options: what ``add_argument`` (argparse, configargparse) and ``click.option`` declare."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ...source.reader import Unreadable
from ...source.scopes import last_name
from .literals import setting_of
from .model import Form, Setting

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_SWITCHES = {"store_true": False, "store_false": True, "store_const": None}
_ALIAS = re.compile(r"=\s*[\w.]+\.add_argument\s*(?:#|$)", re.MULTILINE)
_PARSERS = {"argparse", "configargparse", "jsonargparse"}
_NO_VALUE = {"help", "version"}


@dataclass(frozen=True, eq=False)
class Option:
    """One declared option.

    Attributes:
        name: the attribute of the namespace (``batch_size``).
        flags: as written (``--batch-size``).
        call: the declaration.
        module: its file.
        default: the default's expression; None where it has none.
        is_switch: whether it takes no value (``action="store_true"``).
    """

    name: str
    flags: tuple[str, ...]
    call: ast.Call
    module: Module
    default: ast.expr | None
    is_switch: bool

    @property
    def setting(self) -> Setting | None:
        """The default as a setting; a switch's where its declaration stands, which is no literal to edit."""
        if self.default is not None:
            return setting_of(self.module, self.default, self.name, Form.OPTION)
        action = keyword(self.call, "action")
        if self.is_switch and isinstance(action, ast.Constant):
            value = _SWITCHES.get(str(action.value))
            where = self.module.location(self.call)
            return Setting(self.name, value, where, str(value), Form.OPTION, editable=False)
        return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a call's keyword argument."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def options_of(module: Module) -> Iterator[Option]:
    """The options that a file declares, in order."""
    for call in declarations(module):
        found = option_of(module, call)
        if found is not None:
            yield found


def declarations(module: Module) -> Iterator[ast.Call]:
    """The calls of ``add_argument``, also under another name: ``arg = parser.add_argument``."""
    has_alias = _ALIAS.search(module.text) is not None
    for call in module.calls():
        func = call.func
        if isinstance(func, ast.Attribute):
            if func.attr == "add_argument":
                yield call
        elif has_alias and isinstance(func, ast.Name):
            home = module.scope_of(call).lookup(func.id)
            if home is not None and any(_is_method(b.value) for b in home.bindings.get(func.id, ())):
                yield call


def _is_method(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Attribute) and value.attr == "add_argument"


def may_declare(project: Project, path: str) -> bool:
    """Whether a file declares options at all; it is not parsed for that."""
    facts = project.files.get(path)
    if facts is None:
        return False
    if any(name.endswith("add_argument") for name in facts.called):
        return True
    if not any(i.target.partition(".")[0] in _PARSERS for i in facts.imports):
        return False
    try:
        return _ALIAS.search(project.sources.read(path).decode(errors="replace")) is not None
    except Unreadable:
        return False


def option_of(module: Module, call: ast.Call) -> Option | None:
    """The option that one call declares; None where its name is computed, or it is only help or version."""
    flags = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if not flags or len(flags) != len(call.args):
        return None
    action = keyword(call, "action")
    how = action.value if isinstance(action, ast.Constant) else None
    if how in _NO_VALUE:
        return None
    dest = keyword(call, "dest")
    if isinstance(dest, ast.Constant) and isinstance(dest.value, str):
        name = dest.value
    elif dest is not None:
        return None
    else:
        long = next((f for f in flags if f.startswith("--")), flags[0])
        name = long.lstrip("-").replace("-", "_")
    if not name.isidentifier():
        return None
    is_switch = how in _SWITCHES or (action is not None and last_name(action) == "BooleanOptionalAction")
    return Option(name, tuple(flags), call, module, keyword(call, "default"), is_switch)


def declared(project: Project, path: str, name: str) -> list[Option]:
    """The options of a name that a namespace made in one file has: its own file's, else those of what it imports."""
    own = _named(project, path, name)
    if own:
        return own
    found: list[Option] = []
    for other in sorted(project.graphs.imported_by(path)):
        found += _named(project, other, name)
    return found


def _named(project: Project, path: str, name: str) -> list[Option]:
    module = project.try_module(path) if may_declare(project, path) else None
    return _by_name(module).get(name, []) if module is not None else []


@lru_cache(maxsize=8)
def _by_name(module: Module) -> dict[str, list[Option]]:
    found: dict[str, list[Option]] = {}
    for option in options_of(module):
        found.setdefault(option.name, []).append(option)
    return found


def click_option(project: Project, module: Module, function: ast.AST, name: str) -> Setting | None:
    """The default that a ``@click.option`` above a function gives one of its parameters."""
    for decorator in getattr(function, "decorator_list", ()):
        if not isinstance(decorator, ast.Call):
            continue
        called = project.external(module, decorator.func) or ""
        if called.partition(".")[0] not in ("click", "rich_click", "asyncclick") or not called.endswith("option"):
            continue
        flags = [a.value for a in decorator.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name in {f.lstrip("-").replace("-", "_") for f in flags}:
            default = keyword(decorator, "default")
            return setting_of(module, default, name, Form.OPTION) if default is not None else None
    return None
