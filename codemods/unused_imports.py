"""Imports that fixes leave without a use go with them, where nothing else can want them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..analyzer.findings import Edit, Fix
from ..analyzer.graph.project import Project
from ..analyzer.source.facts import FileFacts
from ..analyzer.source.module import Module
from ..analyzer.source.reader import Text, Unreadable, parse
from ..analyzer.source.scopes import Kind, Scope
from .edits import apply_edits, overlap
from .imports import ImportStatement, bound_name, name_cuts, stands_alone, taken_elsewhere
from .surgery import line_span, remove_statement, replace_span
from .uses import is_used

_NOQA = re.compile(r"#\s*noqa(?:\s*:\s*(?P<codes>[A-Z][\w,\s]*))?", re.IGNORECASE)
_FILE_NOQA = re.compile(r"^\s*#\s*(?:flake8|ruff)\s*[:=]\s*noqa(?:\s*:\s*(?P<codes>[A-Z][\w,\s]*))?", re.I | re.M)
_PYLINT = re.compile(r"#.*pylint:\s*disable=[^#]*(?:unused-import|W0611)")
_UNUSED = "F401"
_WORD = re.compile(r"\w+")
PYTHON_ENDINGS = (".py", ".pyw")


@dataclass(frozen=True)
class _Candidate:
    statement: ImportStatement
    alias: ast.alias
    name: str
    scope: Scope


def cleared(fix: Fix, project: Project) -> Fix:
    """A fix with the removal of each import that it leaves without a use, were it applied alone."""
    added: list[Edit] = []
    for path in dict.fromkeys(e.path for e in fix.edits if is_code(e.path, project)):
        edits = [e for e in fix.edits if e.path == path]
        added += clearing(project.module(path), edits, lambda name, path=path: taken_elsewhere(project, path, name))
    return replace(fix, edits=(*fix.edits, *added)) if added else fix


def is_code(path: str, project: Project) -> bool:
    """Whether a file is Python that the project could read."""
    return path.endswith(PYTHON_ENDINGS) and path in project.files


def opened(text: Text) -> Module:
    """A file opened by its text alone, for questions about its own names.

    Raises:
        Unreadable: it cannot be parsed.
    """
    return Module(text, parse(text), FileFacts(text.path, text.digest, text.text.count("\n")))


def clearing(module: Module, edits: Sequence[Edit], is_taken: Callable[[str], bool]) -> list[Edit]:
    """The edits that remove what a file imports, uses as it is, and no longer uses with some edits made.

    Left alone are imports under a condition or in a class, explicit re-exports (``import a as a``, ``__all__``, those
    of an ``__init__.py``), names that something else binds too, and what a comment tells linters to keep.

    Args:
        module: the file as it is.
        edits: all edits of the file.
        is_taken: whether other files take a name from this one's top level.
    """
    if not (lost := _lost_words(module, edits)):
        return []
    candidates = [c for c in _candidates(module, lost) if is_used(module, c.scope, c.name)]
    if not candidates:
        return []
    after = opened_after(module, edits)
    if after is None:
        return []
    unused = [
        c for c in candidates if _is_unused(after, c, module) and not (c.scope.parent is None and is_taken(c.name))
    ]
    removals = [e for s in dict.fromkeys(c.statement for c in unused) for e in _removal(module, s, unused, edits)]
    # A file that would not compile is no reason to fail here: applying tells.
    return removals if removals and opened_after(module, [*edits, *removals]) is not None else []


def _lost_words(module: Module, edits: Sequence[Edit]) -> set[str]:
    """The words that stand in a file less often once the edits are made."""
    lost: Counter[str] = Counter()
    if any(edit.end[0] > len(module.line_starts) for edit in edits):
        return set()  # outside of the file: applying tells
    for edit in edits:
        start, end = (module.line_starts[line - 1] + column - 1 for line, column in (edit.start, edit.end))
        lost.update(_WORD.findall(module.text[start:end]))
        lost.subtract(_WORD.findall(edit.text))
    return {word for word, count in lost.items() if count > 0}


def _candidates(module: Module, words: set[str]) -> Iterator[_Candidate]:
    if any(_covers(m) for m in _FILE_NOQA.finditer(module.text)):
        return
    is_package = module.path.rpartition("/")[2] == "__init__.py"
    for statement in module.nodes:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        parent = module.parent(statement)
        at_top = isinstance(parent, ast.Module)
        if not ((at_top and not is_package) or isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef))):
            continue
        if getattr(statement, "module", None) == "__future__" or not stands_alone(module, statement):
            continue
        scope = module.scope_of(statement)
        for alias in statement.names:
            name = bound_name(alias, statement)
            if name not in words or alias.asname == alias.name:
                continue
            if _import_of(module, scope, name) is not None and not _is_kept(module, statement, alias):
                yield _Candidate(statement, alias, name, scope)


def _covers(noqa: re.Match[str]) -> bool:
    """Whether a comment for linters speaks of unused imports: it names them, a family of theirs, or no code."""
    codes = noqa["codes"]
    return codes is None or any(_UNUSED.startswith(code.upper()) for code in re.split(r"[,\s]+", codes) if code)


def _is_kept(module: Module, statement: ImportStatement, alias: ast.alias) -> bool:
    lines = {statement.lineno, statement.end_lineno or statement.lineno, alias.lineno}
    texts = [module.line(number) for number in lines]
    return any(_PYLINT.search(t) or any(_covers(m) for m in _NOQA.finditer(t)) for t in texts)


def opened_after(module: Module, edits: Sequence[Edit]) -> Module | None:
    """A file with some edits made; None where it would no longer be valid."""
    try:
        return opened(replace(module.source, text=apply_edits(module.text, edits)))
    except (Unreadable, ValueError, RecursionError):
        return None


def _is_unused(after: Module, candidate: _Candidate, before: Module) -> bool:
    """Whether an import is still there once the edits are made, and nothing uses what it binds."""
    name, qualname = candidate.name, candidate.scope.qualname
    homes = [s for s in after.scopes() if s.qualname == qualname]
    if len(homes) != 1 or sum(s.qualname == qualname for s in before.scopes()) != 1:
        return False
    target = _import_of(after, homes[0], name)
    return target == _import_of(before, candidate.scope, name) and not is_used(after, homes[0], name)


def _import_of(module: Module, scope: Scope, name: str) -> str | None:
    """What an import gives a scope under a name; None where it is not the only thing that binds it."""
    bindings = [b for b in scope.bindings.get(name, ()) if b.kind is not Kind.UPDATE]
    if len(bindings) != 1 or bindings[0].kind is not Kind.IMPORT or any(name in s.foreign for s in module.scopes()):
        return None
    return bindings[0].target


def _removal(
    module: Module, statement: ImportStatement, unused: Sequence[_Candidate], edits: Sequence[Edit]
) -> list[Edit]:
    aliases = [c.alias for c in unused if c.statement is statement]
    if len(aliases) < len(statement.names):
        ways = [[replace_span(module, *cut, "") for cut in name_cuts(module, statement, aliases)]]
    else:
        whole = remove_statement(module, statement)
        ways = [[whole]] if whole.text else [[replace_span(module, *_with_gap(module, statement), "")], [whole]]
    for way in ways:
        if not any(overlap(mine, other) for mine in way for other in edits):
            return [replace(edit, clears=True) for edit in way]
    return []


def _with_gap(module: Module, statement: ast.stmt) -> tuple[int, int]:
    """A statement's lines, with the smaller of the two runs of blank lines between which they would stand alone."""
    start, end = line_span(module, statement)
    starts = module.line_starts
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    above = first - 1
    while above >= 1 and not module.line(above).strip():
        above -= 1
    below = last + 1
    lines = len(starts) - (starts[-1] == len(module.text))
    while below <= lines and not module.line(below).strip():
        below += 1
    before, behind = first - 1 - above, below - last - 1
    if not behind or not (before or above == 0):
        return start, end
    if above == 0 or behind <= before:
        return start, starts[below - 1] if below <= len(starts) else len(module.text)
    return starts[above], end
