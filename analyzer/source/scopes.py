"""Scopes of a file and what binds each name in them, as Python's own scoping rules say."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from .collect import dotted
from .nodes import LEAVES, last_first

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
ScopeNode = ast.Module | ast.ClassDef | FunctionNode
SCOPE_NODES = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef})
"""The nodes that open a scope inside a module."""
_ALIAS_STEPS = 5
BINDERS = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension, ast.With,
    ast.AsyncWith, ast.ExceptHandler, ast.Import, ast.ImportFrom, ast.Expr, ast.MatchAs, ast.MatchStar,
)  # fmt: skip
"""The nodes for which :func:`bindings_of` can give anything."""
_BINDERS = frozenset(BINDERS)
_VIEWS = {"diagonal", "view", "t", "transpose", "permute", "squeeze", "unsqueeze", "flatten", "narrow", "select"}
_UPDATING = {"append", "extend", "insert", "add", "update", "appendleft", "setdefault"}


class Kind(Enum):
    """How a name gets its value."""

    ASSIGN = "assign"
    AUGMENT = "augment"
    ITERATE = "iterate"
    ENTER = "enter"
    IMPORT = "import"
    PARAMETER = "parameter"
    DEFINE = "define"
    UPDATE = "update"
    """Changed in place: ``x.fill_(0)``, ``x[i] = v``, ``xs.append(v)``. ``previous`` holds what it was."""
    UNKNOWN = "unknown"


@dataclass(eq=False, slots=True)
class Binding:
    """One place that gives ``key`` a value.

    ``key`` is a name, an attribute chain (``self.scheduler``) or a constant subscript (``batch['phi']``). ``value`` is
    the expression it comes from; ``index`` the path into it for unpacking (``a, (b, c) = value`` binds c with
    (1, 1)); ``target`` the dotted name for an import. ``previous`` are the bindings that an update or an augmented
    assignment starts from.
    """

    key: str
    kind: Kind
    node: ast.AST
    value: ast.expr | None = None
    index: tuple[int, ...] = ()
    target: str = ""
    previous: frozenset[Binding] = frozenset()


class Scope:
    """A module, class or function body, read when it is first asked about: most functions of a file never are.

    Attributes:
        node: the syntax node that opens it.
        qualname: its qualified name (``Net.forward``), "" for the module.
    """

    def __init__(self, node: ScopeNode, qualname: str, parent: Scope | None) -> None:
        self.node = node
        self.qualname = qualname
        # Weak, so that a closed file's tree goes at once and not when the collector comes; its module keeps the root.
        self._parent = weakref.ref(parent) if parent is not None else None

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """What gives each key a value in it."""
        return self._content.bindings

    @cached_property
    def children(self) -> list[Scope]:
        """The scopes directly inside it."""
        return list(self._content.opened.values())

    @cached_property
    def foreign(self) -> set[str]:
        """Names declared ``global`` or ``nonlocal``."""
        return self._content.foreign

    def opened_by(self, node: ast.AST) -> Scope | None:
        """The scope directly inside that a node opens."""
        return self._content.opened.get(id(node))

    @cached_property
    def _content(self) -> _Content:
        content = _Content()
        # What is bound so far counts for the statements that follow, while the rest is still read.
        vars(self).update(_content=content, bindings=content.bindings, foreign=content.foreign)
        _read(self, content)
        return content

    @property
    def parent(self) -> Scope | None:
        """The scope around it, None for the module."""
        return self._parent() if self._parent is not None else None

    def __repr__(self) -> str:
        return f"Scope({self.qualname or '<module>'})"

    @property
    def is_function(self) -> bool:
        """A function or lambda."""
        return isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))

    @property
    def is_class(self) -> bool:
        """A class body."""
        return isinstance(self.node, ast.ClassDef)

    @property
    def enclosing_class(self) -> Scope | None:
        """The class whose method this is, or in whose method it nests."""
        scope = self.parent
        while scope is not None and not scope.is_class:
            scope = scope.parent
        return scope

    @property
    def method(self) -> Scope | None:
        """The method that this scope is or nests in, None outside of classes."""
        scope: Scope | None = self
        while scope is not None and scope.parent is not None:
            if scope.is_function and scope.parent.is_class:
                return scope
            scope = scope.parent
        return None

    def lookup(self, name: str) -> Scope | None:
        """The scope whose binding of ``name`` code in this scope sees (a class body is not seen from its methods)."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if name in scope.bindings and name not in scope.foreign and (first or not scope.is_class):
                return scope
            scope, first = scope.parent, False
        return None

    def import_target(self, name: str, steps: int = _ALIAS_STEPS) -> str | None:
        """The dotted name for which ``name`` stands here through imports and plain aliases (``amp = torch.cuda.amp``).

        Where several imports bind it (try and except), the first one counts. None for any other binding.
        """
        scope = self.lookup(name)
        if scope is None or steps == 0:
            return None
        bindings = scope.bindings[name]
        imports = [b for b in bindings if b.kind is Kind.IMPORT]
        if imports:
            return imports[0].target
        if len(bindings) == 1 and bindings[0].kind is Kind.ASSIGN and not bindings[0].index and bindings[0].value:
            chain = dotted(bindings[0].value)
            if chain is None:
                return None
            head, _, rest = chain.partition(".")
            if head == name:
                return None
            target = scope.import_target(head, steps - 1)
            if target is not None:
                return f"{target}.{rest}" if rest else target
        return None


