"""Imports of a name that a module of the project does not have, where it has the same model under another name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.facts import IMPORT_STAR, Import
from ...analyzer.source.module import Module
from ._architecture_names import core_of, read_name
from ._models import is_backbone

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "AttributeError", "BaseException"})


@dataclass(frozen=True, eq=False)
class MissingName:
    """An import that fails, the class that it must have meant, and the ``try`` that hides it, if one does."""

    module: Module
    statement: ast.ImportFrom
    alias: ast.alias
    meant: Symbol
    guard: ast.Try | None


def missing_names(project: Project) -> Iterator[MissingName]:
    """Every such import in reached code."""
    for path, facts in project.files.items():
        if is_test(path) or Symbol(path, "") not in project.reach.reached:
            continue
        for item in facts.imports:
            source = _source(project, path, item)
            if source is not None and source != path:
                meant = _meant(project, source, item.target.rpartition(".")[2])
                place = _place(project, path, item) if meant is not None else None
                if meant is not None and place is not None:
                    yield MissingName(*place, meant, _guard(*place))


def _source(project: Project, path: str, item: Import) -> str | None:
    """The project's file that should have the imported name, and by its facts has not."""
    if item.local == IMPORT_STAR or isinstance(project.symbols.resolve(path, item.target), Symbol):
        return None
    name = item.target.lstrip(".")
    base = item.target[: len(item.target) - len(name)] + name.rpartition(".")[0]
    file = project.symbols.module_file(path, base) if "." in name else None
    missing = name.rpartition(".")[2]
    if file is None or project.symbols.local(file, missing) is not None:
        return None
    return file


def _meant(project: Project, file: str, name: str) -> Symbol | None:
    """The only class of a file that is no part of any program and has the missing name's core."""
    facts = project.files[file]
    if facts.is_dynamic or any(i.local == IMPORT_STAR for i in facts.imports):
        return None
    module = project.try_module(file)
    if module is None or name in module.root_scope.bindings or "__getattr__" in module.root_scope.bindings:
        return None
    wanted = read_name(name)
    found = [
        Symbol(file, k.qualname)
        for k in facts.classes
        if "." not in k.qualname
        and len(core_of(wanted)) > 2
        and core_of(read_name(k.qualname)) == core_of(wanted)
        and is_backbone(project, Symbol(file, k.qualname))
        and Symbol(file, k.qualname) not in project.reach.reached
    ]
    return found[0] if len(found) == 1 else None


def _place(project: Project, path: str, item: Import) -> tuple[Module, ast.ImportFrom, ast.alias] | None:
    module = project.try_module(path)
    for node in ast.walk(module.tree) if module is not None else ():
        if module is not None and isinstance(node, ast.ImportFrom) and node.lineno == item.line:
            for alias in node.names:
                if (alias.asname or alias.name) == item.local:
                    return module, node, alias
    return None


def _guard(module: Module, statement: ast.ImportFrom, alias: ast.alias) -> ast.Try | None:
    """The ``try`` around an import that goes on without it."""
    for above in module.ancestors(statement):
        if isinstance(above, ast.Try) and any(_catches(h) for h in above.handlers):
            return above
    return None


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(n, ast.Name) and n.id in _CAUGHT for n in ast.walk(handler.type))
