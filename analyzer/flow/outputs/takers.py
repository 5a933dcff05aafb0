"""Forward from a value to all that takes it in: whether a gradient may come back to it, and from where.

The question is put the safe way round: whatever is not shown to be harmless counts as taking the value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from ...findings import Evidence
from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Scope, key_of, last_name
from ..values.construction import Constructions
from ..values.frames import Frame
from .gradients import WITHOUT_GRADIENT, is_off
from .loads import loads, parameter_loads
from .sites import calls_of_module

Path = tuple[int | str, ...]
_MOST_STEPS = 600
_TELLING = frozenset(
    {
        *(
            "info",
            "debug",
            "warning",
            "log",
            "add_scalar",
            "add_scalars",
            "add_histogram",
            "add_embedding",
            "add_image",
        ),
        *("write", "log_metrics", "log_dict", "print", "set_postfix", "set_description", "save"),
    }
)
_BUILTINS = frozenset(
    {"print", "len", "isinstance", "type", "str", "repr", "int", "float", "bool", "id", "range", "hasattr"}
)
_KEPT = frozenset({"list", "tuple", "dict"})
_ADDING = frozenset({"append", "extend", "insert", "add", "appendleft"})
_STEPS_OF_TRAINERS = frozenset({"training_step", "compute_loss", "training_step_end"})


class How(Enum):
    """What becomes of a value at the end of one way."""

    DROPPED = "dropped"
    HARMLESS = "harmless"
    OFF = "off"
    TAKEN = "taken"
    BACKWARD = "backward"


class End(NamedTuple):
    """The end of one way: what happens there, and where."""

    how: How
    module: Module
    node: ast.AST


class Output(NamedTuple):
    """What a module returns: the class, where in the result the value is, and the line."""

    klass: Symbol
    path: Path
    evidence: Evidence


class _At(NamedTuple):
    module: Module
    node: ast.expr
    path: Path


class Takers:
    """Follows values of one project forward. One instance a question: it counts its steps.

    With ``by_name`` it does not go into calls of ``forward``: what is an end then is one of all, found sooner.
    """

    def __init__(self, project: Project, by_name: bool = False) -> None:
        self.project = project
        self.by_name = by_name
        self.flow = project.flow
        self.passed: list[Output] = []
        """The modules' returns passed on the way."""
        self._seen: set[tuple[int, Path]] = set()
        self._waiting: list[_At] = []
        self._steps = 0

    def of(self, module: Module, node: ast.expr, path: Path = ()) -> Iterator[End]:
        """The ends of every way that a value goes.

        Args:
            module: the file.
            node: the expression that has the value.
            path: where in the expression's value it is: ``("logits",)`` of a dictionary, ``(1,)`` of a tuple.
        """
        self._waiting.append(_At(module, node, path))
        while self._waiting:
            at = self._waiting.pop()
            mark = (id(at.node), at.path)
            if mark in self._seen:
                continue
            self._seen.add(mark)
            self._steps += 1
            if self._steps > _MOST_STEPS:
                yield End(How.TAKEN, at.module, at.node)
                return
            how = How.OFF if is_off(self.project, at.module, at.node) else self._step(at)
            if how is not None:
                yield End(how, at.module, at.node)

    def _go(self, at: _At, node: ast.AST, path: Path) -> None:
        if isinstance(node, ast.expr):
            self._waiting.append(_At(at.module, node, path))

    def _step(self, at: _At) -> How | None:
        """One step on: puts what follows on the pile; an end where the way stops here."""
        parent = at.module.parent(at.node)
        keyword = None
        if isinstance(parent, ast.keyword):
            keyword, parent = parent, at.module.parent(parent)
        if isinstance(parent, ast.Expr):
            return How.DROPPED
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            return self._assigned(at, parent)
        if isinstance(parent, ast.AugAssign):
            key = key_of(parent.target)
            if at.path or key is None:
                return How.TAKEN
            return self._loads(at, key, parent, ())
        if isinstance(parent, (ast.Return, ast.Yield)):
            return self._returned(at, parent)
        if isinstance(parent, ast.Call):
            return self._called(at, parent, keyword)
        if isinstance(parent, ast.Attribute):
            return self._attribute(at, parent)
        if isinstance(parent, ast.Subscript):
            return self._subscript(at, parent)
        return self._inside(at, parent)

    def _inside(self, at: _At, parent: ast.AST | None) -> How | None:
        """A value that is part of a larger expression."""
        node = at.node
        if isinstance(parent, (ast.Tuple, ast.List)):
            if any(isinstance(e, ast.Starred) for e in parent.elts):
                return How.TAKEN
            self._go(at, parent, (parent.elts.index(node), *at.path))
            return None
        if isinstance(parent, ast.Dict):
            if node not in parent.values:
                return How.HARMLESS
            key = parent.keys[parent.values.index(node)]
            if key is None:
                self._go(at, parent, at.path)
                return None
            if not isinstance(key, ast.Constant) or not isinstance(key.value, (int, str)):
                return How.TAKEN
            self._go(at, parent, (key.value, *at.path))
            return None
        if isinstance(parent, (ast.BinOp, ast.UnaryOp)):
            if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
                return How.HARMLESS
            if at.path:
                return How.TAKEN
            self._go(at, parent, ())
            return None
        if isinstance(parent, (ast.Compare, ast.JoinedStr, ast.FormattedValue, ast.Assert, ast.If, ast.While)):
            return How.HARMLESS
        if isinstance(parent, (ast.IfExp, ast.BoolOp, ast.Await)):
            if isinstance(parent, ast.IfExp) and parent.test is node:
                return How.HARMLESS
            self._go(at, parent, at.path)
            return None
        if isinstance(parent, (ast.ListComp, ast.GeneratorExp, ast.SetComp)) and parent.elt is node and not at.path:
            self._go(at, parent, ())
            return None
        return How.TAKEN

    def _loads(self, at: _At, key: str, statement: ast.AST, path: Path) -> How | None:
        if key.partition(".")[0] in ("self", "cls") and "." in key:
            return How.TAKEN
        found = loads(self.flow, at.module.scope_of(at.node), key, statement)
        if found is None:
            return How.TAKEN
        for load in found:
            self._waiting.append(_At(at.module, load, path))
        return None if found else How.DROPPED

    def _assigned(self, at: _At, statement: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> How | None:
        if isinstance(statement, ast.NamedExpr):
            self._go(at, statement, at.path)
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        ends = [self._bound(at, target, statement, at.path) for target in targets]
        return _together(ends)

    def _bound(self, at: _At, target: ast.expr, statement: ast.AST, path: Path) -> How | None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if any(isinstance(e, ast.Starred) for e in target.elts):
                return How.TAKEN
            if not path:
                return _together([self._bound(at, e, statement, ()) for e in target.elts])
            first = path[0]
            if not isinstance(first, int) or first >= len(target.elts):
                return How.TAKEN
            return self._bound(at, target.elts[first], statement, path[1:])
        if isinstance(target, ast.Subscript):
            base = key_of(target.value)
            constant = target.slice.value if isinstance(target.slice, ast.Constant) else None
            if base is None or not isinstance(constant, (int, str)):
                return How.TAKEN
            return self._loads(at, base, statement, (constant, *path))
        key = key_of(target)
        return How.TAKEN if key is None else self._loads(at, key, statement, path)

    def _subscript(self, at: _At, parent: ast.Subscript) -> How | None:
        if parent.value is not at.node:
            return How.HARMLESS
        if isinstance(parent.ctx, (ast.Store, ast.Del)):
            return How.HARMLESS
        if not at.path:
            self._go(at, parent, ())
            return None
        return self._chosen(at, parent, parent.slice)

    def _chosen(self, at: _At, taken: ast.expr, index: ast.expr) -> How | None:
        """``value[index]``: the part that is followed, or another one."""
        chosen = index.value if isinstance(index, ast.Constant) else None
        if not isinstance(chosen, (int, str)) or isinstance(chosen, bool):
            return How.TAKEN
        if chosen == at.path[0]:
            self._go(at, taken, at.path[1:])
            return None
        return How.HARMLESS if type(chosen) is type(at.path[0]) else How.TAKEN

    def _attribute(self, at: _At, parent: ast.Attribute) -> How | None:
        call = at.module.parent(parent)
        is_method = isinstance(call, ast.Call) and call.func is parent
        name = parent.attr
        if at.path:
            first = at.path[0]
            if isinstance(call, ast.Call) and is_method:
                if name in ("get", "pop") and call.args:
                    return self._chosen(at, call, call.args[0])
                if name == "to":
                    self._go(at, call, at.path)
                    return None
                return How.HARMLESS if name in ("keys", "update") else How.TAKEN
            if name == first:
                self._go(at, parent, at.path[1:])
                return None
            return How.HARMLESS if isinstance(first, str) else How.TAKEN
        if name == "backward":
            return How.BACKWARD
        if name in WITHOUT_GRADIENT:
            return How.HARMLESS
        if isinstance(call, ast.Call) and is_method:
            self._go(at, call, ())
            return None
        self._go(at, parent, ())
        return None

    # Calls.

    def _called(self, at: _At, call: ast.Call, keyword: ast.keyword | None) -> How | None:
        if call.func is at.node:
            return How.TAKEN
        name = last_name(call.func)
        outside = self.project.external(at.module, call.func)
        if outside is not None:
            return self._handed_outside(at, call, keyword, outside)
        if isinstance(call.func, ast.Attribute) and name in _ADDING and not at.path:
            key = key_of(call.func.value)
            statement = at.module.statement(call)
            return How.TAKEN if key is None else self._loads(at, key, statement, ())
        symbol = self.project.resolve(at.module, call.func)
        if isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None:
            if keyword is not None and keyword.arg and not self.flow.calls.is_module(symbol):
                self._go(at, call, (keyword.arg, *at.path))
                return None
            return How.TAKEN
        callees = self.flow.calls.callees(self.flow.operand(at.module, call))
        if callees:
            frame = Frame(at.module, at.module.scope_of(call))
            return _together([self._entered(at, call, frame, *callee) for callee in callees])
        if name in _TELLING and isinstance(call.func, ast.Attribute):
            return How.HARMLESS
        if name == "backward":
            return How.BACKWARD
        return self._unknown(at, call)

    def _entered(self, at: _At, call: ast.Call, caller: Frame, module: Module, scope: Scope) -> How | None:
        """Into a function of the project, by the parameters that take the value."""
        bound = self.flow.calls.bind(call, caller, scope)
        names = [name for name, given in bound.items() if given.node is at.node]
        found = [parameter_loads(self.flow, scope, name) for name in names]
        if not names or None in found:
            return How.TAKEN
        entries = [load for part in found if part is not None for load in part]
        self._waiting += [_At(module, load, at.path) for load in entries]
        return None if entries else How.DROPPED

    def _handed_outside(self, at: _At, call: ast.Call, keyword: ast.keyword | None, outside: str) -> How | None:
        last = outside.rpartition(".")[2]
        if outside in _BUILTINS or outside.startswith(("numpy.", "logging.", "math.")):
            return How.HARMLESS
        if outside in _KEPT:
            path = (keyword.arg, *at.path) if keyword is not None and keyword.arg else at.path
            self._go(at, call, path)
            return None
        if outside.startswith("torch."):
            if last in WITHOUT_GRADIENT or outside == "torch.save":
                return How.HARMLESS
            self._go(at, call, ())
            return None
        return How.TAKEN

    def _unknown(self, at: _At, call: ast.Call) -> How | None:
        """A call of an object: one of torch's own modules makes a new value of it, anything else may keep it."""
        if at.path:
            return How.TAKEN
        self._go(at, call, ())
        made = Constructions(self.flow).evaluate(self.flow.operand(at.module, call.func))
        is_plain = bool(made) and all(isinstance(k.what.of, str) and k.what.of.startswith("torch.nn.") for k in made)
        return None if is_plain else How.TAKEN

    # Returns.

    def _returned(self, at: _At, statement: ast.Return | ast.Yield) -> How | None:
        scope = at.module.scope_of(statement)
        name = scope.qualname.rpartition(".")[2]
        owner = scope.parent if scope.parent is not None and scope.parent.is_class else None
        if isinstance(scope.node, ast.Lambda) or isinstance(statement, ast.Yield):
            return How.TAKEN
        if owner is not None and name in _STEPS_OF_TRAINERS:
            return How.BACKWARD
        if owner is not None and name in ("forward", "__call__"):
            return self._put_out(at, statement, Symbol(at.module.path, owner.qualname))
        if any(last_name(d) in ("property", "cached_property") for d in getattr(scope.node, "decorator_list", ())):
            return How.TAKEN
        callers = list(self.flow.calls.callers(Frame(at.module, scope)))
        for _, call, module in callers:
            self._waiting.append(_At(module, call, at.path))
        return None if callers else How.TAKEN

    def _put_out(self, at: _At, statement: ast.AST, klass: Symbol) -> How | None:
        """What a module returns, at every call of its instances."""
        if not at.path:
            return How.TAKEN
        note = f"`{klass.qualname}` returns it as {_spelled(at.path[0])}"
        self.passed.append(Output(klass, at.path, at.module.evidence(statement, note)))
        calls = calls_of_module(self.flow, klass, self.by_name)
        if not calls.is_complete or (not calls.sure and not self.by_name):
            return How.TAKEN
        for module, call in (*calls.sure, *calls.possible):
            self._waiting.append(_At(module, call, at.path))
        return None


def _together(ends: list[How | None]) -> How | None:
    """The end of a value that goes several ways at once; None where one of them goes on."""
    if How.TAKEN in ends:
        return How.TAKEN
    return None if None in ends else How.DROPPED


def _spelled(key: int | str) -> str:
    return f"`{key!r}`" if isinstance(key, str) else f"number {key}"
