"""What one file contributes to the project: small, picklable, cached by content hash.

The rows are named tuples, since there are tens of thousands of them: made and pickled several times as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

IMPORT_STAR = "*"
MAIN_PART = "__main__"
"""Owner of what stands under ``if __name__ == "__main__"``."""


class Import(NamedTuple):
    """One bound name of an import statement.

    ``local`` is the name it binds (``*`` for a star import), ``target`` the dotted name it stands for; a relative
    target keeps its leading dots. ``scope`` is the qualified name of the enclosing function or class, "" at top level.
    """

    local: str
    target: str
    line: int
    scope: str


class FunctionFacts(NamedTuple):
    """A function or method: its qualified name (``Net.forward``), parameters and decorators."""

    qualname: str
    line: int
    end_line: int
    parameters: tuple[str, ...]
    decorators: tuple[str, ...]


class ClassFacts(NamedTuple):
    """A class: bases and decorators as dotted names, resolved through this file's imports."""

    qualname: str
    line: int
    end_line: int
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    methods: tuple[str, ...]


class Call(NamedTuple):
    """A call by name. ``callee`` is dotted and resolved through this file's imports and aliases.

    A callee that starts with ``self.`` is kept so; one whose receiver is unknown keeps its last name after a
    question mark (``?.step``), so that it is no relative import (``.layers.Block``). ``scope`` is the qualified name
    of the function or class in whose body the call stands.
    """

    callee: str
    line: int
    scope: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Everything about one file that other files, the graph, and the rules' first look need."""

    path: str
    digest: str
    lines: int
    imports: tuple[Import, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    """Top-level names bound to a dotted name by assignment: ``amp = torch.cuda.amp``."""
    functions: tuple[FunctionFacts, ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    calls: tuple[Call, ...] = ()
    called: frozenset[str] = frozenset()
    """The last names of all callees: ``step`` of ``self.optimizer.step()``."""
    names: frozenset[str] = frozenset()
    """Every dotted name used that starts at an import (``torch.nn.functional.cross_entropy``)."""
    uses: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What each part of the file uses: its top-level functions and classes (with all that nests in them), the guarded
    main part (:data:`MAIN_PART`), and "" for the rest, each with dotted names: from imports that may lead into the
    project, or bound at this file's own top level. Local variables of such a name count too."""
    constants: tuple[str, ...] = ()
    """Other names bound at top level."""
    words: frozenset[str] = frozenset()
    """Short identifier-like strings in the code: names that a registry, ``getattr`` or a table may look up."""
    attributes: frozenset[str] = frozenset()
    """Names of attributes that are set: ``x.lr = ..``, and names that class bodies bind."""
    exports: tuple[str, ...] = ()
    """The strings of ``__all__``."""
    unread: tuple[str, ...] = ()
    """``Net.fc``: attributes that a class with a ``forward`` of its own, or of a base, sets to what a call makes, and
    names nowhere else. By the text alone."""
    has_main_guard: bool = False
    runs_at_import: bool = False
    """Top-level code that does work: calls in statements, loops."""
    is_dynamic: bool = False
    """Looks things up by computed names: ``getattr`` with a variable, ``importlib``, ``eval``, ``globals()``."""
    gives_several: frozenset[str] = frozenset()
    """Qualified names of functions that may return several things at once: a tuple, a dictionary, a filled class."""
    sets_parts: bool = False
    """Changes a value by a statement: ``x += y``, ``x[i] = y``."""
    has_suppressions: bool = False
    tokens: frozenset[bytes] = frozenset()
    """Which of the active rules' trigger bytes the file holds."""
    wanted_by: frozenset[str] = frozenset()
    """The names of the active rules that have a reason to look closely at the file."""

    def __reduce__(self) -> tuple[Callable[..., FileFacts], tuple[tuple[object, ...], tuple[Columns, ...]]]:
        """Pickled by columns: rows of a class of their own take five times as long."""
        plain = tuple(getattr(self, name) for name in _PLAIN)
        return _restored, (plain, tuple(tuple(zip(*getattr(self, name), strict=True)) for name in _ROWS))


Columns = tuple[tuple[object, ...], ...]
_ROWS: dict[str, type[Import | FunctionFacts | ClassFacts | Call]] = {
    "imports": Import,
    "functions": FunctionFacts,
    "classes": ClassFacts,
    "calls": Call,
}
_PLAIN = tuple(field.name for field in fields(FileFacts) if field.name not in _ROWS)


def _restored(plain: tuple[object, ...], tables: tuple[Columns, ...]) -> FileFacts:
    rows = {
        name: tuple(map(kind._make, zip(*columns, strict=True)))
        for (name, kind), columns in zip(_ROWS.items(), tables, strict=True)
    }
    return FileFacts(**dict(zip(_PLAIN, plain, strict=True)), **rows)  # pyright: ignore[reportArgumentType]
