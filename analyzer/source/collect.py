"""One walk over a syntax tree that gathers a file's facts."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .facts import IMPORT_STAR, MAIN_PART, Call, ClassFacts, FileFacts, FunctionFacts, Import
from .forms import bound_in, does_work, is_main_guard, is_several, parameters_of
from .nodes import child_fields, walk
from .syntax import Syntax

_LONGEST_WORD = 60
_BUILTINS = frozenset(dir(builtins))
_OUTSIDE = frozenset({*sys.stdlib_module_names, "torch", "numpy"})
# The most frequent kinds, under names of one look-up instead of two.
_NAME, _CONSTANT, _ATTRIBUTE, _CALL = ast.Name, ast.Constant, ast.Attribute, ast.Call
_STORE = ast.Store
_APART = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, type(None)})
"""What is looked at in its own way, and not just node by node; None stands for a default or a key that is not there."""
_TOLD = frozenset({ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If})
"""What says something of the function that it stands in, or of the file."""
_OWN = ("self", "cls")
_LOOKUPS = {"eval", "globals", "locals", "__import__", "importlib.import_module"}


def collect_facts(
    tree: ast.Module, path: str, digest: str, lines: int, tokens: frozenset[bytes], has_suppressions: bool
) -> tuple[FileFacts, Syntax]:
    """Walk a module once.

    Args:
        tree: the parsed file.
        path: its path, relative to the project's root.
        digest: the hash of its content.
        lines: its number of lines.
        tokens: the rule triggers it holds.
        has_suppressions: whether its text holds a suppression comment.

    Returns:
        The file's facts, and what the rules' screens look at.
    """
    walk = _walked(tree)
    syntax = walk.syntax
    facts = FileFacts(
        path=path,
        digest=digest,
        lines=lines,
        imports=tuple(walk.imports),
        aliases=tuple(walk.aliases.items()),
        functions=tuple(walk.functions),
        classes=tuple(walk.classes),
        calls=tuple(walk.calls),
        called=frozenset(walk.called),
        names=frozenset().union(*walk.used.values()),
        uses=walk.uses(),
        constants=tuple(sorted(walk.constants)),
        words=frozenset(walk.words),
        attributes=frozenset(walk.attributes),
        exports=tuple(walk.exports),
        has_main_guard=walk.has_main_guard,
        runs_at_import=any(does_work(statement) for statement in tree.body),
        is_dynamic=walk.is_dynamic,
        gives_several=walk.gives_several(),
        sets_parts=bool(syntax.writing),
        has_suppressions=has_suppressions,
        tokens=tokens,
    )
    return facts, syntax


def syntax_of(tree: ast.Module) -> Syntax:
    """The nodes of a file by their kinds."""
    return _walked(tree).syntax


def _walked(tree: ast.Module) -> _Collector:
    walk = _Collector(Syntax(tree, owners=[("", tree)]))
    walk.scope(tree.body, "", frozenset(), "")
    return walk


def dotted(node: ast.AST) -> str | None:
    """``a.b.c`` of a chain of attributes that starts at a name, else None."""
    if type(node) is _NAME:
        return node.id
    parts: list[str] = []
    while type(node) is _ATTRIBUTE:
        parts.append(node.attr)
        node = node.value
    if type(node) is not _NAME:
        return None
    parts.append(node.id)
    parts.reverse()
    return ".".join(parts)


def _root(node: ast.expr) -> ast.expr:
    """What a chain of attributes starts at."""
    while type(node) is ast.Attribute:
        node = node.value
    return node


class _Collector:
    def __init__(self, syntax: Syntax) -> None:
        self.syntax = syntax
        self.listed: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Assign: syntax.assignments.append,
            ast.AnnAssign: syntax.assignments.append,
            ast.BinOp: syntax.operations.append,
            ast.Compare: syntax.comparisons.append,
            ast.Expr: syntax.bare.append,
            ast.For: syntax.loops.append,
        }
        self.imports: list[Import] = []
        self.table: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.functions: list[FunctionFacts] = []
        self.classes: list[ClassFacts] = []
        self.calls: list[Call] = []
        self.called: set[str] = set()
        self.used: dict[str, set[str]] = {}
        self.plain: dict[str, set[str]] = {}
        self.constants: set[str] = set()
        self.words: set[str] = set()
        self.attributes: set[str] = set()
        self.exports: list[str] = []
        self.has_main_guard = False
        self.is_dynamic = False
        self.returned: list[tuple[str, ast.expr]] = []
        self.held: set[tuple[str, str]] = set()

    def scope(self, body: Iterable[ast.AST], name: str, shadowed: frozenset[str], owner: str) -> None:
        """Everything directly in one body; nested functions and classes follow, with what shadows their imports.

        ``owner`` is whose uses these are: the top-level function or class around, or the guarded main part.
        """
        inner: list[tuple[list[ast.AST], str, frozenset[str], str]] = []
        used = self.used.setdefault(owner, set())
        plain = self.plain.setdefault(owner, set())
        # An explicit stack, in source order: deep expressions must not exhaust the interpreter's own.
        stack: list[Any] = list(body)[::-1]
        pop, push, table, words, calls = stack.pop, stack.append, self.table, self.words, self.syntax.calls
        listed = self.listed
        while stack:
            node = pop()
            kind = type(node)  # the narrowing below is by identity, for speed
            if kind is _NAME:
                target = table.get(node.id)
                if target is None:
                    plain.add(node.id)
                elif node.id not in shadowed:
                    used.add(target)
                continue
            if kind is _CONSTANT:
                value = node.value
                if type(value) is str:
                    if len(value) <= _LONGEST_WORD and value not in words and value.replace(".", "_").isidentifier():
                        words.add(value)
                elif type(value) is float:
                    self.syntax.numbers.append(value)
                continue
            if kind is _ATTRIBUTE:
                if type(node.ctx) is _STORE:
                    self.attributes.add(node.attr)
                root = _root(node.value)
                if type(root) is _NAME and root.id in table:
                    full = self.resolve(node, shadowed)
                    if full is not None:
                        used.add(full)
                else:
                    push(root)
                continue
            if kind is _CALL:
                calls.append(node)
                imported, root = self.call(node, name, shadowed)
                stack += [keyword.value for keyword in node.keywords]
                stack += node.args
                if imported is not None:
                    used.add(imported)
                elif type(root) is not _NAME:
                    push(root)
                elif root.id not in table:
                    plain.add(root.id)
                continue
            if kind in _APART:
                if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                    inner.append((*self.function(node, name, shadowed), owner if name or owner else node.name))
                    stack += node.args.defaults
                    stack += node.args.kw_defaults
                elif kind is ast.ClassDef:
                    inner.append((*self.klass(node, name, shadowed), owner if name or owner else node.name))
                elif kind is ast.Import or kind is ast.ImportFrom:
                    self.bind_import(node, name)
                    continue
                else:  # a default or a key that is not there
                    continue
                stack += node.decorator_list
                if not name:
                    self.constants.add(node.name)
                continue
            if kind in listed:
                listed[kind](node)
            if kind in _TOLD:
                if kind is ast.Return:
                    if node.value is not None:
                        self.returned.append((name, node.value))
                elif kind is ast.Assign:
                    self.assignment(node, name, shadowed)
                elif kind is ast.AnnAssign:
                    if node.value is not None and type(node.target) is _NAME and is_several(node.value):
                        self.held.add((name, node.target.id))
                elif kind is ast.AugAssign:
                    self.syntax.writing.add(name)
                elif not name and is_main_guard(node.test):
                    self.has_main_guard = True
                    inner.insert(0, ([*node.body], "", shadowed, MAIN_PART))
                    stack.extend(reversed(node.orelse))
                    continue
            for part in child_fields(kind):
                child = getattr(node, part, None)
                if type(child) is list:
                    stack += child[::-1]
                elif child is not None:
                    push(child)
        for nested in inner:
            self.scope(*nested)

    def gives_several(self) -> frozenset[str]:
        """The functions that return a tuple, a dictionary, what is called with keywords, or a name of one of these."""
        return frozenset(
            scope
            for scope, value in self.returned
            if is_several(value) or (type(value) is _NAME and (scope, value.id) in self.held)
        )

    def uses(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Per owner: names from imports that may be the project's, and top-level names of this file."""
        bound = any(i.local == IMPORT_STAR for i in self.imports)
        found: list[tuple[str, tuple[str, ...]]] = []
        for owner, used in self.used.items():
            names = {n for n in used if n.partition(".")[0] not in _OUTSIDE}
            plain = self.plain[owner]
            names |= plain - _BUILTINS if bound else plain & self.constants
            if names:
                found.append((owner, tuple(sorted(names))))
        return tuple(found)

    def resolve(self, node: ast.AST, shadowed: frozenset[str]) -> str | None:
        """The dotted name of a chain that starts at an imported name."""
        chain = dotted(node)
        if chain is None:
            return None
        head, _, rest = chain.partition(".")
        target = self.table.get(head)
        if target is None or head in shadowed:
            return None
        return f"{target}.{rest}" if rest else target

    def call(self, node: ast.Call, scope: str, shadowed: frozenset[str]) -> tuple[str | None, ast.expr]:
        """Record a call and notice look-ups by computed names.

        Returns:
            The callee where it comes from an import, and what its chain of attributes starts at.
        """
        root = node.func
        parts: list[str] = []
        while type(root) is _ATTRIBUTE:
            parts.append(root.attr)
            root = root.value
        head = root.id if type(root) is _NAME else None
        imported = self.table.get(head) if head is not None and head not in shadowed else None
        if imported is not None:
            callee = imported = ".".join((imported, *parts[::-1])) if parts else imported
        elif head is not None and (not parts or head in _OWN):
            callee = ".".join((head, *parts[::-1]))
        elif parts:
            callee = f"?.{parts[0]}"
        else:
            return None, root
        if callee in _LOOKUPS or (
            callee == "getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)
        ):
            self.is_dynamic = True
        # Interned: one name is called many times, and is pickled once.
        self.called.add(parts[0] if parts else callee.rpartition(".")[2])
        self.calls.append(Call(sys.intern(callee), node.lineno, scope))
        return imported, root

    def function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: str, shadowed: frozenset[str]
    ) -> tuple[list[ast.AST], str, frozenset[str]]:
        qualname = f"{scope}.{node.name}" if scope else node.name
        parameters = parameters_of(node.args)
        decorators = tuple(self.described(d, shadowed) for d in node.decorator_list)
        self.functions.append(
            FunctionFacts(qualname, node.lineno, node.end_lineno or node.lineno, parameters, decorators)
        )
        self.syntax.owners.append((qualname, node))
        return [*node.body], qualname, shadowed.union(parameters)

    def klass(
        self, node: ast.ClassDef, scope: str, shadowed: frozenset[str]
    ) -> tuple[list[ast.AST], str, frozenset[str]]:
        qualname = f"{scope}.{node.name}" if scope else node.name
        bases = tuple(self.described(b, shadowed) for b in node.bases)
        decorators = tuple(self.described(d, shadowed) for d in node.decorator_list)
        methods = tuple(s.name for s in node.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)))
        self.attributes.update(bound_in(node.body))
        self.classes.append(
            ClassFacts(qualname, node.lineno, node.end_lineno or node.lineno, bases, decorators, methods)
        )
        self.syntax.owners.append((qualname, node))
        # Its bases are the class's own uses: a class that nobody needs does not make its bases needed.
        return [*node.bases, *node.keywords, *node.body], qualname, shadowed

    def described(self, node: ast.expr, shadowed: frozenset[str]) -> str:
        """A base's or decorator's dotted name, of the callee where it is called; "" where it has none."""
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript):
            node = node.value
        return self.resolve(node, shadowed) or dotted(node) or ""

    def bind_import(self, node: ast.Import | ast.ImportFrom, scope: str) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                target = alias.name if alias.asname else local
                self.table[local] = target
                self.imports.append(Import(local, alias.name if not alias.asname else target, node.lineno, scope))
            return
        base = "." * node.level + (node.module or "")
        for alias in node.names:
            target = base + ("" if base.endswith(".") else ".") + alias.name
            if alias.name == IMPORT_STAR:
                self.imports.append(Import(IMPORT_STAR, base, node.lineno, scope))
                continue
            local = alias.asname or alias.name
            self.table[local] = target
            self.imports.append(Import(local, target, node.lineno, scope))

    def assignment(self, node: ast.Assign, scope: str, shadowed: frozenset[str]) -> None:
        """Remember top-level names, aliases of imported names, ``__all__``, and that a part is set."""
        if type(node.targets[0]) is ast.Subscript:
            self.syntax.writing.add(scope)
        if scope and is_several(node.value):
            self.held.update((scope, n.id) for t in node.targets for n in walk(t) if type(n) is _NAME)
        if scope:
            return
        for target in node.targets:
            if not isinstance(target, ast.Name):
                continue
            if target.id == "__all__" and isinstance(node.value, (ast.List, ast.Tuple)):
                self.exports += [
                    e.value for e in node.value.elts if isinstance(e, ast.Constant) and type(e.value) is str
                ]
            full = self.resolve(node.value, shadowed)
            if full is not None:
                self.aliases[target.id] = full
                self.table[target.id] = full
            else:
                self.table.pop(target.id, None)
                self.constants.add(target.id)
