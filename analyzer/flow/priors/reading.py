"""Which labels a program reads: from the calls that open files to the label files at hand."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...findings import Evidence
from ...project.labels import Labels
from ...source.module import Module
from ...source.scopes import last_name
from ..settings import Configured, Setting
from ..settings.paths import ANYTHING, Patterns, matching
from ..values.frames import Operand

if TYPE_CHECKING:
    from ...graph.project import Project

_TABLES = frozenset({"open", "read_csv", "read_table", "genfromtxt", "loadtxt", "from_csv", "scan_csv"})
_PARQUET = frozenset({"read_parquet", "scan_parquet", "from_parquet"})
_ARRAYS = frozenset({"load"})
_OPTIONS = frozenset(
    {
        *("comment", "comments", "skiprows", "skip_rows", "skip_header", "header", "names", "sep", "separator"),
        *("delimiter", "encoding", "encoding_errors", "errors", "on_bad_lines", "error_bad_lines", "ignore_errors"),
        *("engine", "dialect", "quoting", "quotechar", "skipfooter", "truncate_ragged_lines", "compression", None),
    }
)
"""Keywords by which a program reads a table that is not plain; None stands for unpacked ones."""
_FOLDERS = frozenset({"ImageFolder", "DatasetFolder"})
_COCO = frozenset({"COCO", "CocoDetection"})
READERS = _TABLES | _PARQUET | _ARRAYS | _FOLDERS | _COCO
_HELD_OUT = re.compile(r"(?:^|[^a-z])(?:val(?:id(?:ation)?)?|test(?:ing)?|dev|eval(?:uation)?|held_?out)(?:[^a-z]|$)")
_UNSURE = re.compile(r"(?:^|_)(?:s|pu|observed|annotated|(?:un)?labell?ed|known)(?:_|$)", re.IGNORECASE)
"""Columns that say what is known of an item, not what it is."""


class Read(NamedTuple):
    """Labels that a program reads, with the call that opens them."""

    labels: Labels
    evidence: tuple[Evidence, ...]


def program_of(project: Project, path: str) -> list[str]:
    """A file, the programs that import it, and all that those import: where its data may come from."""
    graphs = project.graphs
    around = {path, *graphs.importers_of(path)}
    entries = [p for p in around if p in set(graphs.entry_points())] or sorted(around)
    return sorted({p for e in entries for p in (e, *graphs.imported_by(e))})


def labels_read(project: Project, paths: Iterable[str]) -> list[Read]:
    """The labels of training that the code of some files opens, files of validation and test left out.

    Args:
        project: the repository.
        paths: files of one program.
    """
    found: dict[Labels, Read] = {}
    for path in paths:
        facts = project.files.get(path)
        lines = sorted({c.line for c in facts.calls if c.callee.rpartition(".")[2] in READERS}) if facts else []
        module = project.try_module(path) if lines else None
        for line in lines:
            for call in module.calls_on(line) if module is not None else ():
                if module is not None and last_name(call.func) in READERS and call.args:
                    for labels in _of_call(project, module, call):
                        note = f"{labels.what} is read here: {_words(labels)}"
                        found.setdefault(labels, Read(labels, (module.evidence(call, note),)))
    return list(found.values())


def _words(labels: Labels) -> str:
    positive = labels.positive
    if positive is None:
        return f"{labels.total} labels"
    return f"{positive[1]} of {labels.total} labels are {positive[0]}"


def _of_call(project: Project, module: Module, call: ast.Call) -> Iterator[Labels]:
    name = last_name(call.func)
    op = project.flow.operand(module, call.args[0])
    wanted = Patterns(project.flow, lambda inner: _texts(project, inner)).of(op)
    plain = [w for w in sorted(wanted) if w.strip("*./") and ANYTHING not in w]
    if name in _FOLDERS:
        for folder in plain:
            for place in _folders(project, folder):
                if not _HELD_OUT.search(place.lower()):
                    yield from project.labels.of_folder(place)
        return
    for text in plain:
        for path in matching(text, project.labels.paths):
            if _HELD_OUT.search(path.lower()):
                continue
            labels = project.labels.of_file(path, is_plain=_is_plain(call))
            yield from _named(module, labels) if labels and labels[0].column else labels


def _is_plain(call: ast.Call) -> bool:
    """Whether a call reads a file as it comes: with no option of its own, and not to write it."""
    modes = [a.value for a in call.args[1:] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    modes += [k.value.value for k in call.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)]
    is_written = any(isinstance(m, str) and not {"w", "a", "x"}.isdisjoint(m) for m in modes)
    return not is_written and _OPTIONS.isdisjoint(k.arg for k in call.keywords)


def _texts(project: Project, op: Operand) -> list[str | None]:
    values = [k.what.value for k in Configured(project).evaluate(op) if isinstance(k.what, Setting)]
    return [v if isinstance(v, str) else None for v in values]


def _folders(project: Project, folder: str) -> list[str]:
    clean = posixpath.normpath(folder).lstrip("./")
    heads = {p[: p.find(f"/{clean}/") + len(clean) + 1] for p in project.data_files if f"/{clean}/" in p}
    return [clean] if any(p.startswith(f"{clean}/") for p in project.data_files) else sorted(heads)[:1]


def _named(module: Module, columns: tuple[Labels, ...]) -> list[Labels]:
    """The column of two classes that the code takes by name; nothing where several may be meant."""
    texts = {n.value for n in ast.walk(module.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    texts |= {n.attr for n in ast.walk(module.tree) if isinstance(n, ast.Attribute)}
    chosen = [c for c in columns if c.positive is not None and c.column in texts and not _UNSURE.search(c.column)]
    return chosen if len(chosen) == 1 else []