def key_of(node: ast.AST) -> str | None:
    """The key under which a value is tracked: ``x``, ``self.x``, ``batch['phi']``, ``pair[0]``; else None."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = key_of(node.value)
        return None if base is None else f"{base}.{node.attr}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        base = key_of(node.value)
        return None if base is None else f"{base}[{node.slice.value!r}]"
    return None


def last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c``; "" for anything that is no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Content:
    """What a scope's own statements bind, declare and open."""

    def __init__(self) -> None:
        self.bindings: dict[str, list[Binding]] = {}
        self.foreign: set[str] = set()
        self.opened: dict[int, Scope] = {}


def module_scope(tree: ast.Module) -> Scope:
    """The scope of a file, with all nested ones below it."""
    return Scope(tree, "", None)


def _read(scope: Scope, content: _Content) -> None:
    bindings = content.bindings
    if isinstance(scope.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        for argument in _every_argument(scope.node.args):
            bindings.setdefault(argument.arg, []).append(Binding(argument.arg, Kind.PARAMETER, argument))
    body = scope.node.body
    stack: list[Any] = [*reversed(body)] if isinstance(body, list) else [body]
    while stack:
        node = stack.pop()
        kind = type(node)  # by identity, for speed: trees hold no subclasses
        if kind in SCOPE_NODES:
            name = "<lambda>" if kind is ast.Lambda else node.name
            content.opened[id(node)] = Scope(node, f"{scope.qualname}.{name}" if scope.qualname else name, scope)
            if kind is not ast.Lambda:
                bindings.setdefault(name, []).append(Binding(name, Kind.DEFINE, node))
                stack.extend(node.decorator_list)
            continue
        if kind is ast.Global or kind is ast.Nonlocal:
            content.foreign.update(node.names)
        elif kind in _BINDERS:
            for binding in bindings_of(node, scope):
                bindings.setdefault(binding.key, []).append(binding)
        for part in last_first(kind):
            value = getattr(node, part, None)
            if type(value) is list:
                stack += [item for item in reversed(value) if type(item) not in LEAVES]
            elif type(value) not in LEAVES:
                stack.append(value)


def bindings_of(node: ast.AST, scope: Scope) -> Iterator[Binding]:
    """The bindings that one node of a scope makes itself, not those of nodes below it."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, node.value, node, Kind.ASSIGN, scope)
    elif isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield from _targets(node.target, node.value, node, Kind.ASSIGN, scope)
    elif isinstance(node, ast.AugAssign):
        key = key_of(node.target)
        if key is not None:
            yield Binding(key, Kind.AUGMENT, node, node.value)
        elif isinstance(node.target, ast.Subscript):
            yield from _stores(node.target, node.value, node, scope)
    elif isinstance(node, ast.NamedExpr):
        yield from _targets(node.target, node.value, node, Kind.ASSIGN, scope)
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield from _targets(node.target, node.iter, node, Kind.ITERATE, scope)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if item.optional_vars is not None:
                yield from _targets(item.optional_vars, item.context_expr, node, Kind.ENTER, scope)
    elif isinstance(node, ast.ExceptHandler):
        if node.name:
            yield Binding(node.name, Kind.UNKNOWN, node)
    elif isinstance(node, ast.Import):
        for alias in node.names:
            head = alias.name.partition(".")[0]
            yield Binding(alias.asname or head, Kind.IMPORT, node, target=alias.name if alias.asname else head)
    elif isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        for alias in node.names:
            target = base + ("" if base.endswith(".") else ".") + alias.name
            yield Binding(alias.asname or alias.name, Kind.IMPORT, node, target=target)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from _in_place(node.value, node, scope)
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield Binding(node.name, Kind.UNKNOWN, node)


def _targets(
    target: ast.expr, value: ast.expr, node: ast.AST, kind: Kind, scope: Scope, index: tuple[int, ...] = ()
) -> Iterator[Binding]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for position, element in enumerate(target.elts):
            yield from _targets(element, value, node, kind, scope, (*index, position))
    elif isinstance(target, ast.Starred):
        key = key_of(target.value)
        if key is not None:
            yield Binding(key, Kind.UNKNOWN, node)
    else:
        key = key_of(target)
        if isinstance(target, ast.Subscript):
            yield from _stores(target, value, node, scope)
        if key is not None:
            yield Binding(key, kind, node, value, index)


def _stores(target: ast.Subscript, value: ast.expr, node: ast.AST, scope: Scope) -> Iterator[Binding]:
    """``x[i, :] = value`` and ``x.view(-1)[::n] = value`` change x in place."""
    key = _viewed(target.value, scope)
    if key is not None:
        yield Binding(key, Kind.UPDATE, node, value)


def _in_place(call: ast.Call, node: ast.AST, scope: Scope) -> Iterator[Binding]:
    """``x.method_(...)``, ``xs.append(v)`` and ``torch.diagonal(x).sub_(c)`` change x in place."""
    if not isinstance(call.func, ast.Attribute):
        return
    name = call.func.attr
    if not (name in _UPDATING or (name.endswith("_") and not name.endswith("__"))):
        return
    key = _viewed(call.func.value, scope)
    if key is not None:
        yield Binding(key, Kind.UPDATE, node, call)


def _viewed(base: ast.expr, scope: Scope) -> str | None:
    """The key whose value a view shares: through subscripts, views and in-place methods down to the name."""
    while key_of(base) is None:
        if isinstance(base, ast.Call) and isinstance(base.func, ast.Attribute) and _shares(base.func.attr):
            head = base.func.value
            of_module = isinstance(head, ast.Name) and scope.import_target(head.id) is not None
            base = base.args[0] if base.args and of_module else head
        elif isinstance(base, ast.Subscript):
            base = base.value
        else:
            return None
    return key_of(base)


def _shares(method: str) -> bool:
    """Whether a method's result is the same memory: a view, or the tensor itself after a change in place."""
    return method in _VIEWS or (method.endswith("_") and not method.endswith("__"))


def _every_argument(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
