"""Whether an object's attribute keeps the value that its constructor gave it."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.reader import Unreadable
from ...source.scopes import Kind
from .flow import Flow

_CONSTRUCTORS = {"__init__", "__post_init__", "__new__", "setup", "_setup", "build", "_init"}
_FURTHEST = 3
_DATA = re.compile(r"data|\bds\b|_ds\b|set\b|loader", re.IGNORECASE)


def is_set_once(flow: Flow, klass: Symbol, attribute: str) -> bool | None:
    """Whether ``self.attribute`` is given its value while the object is made, and by nothing after that.

    Args:
        flow: the project's value flow.
        klass: the class whose methods read it.
        attribute: its name.

    Returns:
        False where another method or other code changes it; None where no value is found at all.
    """
    found = False
    for base in flow.project.symbols.ancestry(klass):
        module = flow.project.try_module(base.path) if isinstance(base, Symbol) else None
        scope = module.scope_named(base.qualname) if module is not None and isinstance(base, Symbol) else None
        if scope is None or not isinstance(base, Symbol):
            continue
        found = found or attribute in scope.bindings or _is_field(flow, base, attribute)
        for method in scope.children:
            name = method.qualname.rpartition(".")[2]
            first = next(iter(getattr(getattr(method.node, "args", None), "args", ())), None)
            bindings = method.bindings.get(f"{first.arg}.{attribute}", []) if first is not None else []
            if not bindings:
                continue
            found = True
            if any(b.kind in (Kind.AUGMENT, Kind.ITERATE) for b in bindings):
                return False
            if not _runs_at_construction(flow, base, name, 0):
                return False
    if found and _is_set_from_outside(flow, klass, attribute):
        return False
    return True if found else None


def _is_field(flow: Flow, klass: Symbol, attribute: str) -> bool:
    """An annotated name of the class body without a value: a dataclass's field."""
    module = flow.project.try_module(klass.path)
    scope = module.scope_named(klass.qualname) if module is not None else None
    body = getattr(scope.node, "body", []) if scope is not None else []
    return any(getattr(getattr(s, "target", None), "id", "") == attribute for s in body)


def _runs_at_construction(flow: Flow, klass: Symbol, method: str, depth: int) -> bool:
    """Whether a method is a constructor, or called by constructors alone."""
    if method in _CONSTRUCTORS:
        return True
    if depth >= _FURTHEST:
        return False
    sites = flow.project.call_sites(Symbol(klass.path, f"{klass.qualname}.{method}"))
    callers = [s.scope.rpartition(".") for s in sites]
    return bool(callers) and all(
        owner == klass.qualname and _runs_at_construction(flow, klass, name, depth + 1) for owner, _, name in callers
    )


def _is_set_from_outside(flow: Flow, klass: Symbol, attribute: str) -> bool:
    """Whether any file assigns the attribute of such an object: ``loader.dataset.epoch = epoch``."""
    pattern = _assignment(attribute)
    word = attribute.encode()
    for path in flow.project.files:
        try:
            raw = flow.project.sources.read(path)
        except Unreadable:
            continue
        if word not in raw or not pattern.search(raw):
            continue
        module = flow.project.try_module(path)
        for node in ast.walk(module.tree) if module is not None else ():
            is_store = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr == attribute
            if module is not None and is_store and _may_be(flow, module, node, klass):  # pyright: ignore[reportArgumentType]
                return True
    return False


def _may_be(flow: Flow, module: Module, store: ast.Attribute, klass: Symbol) -> bool:
    """Whether the object whose attribute is set may be of a class; an unknown one may where it is a dataset's name."""
    receiver = store.value
    if isinstance(receiver, ast.Name) and receiver.id in ("self", "cls"):
        return False
    known = flow.classes.of(flow.operand(module, receiver))
    if known:
        return any(
            klass in flow.project.symbols.ancestry(k) or k in flow.project.symbols.ancestry(klass) for k in known
        )
    return bool(_DATA.search(module.segment(receiver)))


@lru_cache(maxsize=256)
def _assignment(attribute: str) -> re.Pattern[bytes]:
    name = re.escape(attribute).encode()
    return re.compile(rb"(?<!self)(?<!cls)\." + name + rb"\s*(?:[-+*/%|&]|//|\*\*)?=(?!=)|setattr\([^)]*['\"]" + name)
