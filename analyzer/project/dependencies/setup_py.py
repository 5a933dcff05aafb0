"""setup.py, read as a syntax tree and never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from ...source.quiet import parse_quietly
from ..text import Piece
from .pep508 import record
from .requirement import Role, Syntax
from .source import Include, Reading
from .specifiers import pep440
from .toml_tables import add_version

_OPTIONAL = {"tests_require": "tests", "setup_requires": "setup"}
_DEEPEST = 20
_MOST_NODES = 5000
_REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?")
_REQUIREMENT_FILE = re.compile(r"[\w./-]*req[\w.-]*\.(?:txt|in)$")


def read(reading: Reading) -> None:
    """Take down what the call of `setup()` states in literals, and in names bound to literals in the same file."""
    tree = _parse(reading)
    if tree is None:
        return
    try:
        _Setup(reading, tree).read()
    except RecursionError:
        reading.problem(None, "nests too deeply to be read: write the dependencies as a plain list")


def _parse(reading: Reading) -> ast.Module | None:
    try:
        return parse_quietly(reading.source.text)
    except SyntaxError as error:
        message = f"is no valid Python 3 ({error.msg}): its dependencies are not known; port it or exclude it"
        reading.problem_at(error.lineno or 1, message)
    except (ValueError, RecursionError, MemoryError) as error:
        reading.problem(None, f"cannot be parsed ({str(error)[:80] or 'too deeply nested'}): exclude it")
    return None


class _Setup:
    """One setup.py: its bindings, and the strings that reach `setup()`."""

    def __init__(self, reading: Reading, tree: ast.Module) -> None:
        self.reading = reading
        self.bindings: dict[str, list[ast.expr]] = {}
        self.entries: dict[str, list[tuple[ast.expr, ast.expr]]] = {}
        self.calls: list[ast.Call] = []
        self.functions: dict[str, ast.FunctionDef] = {}
        self.line_starts = [line.at[0] if len(line.at) else None for line in reading.source.lines()]
        for node in ast.walk(tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        """Remember what a statement binds or adds to a name, and each call of `setup`."""
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.bindings.setdefault(target.id, []).append(node.value)
                elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                    self.entries.setdefault(target.value.id, []).append((target.slice, node.value))
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and isinstance(node.target, ast.Name) and node.value:
            self.bindings.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.FunctionDef):
            self.functions[node.name] = node
        elif isinstance(node, ast.Call):
            name = _last_name(node.func)
            if name == "setup":
                self.calls.append(node)
            elif name in ("append", "extend") and len(node.args) == 1:
                owner = node.func.value if isinstance(node.func, ast.Attribute) else None
                if isinstance(owner, ast.Name):
                    self.bindings.setdefault(owner.id, []).append(node.args[0])

    def read(self) -> None:
        for call in self.calls:
            for name, value in self._keywords(call):
                self._keyword(name, value)

    def _keywords(self, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """The keyword arguments, those of `**kwargs` with a literal behind it as well."""
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield keyword.arg, keyword.value
            else:
                for key, value in self._pairs(keyword.value):
                    if key is not None:
                        yield key, value

    def _keyword(self, name: str, value: ast.expr) -> None:
        if name == "install_requires":
            self._requirements(value, None, None)
        elif name in _OPTIONAL:
            self._requirements(value, Role.OPTIONAL, _OPTIONAL[name])
        elif name == "extras_require":
            for extra, entry in self._pairs(value):
                # `":python_version < '3.8'"` is setuptools' old way to write a marker.
                conditional = extra is not None and extra.startswith(":")
                mark = (extra or "")[1:] if conditional else f"extra {extra}" if extra else "extra"
                self._requirements(entry, None if conditional else Role.OPTIONAL, mark)
        elif name == "python_requires":
            for node in islice(self._strings(value), 1):
                add_version(self.reading, "python", self._piece(node), pep440, syntax=Syntax.PEP440)

    def _requirements(self, value: ast.expr, role: Role | None, group: str | None) -> None:
        for node in islice(self._strings(value), _MOST_NODES):
            piece = self._piece(node)
            if "\n" not in piece.text:
                record(self.reading, piece, role=role, group=group)
                continue
            start = 0
            for line in piece.text.splitlines(keepends=True):
                content = piece[start : start + len(line)].stripped()
                if not content.text.startswith("#"):
                    record(self.reading, content, role=role, group=group)
                start += len(line)

    def _pairs(self, value: ast.expr, depth: int = 0) -> Iterator[tuple[str | None, ast.expr]]:
        """Keys and values of a dictionary: a literal, `dict(...)`, or a name bound to one; None for a computed key."""
        if depth > _DEEPEST:
            return
        if isinstance(value, ast.Dict):
            for key, entry in zip(value.keys, value.values, strict=True):
                if key is None:
                    yield from self._pairs(entry, depth + 1)
                else:
                    yield _text(key), entry
        elif isinstance(value, ast.Call) and _last_name(value.func) == "dict":
            for keyword in value.keywords:
                yield keyword.arg, keyword.value
        elif isinstance(value, ast.DictComp):
            # A table of requirements by their names, made from one list of them.
            for source in (node for one in value.generators for node in ast.walk(one.iter)):
                if isinstance(source, ast.Name) and source.id in self.bindings:
                    for entry in self._strings(source, depth + 1):
                        named = _REQUIREMENT_NAME.match(entry.value) if isinstance(entry.value, str) else None
                        if named is not None:
                            yield named[0], entry
        elif isinstance(value, ast.Name):
            for bound in self.bindings.get(value.id, ()):
                yield from self._pairs(bound, depth + 1)
            for key, entry in self.entries.get(value.id, ()):
                yield _text(key), entry

    def _strings(self, value: ast.expr, depth: int = 0) -> Iterator[ast.Constant]:
        """The string literals that an expression is made of, in order."""
        if depth > _DEEPEST:
            return
        following: list[ast.expr] = []
        if isinstance(value, ast.Constant):
            if isinstance(value.value, str):
                yield value
        elif isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            following = value.elts
        elif isinstance(value, ast.Starred):
            following = [value.value]
        elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            if not (_is_text(value.left) or _is_text(value.right)):
                following = [value.left, value.right]
        elif isinstance(value, ast.IfExp):
            following = [value.body, value.orelse]
        elif isinstance(value, ast.Name):
            following = self.bindings.get(value.id, [])
        elif isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            key = _text(value.slice)
            following = self._entries_named(value.value, key) if key is not None else []
        elif isinstance(value, ast.Call):
            following = self._call(value)
        for part in following:
            yield from self._strings(part, depth + 1)

    def _call(self, call: ast.Call) -> list[ast.expr]:
        """What carries strings in a call: `list(x)`, `"...".split()`; a requirement file that it names is included."""
        name = _last_name(call.func)
        table = self._table_of(name) if isinstance(call.func, ast.Name) else None
        if table is not None:
            keys = [key for argument in call.args if (key := _text(argument)) is not None]
            return [entry for key in keys for entry in self._entries_named(table, key)]
        if name in ("list", "tuple", "sorted", "set") and isinstance(call.func, ast.Name) and len(call.args) == 1:
            return [call.args[0]]
        if (
            name in ("split", "splitlines", "strip")
            and isinstance(call.func, ast.Attribute)
            and _is_text(call.func.value)
        ):
            return [call.func.value]
        for node in ast.walk(call):
            text = _text(node) if isinstance(node, ast.expr) else None
            if text is not None and _REQUIREMENT_FILE.fullmatch(text):
                self.reading.includes.append(Include(text, call.lineno))
        return []

    def _entries_named(self, table: ast.Name, key: str) -> list[ast.expr]:
        return [entry for name, entry in self._pairs(table) if name == key]

    def _table_of(self, function: str) -> ast.Name | None:
        """The dictionary of which a function of this file returns the entries that it is called with."""
        found = self.functions.get(function)
        packed = found.args.vararg if found is not None else None
        if found is None or packed is None:
            return None
        for node in ast.walk(found):
            if not isinstance(node, ast.ListComp) or not isinstance(node.elt, ast.Subscript):
                continue
            each = node.generators[0]
            by_name = isinstance(each.iter, ast.Name) and each.iter.id == packed.arg
            if by_name and isinstance(node.elt.value, ast.Name) and isinstance(node.elt.slice, ast.Name):
                return node.elt.value
        return None

    def _piece(self, node: ast.Constant) -> Piece:
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        return self.reading.source.literal(str(node.value), start, end)

    def _offset(self, line: int, column: int) -> int:
        """The character offset of a position whose column counts UTF-8 bytes, as `ast` gives it."""
        start = self.line_starts[line - 1] if line <= len(self.line_starts) else None
        if start is None:
            return 0
        encoded = self.reading.source.text[start : start + column].encode()
        return start + len(encoded[:column].decode(errors="ignore"))


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or _text(node) is not None
