"""Where a file holds code that fits a pattern: structure by syntax, names by what they stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..graph.project import Project
from ..graph.symbols import Symbol
from ..source.collect import dotted
from ..source.module import Module
from ..source.written import written
from .syntax import ANYTHING, Pattern, hole_name, is_chain, is_literal, rest_name

Filling = ast.AST | str
"""What a hole holds: a node, or an identifier."""
_IRRELEVANT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


@dataclass(frozen=True)
class Match:
    """One place that fits.

    Attributes:
        node: the expression or statement.
        holes: what each hole for one thing holds.
        rests: what each hole for any number of things holds, in source order.
    """

    node: ast.expr | ast.stmt
    holes: Mapping[str, Filling]
    rests: Mapping[str, tuple[ast.AST, ...]]


def matches(pattern: Pattern, module: Module, project: Project) -> Iterator[Match]:
    """Every place of a file that fits, in source order; one may lie inside another."""
    tree = pattern.tree
    kinds = (ast.Name, ast.Attribute) if is_chain(tree) else (type(tree),)
    matcher = _Matcher(module, project)
    for node in module.nodes:
        if isinstance(node, kinds) and isinstance(node, (ast.expr, ast.stmt)):
            found = matcher.match(tree, node, _Bound({}, {}))
            if found is not None:
                yield Match(node, found.holes, found.rests)


def named(project: Project, module: Module, node: ast.AST, name: str) -> bool:
    """Whether an expression stands for a dotted name, through imports, aliases and re-exports."""
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    if is_literal(name):
        return dotted(node) == name
    return project.resolve(module, node) == target_of(project, name)


def target_of(project: Project, name: str) -> Symbol | str:
    """What a full dotted name stands for: something of the project, or of a package outside."""
    return project.symbols.resolve("", name)


@dataclass(frozen=True)
class _Bound:
    """What the holes hold so far; never changed, so that a way that fails leaves nothing behind."""

    holes: Mapping[str, Filling]
    rests: Mapping[str, tuple[ast.AST, ...]]

    def hole(self, name: str, value: Filling) -> _Bound | None:
        """With one hole more; None where it holds other code already."""
        if name == ANYTHING:
            return self
        if name in self.holes:
            return self if _text(self.holes[name]) == _text(value) else None
        return _Bound({**self.holes, name: value}, self.rests)

    def rest(self, name: str, values: Sequence[ast.AST]) -> _Bound | None:
        """As :meth:`hole`, for any number of things."""
        if name == ANYTHING:
            return self
        if name in self.rests:
            return self if [_text(v) for v in self.rests[name]] == [_text(v) for v in values] else None
        return _Bound(self.holes, {**self.rests, name: tuple(values)})


class _Matcher:
    def __init__(self, module: Module, project: Project) -> None:
        self._module = module
        self._project = project

    def match(self, pattern: object, value: object, bound: _Bound) -> _Bound | None:
        """The bindings with which a part of the pattern is a part of the file; None where it is not."""
        if isinstance(pattern, ast.AST):
            return self._node(pattern, value, bound)
        if isinstance(pattern, list):
            return self._list(pattern, value, bound) if isinstance(value, list) else None
        if isinstance(pattern, str) and isinstance(value, str):
            name = hole_name(pattern)
            if name is not None:
                return bound.hole(name, value)
        return bound if type(pattern) is type(value) and pattern == value else None

    def _node(self, pattern: ast.AST, value: object, bound: _Bound) -> _Bound | None:
        name = hole_name(pattern)
        if name is not None:
            if isinstance(value, ast.expr) and not isinstance(value, (ast.Starred, ast.Slice)):
                return bound.hole(name, value)
            return None
        if isinstance(pattern, ast.Expr) and isinstance(value, ast.stmt):
            name = hole_name(pattern.value)
            if name is not None:
                return bound.hole(name, value)
        if is_chain(pattern):
            same = isinstance(value, ast.AST) and named(self._project, self._module, value, dotted(pattern) or "")  # pyright: ignore[reportArgumentType]
            return bound if same else None
        if type(pattern) is not type(value):
            return None
        if isinstance(pattern, ast.Call) and isinstance(value, ast.Call):
            return self._call(pattern, value, bound)
        if isinstance(pattern, ast.arguments) and isinstance(value, ast.arguments):
            several = rest_name(pattern.vararg)
            if several is not None and not (pattern.args or pattern.posonlyargs or pattern.kwonlyargs or pattern.kwarg):
                return bound.rest(several, [n for n in ast.iter_child_nodes(value) if isinstance(n, ast.arg)])
        found: _Bound | None = bound
        for field, part in ast.iter_fields(pattern):
            if field not in _IRRELEVANT:
                found = self.match(part, getattr(value, field, None), found)
                if found is None:
                    return None
        return found

    def _list(self, pattern: list, values: list, bound: _Bound) -> _Bound | None:
        at = next((i for i, p in enumerate(pattern) if rest_name(p) is not None), None)
        if at is None:
            return self._all(pattern, values, bound) if len(pattern) == len(values) else None
        behind = len(pattern) - at - 1
        if len(values) < at + behind:
            return None
        end = len(values) - behind
        found = self._all(pattern[:at], values[:at], bound)
        found = self._all(pattern[at + 1 :], values[end:], found) if found is not None else None
        return found.rest(rest_name(pattern[at]) or "", values[at:end]) if found is not None else None

    def _all(self, pattern: Sequence, values: Sequence, bound: _Bound) -> _Bound | None:
        found: _Bound | None = bound
        for part, value in zip(pattern, values, strict=True):
            found = self.match(part, value, found)
            if found is None:
                return None
        return found

    def _call(self, pattern: ast.Call, call: ast.Call, bound: _Bound) -> _Bound | None:
        """Arguments: positional ones in order, named ones in any; ``$...`` takes what is left of both."""
        found = self.match(pattern.func, call.func, bound)
        left = list(call.keywords)
        for wanted in pattern.keywords:
            if found is None:
                return None
            # A keyword with a name of its own is sought before one whose name is a hole.
            fits = ((k, self.match(wanted, k, found)) for k in left)
            keyword, found = next(((k, b) for k, b in fits if b is not None), (None, None))
            left = [k for k in left if k is not keyword]
        if found is None:
            return None
        at = next((i for i, p in enumerate(pattern.args) if rest_name(p) is not None), None)
        if at is None:
            return self._list(pattern.args, call.args, found) if not left else None
        behind = len(pattern.args) - at - 1
        if len(call.args) < at + behind:
            return None
        end = len(call.args) - behind
        found = self._all(pattern.args[:at], call.args[:at], found)
        found = self._all(pattern.args[at + 1 :], call.args[end:], found) if found is not None else None
        return found.rest(rest_name(pattern.args[at]) or "", [*call.args[at:end], *left]) if found is not None else None


def _text(value: Filling) -> str:
    return value if isinstance(value, str) else written(value)
