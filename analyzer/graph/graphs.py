"""The project's graphs (networkx): what imports, derives from, calls and makes what; what entry points reach."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ..source.facts import IMPORT_STAR, FileFacts
from .symbols import Symbol

if TYPE_CHECKING:
    import networkx as nx

    from .project import Project

_TEST_FOLDERS = {"test", "tests", "testing"}


class Graphs:
    """Graphs over files (paths) and symbols, each built on first use.

    Nodes of :attr:`imports` are paths; nodes of :attr:`uses` are :class:`Symbol`, where a file's own top-level code is
    ``Symbol(path, "")``. Edges run from the user to what it uses.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def imports(self) -> nx.DiGraph:
        """Which file imports which."""
        graph = _new_graph()
        graph.add_nodes_from(self.project.files)
        for path, targets in self._imported.items():
            graph.add_edges_from((path, target, {"line": line}) for target, line in targets.items())
        return graph

    @cached_property
    def _imported(self) -> dict[str, dict[str, int]]:
        """For each file, the files that it imports, each with the line."""
        symbols = self.project.symbols
        found: dict[str, dict[str, int]] = {path: {} for path in self.project.files}
        for path, facts in self.project.files.items():
            for item in facts.imports:
                if symbols.is_outside(item.target):
                    continue
                target = symbols.resolve(path, item.target)
                if isinstance(target, Symbol):
                    found[path][target.path] = item.line
                file = symbols.module_file(path, item.target) if item.local == IMPORT_STAR else None
                if file is not None:
                    found[path][file] = item.line
        return found

    @cached_property
    def _importing(self) -> dict[str, list[str]]:
        """For each file, the files that import it."""
        found: dict[str, list[str]] = {path: [] for path in self.project.files}
        for path, targets in self._imported.items():
            for target in targets:
                found[target].append(path)
        return found

    @cached_property
    def classes(self) -> nx.DiGraph:
        """Which class derives from which; bases outside the project are dotted names."""
        graph = _new_graph()
        for path, facts in self.project.files.items():
            for klass in facts.classes:
                symbol = Symbol(path, klass.qualname)
                graph.add_node(symbol)
                for base in self.project.symbols.base_symbols(symbol):
                    graph.add_edge(symbol, base)
        return graph

    @cached_property
    def calls(self) -> nx.DiGraph:
        """Which function (or top-level code) calls or instantiates which; ``line`` and ``path`` on each edge."""
        graph = _new_graph()
        for path, facts in self.project.files.items():
            for call in facts.calls:
                target = self.project.called(path, call)
                if target is not None:
                    graph.add_edge(Symbol(path, call.scope), target, path=path, line=call.line)
        return graph

    def entry_points(self) -> list[str]:
        """Files that a person runs: guarded or top-level scripts, console scripts' modules, ``__main__`` modules.

        Tests and packaging scripts do not count.
        """
        files = self.project.files
        scripts = {p for name in self.project.console_scripts if (p := self._file_of(name)) is not None}
        return sorted(p for p, facts in files.items() if p in scripts or _is_script(p, facts))

    def _file_of(self, dotted: str) -> str | None:
        for folder in ("", "src/"):
            for tail in (".py", "/__init__.py"):
                path = folder + dotted.replace(".", "/") + tail
                if path in self.project.files:
                    return path
        return None

    @cached_property
    def reachable_files(self) -> frozenset[str]:
        """Files that some entry point imports, directly or not; the entry points too."""
        return frozenset(found for entry in self.entry_points() for found in (entry, *self.imported_by(entry)))

    def imported_by(self, *paths: str) -> set[str]:
        """The other files that some files import, directly or not."""
        return _beyond(paths, self._imported)

    def importers_of(self, path: str) -> set[str]:
        """The files that import a file, directly or not."""
        return _beyond([path], self._importing)


def _beyond(starts: Collection[str], following: Mapping[str, Iterable[str]]) -> set[str]:
    """All that is reached from some files, without them. Plain, since a fix asks for it and networkx loads slowly."""
    queue = [*starts]
    found = {*queue}
    while queue:
        new = set(following[queue.pop()]) - found
        found |= new
        queue += new
    return found.difference(starts)


def _new_graph() -> nx.DiGraph:
    # Imported here: most scans ask for no graph, and the import costs a tenth of a second.
    import networkx as nx

    return nx.DiGraph()


def is_test(path: str) -> bool:
    """Whether a path is a test by the conventions of pytest and unittest."""
    folders, name = posixpath.split(path)
    return (
        name.startswith("test_")
        or name.endswith("_test.py")
        or name == "conftest.py"
        or any(part in _TEST_FOLDERS for part in folders.split("/"))
    )


def _is_script(path: str, facts: FileFacts) -> bool:
    name = posixpath.basename(path)
    if name in ("setup.py", "conftest.py", "__init__.py") or is_test(path):
        return False
    return facts.has_main_guard or facts.runs_at_import or name == "__main__.py"
