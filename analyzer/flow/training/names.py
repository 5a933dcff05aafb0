"""How another file imports the names that a slice of a program uses."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable

from ...graph.project import Project
from ...source.module import Module
from ...source.scopes import Kind
from .slices import is_local
from .step import Level, Unclear


class Imports:
    """The import lines of a written file, by the name that each binds, and the folders they are found from."""

    def __init__(self, project: Project, reserved: Iterable[str], script: str | None) -> None:
        self.project = project
        self.reserved = frozenset(reserved)
        self.script = script
        """A file that cannot be imported, since it trains at its top level."""
        self.lines: dict[str, str] = {}
        self.folders: dict[str, None] = {}

    def need(self, level: Level, nodes: Iterable[ast.AST]) -> None:
        """Import all that the nodes, of one level, use from outside of it.

        Raises:
            Unclear: something cannot be imported, or two things have one name.
        """
        for node in nodes:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and not is_local(level.scope, inner.id):
                    line = self._line(level.module, inner.id)
                    if line is not None:
                        self._add(inner.id, line)

    def _add(self, name: str, line: str) -> None:
        if name in self.reserved:
            raise Unclear(f"the program's name `{name}` is taken by the tests")
        if self.lines.setdefault(name, line) != line:
            raise Unclear(f"`{name}` means different things in the files that it goes through")

    def _line(self, module: Module, name: str) -> str | None:
        bindings = module.root_scope.bindings.get(name)
        if not bindings:
            return None
        if all(b.kind is Kind.IMPORT for b in bindings):
            return _imported(self._package(module.path), module, name)
        if module.path == self.script:
            raise Unclear(f"it needs `{name}` of {module.path}, and importing that file would run it")
        return f"from {self.dotted(module.path)} import {name}"

    def _package(self, path: str) -> str:
        name = self.dotted(path)
        return name if posixpath.basename(path) == "__init__.py" else name.rpartition(".")[0]

    def dotted(self, path: str) -> str:
        """The name by which a file is imported: as other files do it, else from the folder above its packages."""
        folder, base = posixpath.split(path)
        stem = "" if base == "__init__.py" else base.removesuffix(".py")
        for other, facts in self.project.files.items():
            for item in facts.imports:
                if not item.target.startswith(".") and path not in (other,):
                    for name in (item.target, item.target.rpartition(".")[0]):
                        if name and self.project.symbols.module_file(other, name) == path:
                            ending = "/" + name.replace(".", "/")
                            whole = "/" + (posixpath.join(folder, stem) if stem else folder)
                            if whole.endswith(ending):
                                self.folders[whole.removesuffix(ending).strip("/")] = None
                                return name
        parts = [stem] if stem else []
        while folder and f"{folder}/__init__.py" in self.project.files:
            folder, _, last = folder.rpartition("/")
            parts.insert(0, last)
        self.folders[folder] = None
        return ".".join(parts)


def runs_when_imported(module: Module, node: ast.AST) -> bool:
    """Whether a node of the top level runs on import: it stands outside of the main guard."""
    return not any(
        isinstance(a, ast.If) and isinstance(a.test, ast.Compare) and "__main__" in ast.unparse(a.test)
        for a in module.ancestors(node)
    )


def _imported(package: str, module: Module, name: str) -> str | None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    return f"import {alias.name} as {name}" if alias.asname else f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    origin = node.module or ""
                    if node.level:
                        above = package.split(".") if package else []
                        above = above[: len(above) - node.level + 1]
                        origin = ".".join([*above, *([origin] if origin else [])])
                    renamed = f" as {name}" if alias.asname else ""
                    return f"from {origin} import {alias.name}{renamed}"
    return None
