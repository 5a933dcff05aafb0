"""Which code reads each key of a configuration, followed forward from where it is made or loaded.

The search errs on the side of reading: one name in one scope is one value, an attribute that a configuration is stored
in is the same attribute everywhere, and whatever is done with a whole configuration that is not understood lets it
escape. What is not found read here, below no escape, is read by nobody.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...graph.symbols import Symbol
from ...project.configs import Key
from ...source.scopes import last_name
from ..values.functions import self_name
from .entering import entered, of_expression, only_passes_to_sinks, parameters, started
from .following import Following, Held
from .loading import wrapped
from .sinks import is_sink, only_shows

if TYPE_CHECKING:
    from ...graph.project import Project
    from ...source.module import Module

_MOST = 6000
_TAKING = {"get", "pop", "setdefault"}
_SAME = {"copy", "clone", "to_dict", "as_dict", "toDict", "to_container", "freeze", "__copy__", "deepcopy"}
_QUIET = {"freeze", "defrost", "dump", "pretty", "save", "is_frozen", "set_new_allowed", "__str__", "dumps", "toJSON"}
_MERGING = {"update", "merge_from_file", "merge_from_list", "merge_from_other_cfg", "merge_from_dict", "merge_with"}


@dataclass(frozen=True, eq=False)
class Read:
    """A place where code takes a key. ``is_optional`` where it goes on without it (``get``, a default)."""

    key: Key
    module: Module
    node: ast.expr
    is_optional: bool = False


@dataclass
class Readings:
    """What a project's code does with a configuration.

    Attributes:
        reads: the places that take each key.
        stored: keys that code itself sets, with one place each.
        merged: calls that lay something else over it (``cfg.update(...)``).
        escapes: keys whose whole content goes where it cannot be followed; () is the configuration as a whole.
        is_open: whether code adds keys by names that are computed.
        is_laid_over: whether its keys are set as attributes of a namespace of options.
    """

    reads: dict[Key, list[Read]] = field(default_factory=dict)
    stored: dict[Key, tuple[Module, ast.AST]] = field(default_factory=dict)
    escapes: dict[Key, ast.AST] = field(default_factory=dict)
    merged: list[tuple[Module, ast.Call]] = field(default_factory=list)
    is_open: bool = False
    is_laid_over: bool = False

    def is_followed(self, key: Key) -> bool:
        """Whether nothing that holds a key has escaped."""
        return not any(key[:n] in self.escapes for n in range(len(key) + 1))


def readings(
    project: Project, starts: Iterable[tuple[Module, ast.expr]], paths: Iterable[str], holds: Callable[[Key], bool]
) -> Readings:
    """Follow a configuration.

    Args:
        project: the repository.
        starts: the expressions that make or load it.
        paths: the files in which attributes that hold it are looked for.
        holds: whether there are keys below a key, so that its value is followed.
    """
    return _Reading(project, tuple(paths), holds).run([Held(m, n, ()) for m, n in starts])


class _Reading(Following):
    def __init__(self, project: Project, paths: tuple[str, ...], holds: Callable[[Key], bool]) -> None:
        super().__init__(project, paths)
        self.holds = holds
        self.found = Readings()

    def run(self, starts: list[Held]) -> Readings:
        for start in starts:
            self.go(start)
        while self.waiting:
            if len(self.seen) > _MOST:
                self.found.escapes[()] = self.waiting[-1].node
                break
            self._follow(self.waiting.pop())
        return self.found

    def escape(self, held: Held) -> None:
        self.found.escapes.setdefault(held.key, held.node)

    def _take(self, held: Held, name: object, node: ast.expr, is_optional: bool = False) -> None:
        """A key is taken: note it and follow what lies under it."""
        if held.box:
            if name == held.box:
                self.go(Held(held.module, node, held.key))
            return
        if not isinstance(name, (str, int)):
            self.escape(held)
            return
        key = (*held.key, name)
        self.found.reads.setdefault(key, []).append(Read(key, held.module, node, is_optional))
        if self.holds(key):
            self.go(Held(held.module, node, key))

    def _follow(self, held: Held) -> None:
        module, node = held.module, held.node
        above = module.parent(node)
        if isinstance(above, ast.keyword):
            call = module.parent(above)
            if isinstance(call, ast.Call):
                self._argument(held, call, above.arg)
            else:
                self.escape(held)
        elif isinstance(above, ast.Attribute):
            self._attribute(held, above)
        elif isinstance(above, ast.Subscript) and above.value is node:
            self._subscript(held, above)
        elif isinstance(above, ast.Call):
            if above.func is node:
                self.escape(held)
            else:
                self._argument(held, above, None)
        elif isinstance(above, (ast.Assign, ast.AnnAssign)):
            for target in above.targets if isinstance(above, ast.Assign) else [above.target]:
                self.bound(held, target)
        elif isinstance(above, ast.NamedExpr):
            self.bound(held, above.target)
            self.same(held, above)
        elif isinstance(above, (ast.BoolOp, ast.IfExp, ast.Await, ast.Starred)):
            if not (isinstance(above, ast.IfExp) and above.test is node):
                self.same(held, above)
        elif isinstance(above, ast.Dict):
            self._in_dictionary(held, above)
        elif isinstance(above, (ast.Return, ast.Yield)):
            self.returned(held, None)
        elif isinstance(above, (ast.Tuple, ast.List)):
            self._among(held, above)
        elif isinstance(above, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._looped(held, module.parent(above) if isinstance(above, ast.comprehension) else above)
        elif isinstance(above, ast.Compare):
            for side in (above.left, *above.comparators):
                if isinstance(side, ast.Constant) and isinstance(side.value, str) and not held.box:
                    key = (*held.key, side.value)
                    self.found.reads.setdefault(key, []).append(Read(key, module, above, True))
        elif not _is_quiet(above):
            self.escape(held)

    def _among(self, held: Held, above: ast.Tuple | ast.List) -> None:
        """One of several values."""
        outer = held.module.parent(above)
        call = held.module.parent(outer) if isinstance(outer, ast.keyword) and outer.arg == "args" else outer
        if isinstance(above, ast.Tuple) and isinstance(outer, (ast.Return, ast.Assign)):
            self.in_tuple(held, above)
        elif isinstance(call, ast.Call):
            self._started(held, above, call)
        else:
            self.escape(held)

    def _attribute(self, held: Held, above: ast.Attribute) -> None:
        module = held.module
        call = module.parent(above)
        name = above.attr
        if isinstance(call, ast.Call) and call.func is above:
            if name in _TAKING and call.args:
                key = call.args[0]
                value = key.value if isinstance(key, ast.Constant) else None
                self._take(held, value, call, is_optional=name != "pop" or len(call.args) > 1)
            elif name in _SAME:
                self.same(held, call)
            elif name in _MERGING:
                self.found.is_open = True
                self.found.merged.append((module, call))
            elif name in ("items", "keys", "values", "_get_kwargs"):
                loop = module.parent(call)
                is_loop = isinstance(loop, (ast.For, ast.AsyncFor, ast.comprehension))
                self._looped(
                    held, module.parent(loop) if isinstance(loop, ast.comprehension) else loop if is_loop else None
                )
            elif name not in _QUIET:
                self._take(held, name, above)
        elif name == "__dict__":
            self.same(held, above)
        elif isinstance(above.ctx, ast.Load):
            self._take(held, name, above)
        elif not held.box:
            self.found.stored.setdefault((*held.key, name), (module, above))

    def _subscript(self, held: Held, above: ast.Subscript) -> None:
        name = above.slice.value if isinstance(above.slice, ast.Constant) else None
        if isinstance(above.ctx, ast.Load):
            self._take(held, name, above)
        elif isinstance(name, (str, int)):
            self.found.stored.setdefault((*held.key, name), (held.module, above))
        else:
            self.found.is_open = True

    def _argument(self, held: Held, call: ast.Call, keyword: str | None) -> None:
        """The configuration is given to a call."""
        module, node = held.module, held.node
        name = last_name(call.func)
        is_spread = isinstance(module.parent(node), ast.keyword) and keyword is None
        op = self.project.flow.operand(module, call)
        if name in ("getattr", "hasattr") and call.args[0] is node and len(call.args) > 1:
            key = call.args[1].value if isinstance(call.args[1], ast.Constant) else None
            self._take(held, key, call, is_optional=name == "hasattr" or len(call.args) > 2)
        elif name in ("setattr", "delattr") and call.args[0] is node and len(call.args) > 1:
            key = call.args[1]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.found.stored.setdefault((*held.key, key.value), (module, call))
            else:
                self.found.is_open = True
        elif name == "partial" and call.args and call.args[0] is not node:
            self._partial(held, call)
        elif is_sink(self.project, module, call):
            if held.node in call.args and name in ("sorted", "str", "append"):
                return
        elif name in _MERGING or name == "set_defaults":
            self._merged(held, call, name)
        elif wrapped(self.project, op) is not None:
            self.same(held, call)
            made = self.project.resolve(module, call.func)
            if isinstance(made, Symbol) and not is_spread and self.project.symbols.method(made, "__init__") is not None:
                self._entered(held, call)
        elif is_spread or isinstance(node, ast.Starred):
            self.escape(held)
        else:
            self._entered(held, call)

    def _merged(self, held: Held, call: ast.Call, name: str) -> None:
        """``x.update(cfg)``: what x holds then holds it too; an object's ``__dict__`` takes it in as attributes."""
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(receiver, ast.Attribute) and receiver.attr == "__dict__":
            self._laid_over(held, receiver.value)
        elif isinstance(receiver, ast.Call) and last_name(receiver.func) == "vars" and receiver.args:
            self._laid_over(held, receiver.args[0])
        elif name == "set_defaults":
            self.found.is_laid_over = True
        elif isinstance(receiver, ast.Name):
            self.loads(held, receiver.id, held.module.scope_of(call))
        elif isinstance(receiver, ast.Attribute):
            self.attributes(held, receiver.attr)
        else:
            self.escape(held)

    def _laid_over(self, held: Held, owner: ast.expr) -> None:
        """The keys become attributes of an object: of the methods' own, or of a namespace of options."""
        scope = held.module.scope_of(owner)
        method = scope.method
        own = self_name(method) if method is not None else None
        if method is None or method.parent is None or not isinstance(owner, ast.Name) or owner.id != own:
            self.found.is_laid_over = True
            return
        for other in method.parent.children:
            name = self_name(other)
            if name is not None:
                self.loads(held, name, other)

    def _looped(self, held: Held, loop: ast.AST | None) -> None:
        """A loop over the keys: one that sets them as attributes, one that only shows them, or one not understood."""
        for node in ast.walk(loop) if loop is not None else ():
            if isinstance(node, ast.Call) and last_name(node.func) == "setattr" and len(node.args) == 3:
                self._laid_over(held, node.args[0])
                return
        if loop is None or not only_shows(self.project, held.module, loop):
            self.escape(held)

    def _entered(self, held: Held, call: ast.Call) -> None:
        """Functions of the project take the configuration in: follow the parameter."""
        flow = self.project.flow
        functions = entered(self.project, held.module, call)
        frame = flow.frame(held.module, call)
        is_known = bool(functions)
        for module, scope in functions:
            given = flow.calls.bind(call, frame, scope)
            names = [n for n, op in given.items() if op.node is held.node and n in scope.bindings]
            is_known = is_known and bool(names)
            for parameter in names:
                self.loads(Held(module, held.node, held.key, held.box), parameter, scope)
        if not is_known and not only_passes_to_sinks(self.project, functions):
            self.escape(held)

    def _partial(self, held: Held, call: ast.Call) -> None:
        """``partial(function, cfg)``: the function's parameter at that place."""
        functions = of_expression(self.project, held.module, call.args[0])
        position = next((n for n, a in enumerate(call.args[1:]) if a is held.node), -1)
        keyword = next((k.arg for k in call.keywords if k.value is held.node), None)
        for module, scope in functions:
            names = parameters(scope)
            name = keyword if keyword in names else names[position] if 0 <= position < len(names) else None
            if name is None:
                self.escape(held)
            else:
                self.loads(Held(module, held.node, held.key, held.box), name, scope)
        if not functions:
            self.escape(held)

    def _started(self, held: Held, above: ast.Tuple | ast.List, call: ast.Call) -> None:
        """A function is started with the configuration among its arguments."""
        functions, first = started(self.project, held.module, call)
        position = first + next(n for n, e in enumerate(above.elts) if e is held.node)
        for module, scope in functions:
            names = parameters(scope)
            if position < len(names):
                self.loads(Held(module, held.node, held.key, held.box), names[position], scope)
            else:
                self.escape(held)
        if not functions:
            self.escape(held)

    def _in_dictionary(self, held: Held, above: ast.Dict) -> None:
        for key, value in zip(above.keys, above.values, strict=True):
            if value is not held.node:
                continue
            if key is None:
                self.same(held, above)
            elif isinstance(key, ast.Constant) and isinstance(key.value, str) and not held.box:
                self.go(Held(held.module, above, held.key, key.value))
            else:
                self.escape(held)


def _is_quiet(above: ast.AST | None) -> bool:
    """Whether a value in this place is only shown, tested or dropped."""
    quiet = (
        ast.FormattedValue,
        ast.Expr,
        ast.If,
        ast.While,
        ast.Assert,
        ast.UnaryOp,
        ast.Delete,
        ast.IfExp,
        ast.BoolOp,
    )
    return isinstance(above, quiet)
