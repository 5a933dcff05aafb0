"""Where a value comes from, on demand: back through assignments, attributes, containers, calls and parameters.

Nothing is computed for code that no rule asks about. A rule (or a domain of this package) states what it knows
outright about an expression; :class:`Evaluator` looks through everything else and keeps the trail as evidence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from ..findings import Evidence
from ..graph.symbols import Symbol
from ..source.module import Module
from ..source.scopes import Binding, Kind, Scope, key_of
from .reaching import Reaching

if TYPE_CHECKING:
    from ..graph.project import Project

T = TypeVar("T")
DEEPEST_CALL = 6
MOST_CALLERS = 12
MOST_POSSIBLE_CALLERS = 30
"""Calls of a method's name on unknown receivers; a more common name is not followed to its callers."""
MOST_STEPS = 1500
MOST_TOGETHER = 6000
LONGEST_TRAIL = 6
_CHANGES = (Kind.UPDATE, Kind.AUGMENT)
_MODULE_BASES = frozenset(
    {
        "torch.nn.Module",
        "torch.nn.modules.Module",
        "pytorch_lightning.LightningModule",
        "lightning.LightningModule",
        "lightning.pytorch.LightningModule",
    }
)


@dataclass(frozen=True, eq=False)
class Frame:
    """A scope under evaluation. ``arguments`` are the values of its parameters where a call was followed into it."""

    module: Module
    scope: Scope
    arguments: dict[str, Operand] | None = None
    depth: int = 0

    @cached_property
    def mark(self) -> int:
        """Equal for frames of the same scope entered with the same arguments: what ends a circle."""
        given = [(name, id(op.node), op.frame.mark) for name, op in sorted((self.arguments or {}).items())]
        return hash((id(self.scope), self.depth, tuple(given)))


@dataclass(frozen=True, eq=False)
class Operand:
    """An expression and the frame in which it is evaluated."""

    node: ast.expr
    frame: Frame

    @property
    def module(self) -> Module:
        """The file it stands in."""
        return self.frame.module

    def sub(self, node: ast.expr) -> Operand:
        """Another expression of the same frame."""
        return Operand(node, self.frame)

    def text(self) -> str:
        """The expression as written, shortened."""
        return self.module.snippet(self.node)


@dataclass(frozen=True)
class Known(Generic[T]):
    """One thing that a value may be, with the lines that say so, origin first."""

    what: T
    trail: tuple[Evidence, ...] = ()

    def after(self, step: Evidence) -> Known[T]:
        """The same thing one step further on."""
        if self.trail and self.trail[-1].path == step.path and self.trail[-1].line == step.line:
            return self
        if len(self.trail) >= LONGEST_TRAIL:
            return self
        return replace(self, trail=(*self.trail, step))


@dataclass(frozen=True)
class Source:
    """One step back: where a name's value comes from.

    ``operand`` is the expression (None: nothing more is known), ``index`` the path into it where it was unpacked,
    ``binding`` the binding passed through, ``step`` what to tell about it.
    """

    operand: Operand | None
    binding: Binding | None = None
    index: tuple[int, ...] = ()
    is_element: bool = False
    step: Evidence | None = None


class Flow:
    """Value flow over a project. One instance a run; forgets a file when the project closes it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._reaching: dict[int, tuple[Scope, Reaching]] = {}
        self._returned: dict[int, tuple[Scope, list[ast.expr]]] = {}
        self._asked: set[tuple[int, int]] = set()
        self._classes: dict[tuple[int, int], tuple[ast.expr, list[Symbol]]] = {}
        self._cut = 0
        self._spent = 0
        self.nesting = 0
        self._called_instances: dict[Symbol, list[tuple[Module, ast.Call]]] = {}
        self._iterated: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """Drop what was computed, after files were closed: their nodes' identities may be used again."""
        self._reaching.clear()
        self._returned.clear()
        self._called_instances.clear()
        self._classes.clear()

    def is_spent(self) -> bool:
        """Whether a question, with all that it asks in turn, has come to its end; counts one more step of it."""
        if self.nesting == 0:
            self._spent = 0
        self._spent += 1
        if self._spent > MOST_TOGETHER:
            self._cut += 1
        return self._spent > MOST_TOGETHER

    def reaching(self, scope: Scope) -> Reaching:
        """The reaching definitions of a scope, computed once."""
        found = self._reaching.get(id(scope))
        if found is None:
            found = self._reaching[id(scope)] = (scope, Reaching(scope))
        return found[1]

    def frame(self, module: Module, node: ast.AST) -> Frame:
        """The frame of the scope in which a node stands, nothing known of its parameters."""
        return Frame(module, module.scope_of(node))

    def operand(self, module: Module, node: ast.expr) -> Operand:
        """An expression where it stands."""
        return Operand(node, self.frame(module, node))

    # One step back from a name, attribute or constant subscript.

    def sources(self, op: Operand) -> list[Source]:
        """Where the value of a name, attribute chain or constant subscript comes from; [] where nothing is known."""
        key = key_of(op.node)
        if key is None:
            return []
        frame = op.frame
        bindings = self.reaching(frame.scope).at(op.node)
        if bindings:
            return [s for b in _ordered(bindings) for s in self.of_binding(b, frame)]
        return self.from_outside(op)

    def from_outside(self, op: Operand) -> list[Source]:
        """Where a value comes from that its own function has not set: an enclosing scope, a method, a container."""
        key = key_of(op.node)
        if key is None:
            return []
        head = key.partition(".")[0].partition("[")[0]
        if key == head:
            return self._free_name(key, op)
        if isinstance(op.node, ast.Attribute):
            return self._of_attribute(op)
        if isinstance(op.node, ast.Subscript):
            return self._of_item(op)
        return []

    def _free_name(self, name: str, op: Operand) -> list[Source]:
        frame = op.frame
        home = frame.scope.lookup(name)
        if home is None:
            symbol = self.project.symbols.local(frame.module.path, name)
            return self._of_symbol(symbol) if isinstance(symbol, Symbol) else []
        outer = frame if home is frame.scope else Frame(frame.module, home, None, frame.depth)
        found: list[Source] = []
        for binding in home.bindings[name]:
            found += self.of_binding(binding, outer)
        return found

    def _of_symbol(self, symbol: Symbol) -> list[Source]:
        """A top-level name of another file: its bindings there."""
        module = self.project.try_module(symbol.path)
        if module is None or not symbol.qualname:
            return []
        scope = module.root_scope
        bindings = scope.bindings.get(symbol.qualname, [])
        frame = Frame(module, scope)
        return [s for b in bindings if b.kind is not Kind.IMPORT for s in self.of_binding(b, frame)]

    def of_binding(self, binding: Binding, frame: Frame) -> list[Source]:
        """Where one binding's value comes from."""
        module = frame.module
        if binding.kind is Kind.PARAMETER:
            return self._of_parameter(binding, frame)
        if binding.kind is Kind.IMPORT:
            symbol = self.project.symbols.resolve(module.path, binding.target)
            return self._of_symbol(symbol) if isinstance(symbol, Symbol) else []
        if binding.kind is Kind.DEFINE or binding.value is None:
            return [Source(None, binding)]
        if binding.kind is Kind.ITERATE:
            note = f"`{binding.key}` runs over `{module.snippet(binding.value)}`"
        elif binding.kind is Kind.AUGMENT or binding.kind is Kind.UPDATE:
            note = f"`{binding.key}` is changed by `{_first_line(module, binding.node)}`"
        else:
            note = f"`{binding.key}` is set to `{module.snippet(binding.value)}`"
        step = module.evidence(binding.node, note)
        operand = Operand(binding.value, frame)
        return [Source(operand, binding, binding.index, binding.kind is Kind.ITERATE, step)]

    def _of_parameter(self, binding: Binding, frame: Frame) -> list[Source]:
        if frame.arguments is not None:
            given = frame.arguments.get(binding.key)
            return [] if given is None else [Source(given, binding)]
        found: list[Source] = []
        for arguments, call, caller in self.callers(frame):
            given = arguments.get(binding.key)
            if given is not None:
                name = frame.scope.qualname.rpartition(".")[2]
                note = f"`{given.text()}` is passed to `{name}` as `{binding.key}`"
                found.append(Source(given, binding, step=caller.evidence(call, note)))
        default = self.default_of(binding.key, frame)
        if default is not None and not found:
            note = f"`{binding.key}` is `{default.text()}` by default"
            found.append(Source(default, binding, step=frame.module.evidence(default.node, note)))
        return found

    def default_of(self, parameter: str, frame: Frame) -> Operand | None:
        """The default of a function's parameter, None where it has none."""
        node = frame.scope.node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return None
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
        pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
        outer = Frame(frame.module, frame.scope.parent or frame.scope, None, frame.depth)
        return next((Operand(d, outer) for a, d in pairs if a.arg == parameter), None)

    def callers(self, frame: Frame) -> Iterator[tuple[dict[str, Operand], ast.Call, Module]]:
        """The calls that enter a frame's function: arguments by parameter, the call, its file. None if too many."""
        if frame.depth >= DEEPEST_CALL or not isinstance(frame.scope.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return
        symbol = Symbol(frame.module.path, frame.scope.qualname)
        owner = frame.scope.parent if frame.scope.parent is not None and frame.scope.parent.is_class else None
        name = frame.scope.qualname.rpartition(".")[2]
        targets = [symbol]
        if owner is not None and name == "__init__":
            targets = [Symbol(symbol.path, owner.qualname)]
        sites = [s for t in targets for s in self.project.call_sites(t)]
        if owner is not None and not sites and name not in ("__init__", "forward", "__call__"):
            possible = self.project.possible_call_sites(name)
            if len(possible) <= MOST_POSSIBLE_CALLERS:
                sites = [s for s in possible if self._may_enter(s.path, s.line, name, symbol)]
        if owner is not None and name in ("forward", "__call__"):
            for module, call in self._instance_calls(Symbol(symbol.path, owner.qualname)):
                outer = Frame(module, self.frame(module, call).scope, None, frame.depth + 1)
                yield self.bind(call, outer, frame.scope), call, module
        if len(sites) > MOST_CALLERS:
            return
        for site in sites:
            module = self.project.try_module(site.path)
            if module is None:
                continue
            for call in module.calls_on(site.line):
                if _last_name(call.func) != (
                    owner.qualname.rpartition(".")[2] if owner and name == "__init__" else name
                ):
                    continue
                outer = self.frame(module, call)
                outer = Frame(module, outer.scope, None, frame.depth + 1)
                yield self.bind(call, outer, frame.scope), call, module

    def _instance_calls(self, klass: Symbol) -> list[tuple[Module, ast.Call]]:
        from .instances import instance_calls

        if klass not in self._called_instances:
            self._called_instances[klass] = []  # a class that is looked for while it is looked for adds nothing
            self._called_instances[klass] = instance_calls(self, klass)
        found = self._called_instances[klass]
        self.project.consulted.update(module.path for module, _ in found)
        return found if len(found) <= MOST_CALLERS else []

    def _may_enter(self, path: str, line: int, name: str, symbol: Symbol) -> bool:
        """Whether the receiver of ``x.name(...)`` is an instance of the method's class (or its subclass)."""
        module = self.project.try_module(path)
        if module is None:
            return False
        for call in module.calls_on(line):
            if isinstance(call.func, ast.Attribute) and call.func.attr == name:
                for klass in self.classes_of(self.operand(module, call.func.value)):
                    if self.project.symbols.method(klass, name) == symbol:
                        return True
        return False

    def bind(self, call: ast.Call, caller: Frame, callee: Scope) -> dict[str, Operand]:
        """The argument of each of a function's parameters in one call. ``*args`` and ``**kwargs`` stay unknown."""
        node = callee.node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return {}
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        is_method = callee.parent is not None and callee.parent.is_class and not _is_static(node)
        through_class = is_method and isinstance(call.func, ast.Attribute) and self._is_class(call.func.value, caller)
        if is_method and names and not through_class:
            names = names[1:]
        given: dict[str, Operand] = {}
        for position, argument in enumerate(call.args):
            if isinstance(argument, ast.Starred):
                break
            if position < len(names):
                given[names[position]] = Operand(argument, caller)
        for keyword in call.keywords:
            if keyword.arg is not None:
                given[keyword.arg] = Operand(keyword.value, caller)
        return given

    def _is_class(self, node: ast.expr, frame: Frame) -> bool:
        symbol = self.project.resolve(frame.module, node)
        return isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None

    # Attributes and instances.

    def _of_attribute(self, op: Operand) -> list[Source]:
        node = op.node
        assert isinstance(node, ast.Attribute)
        symbol = self.project.resolve(op.module, node)
        if isinstance(symbol, Symbol) and symbol.qualname and symbol.path != op.module.path:
            return self._of_symbol(symbol)
        return [s for klass in self.classes_of(op.sub(node.value)) for s in self.attribute_sources(klass, node.attr)]

    def attribute_sources(self, klass: Symbol, name: str) -> list[Source]:
        """Every place that gives an attribute of a class's instances a value: methods, class body, constructor."""
        found: list[Source] = []
        for base in self.project.symbols.ancestry(klass):
            if not isinstance(base, Symbol):
                continue
            module = self.project.try_module(base.path)
            scope = module.scope_named(base.qualname) if module is not None else None
            if module is None or scope is None:
                continue
            for method in scope.children:
                own = _self_name(method)
                if own is not None:
                    for binding in method.bindings.get(f"{own}.{name}", []):
                        found += self.of_binding(binding, Frame(module, method))
            for binding in scope.bindings.get(name, []):
                found += self.of_binding(binding, Frame(module, scope))
            if any(isinstance(s, ast.AnnAssign) and key_of(s.target) == name for s in _body(scope)):
                found += self._of_field(base, name)
            if found:
                break
        return found

    def _of_field(self, klass: Symbol, name: str) -> list[Source]:
        """A dataclass field's values: the keyword arguments of the calls that make an instance."""
        found: list[Source] = []
        sites = self.project.call_sites(klass)
        for site in sites[:MOST_CALLERS]:
            module = self.project.try_module(site.path)
            for call in module.calls_on(site.line) if module is not None else ():
                if module is not None and _last_name(call.func) == klass.qualname.rpartition(".")[2]:
                    for keyword in call.keywords:
                        if keyword.arg == name:
                            note = f"`{name}` of `{klass.qualname}` is `{module.snippet(keyword.value)}`"
                            operand = self.operand(module, keyword.value)
                            found.append(Source(operand, step=module.evidence(keyword.value, note)))
        return found

    def _of_item(self, op: Operand) -> list[Source]:
        """``d['k']`` of a dictionary whose literal is found."""
        node = op.node
        assert isinstance(node, ast.Subscript)
        given = self._of_keywords(op, node)
        return given if given is not None else list(self.items(op.sub(node.value), node.slice))

    def _of_keywords(self, op: Operand, node: ast.Subscript) -> list[Source] | None:
        """``kwargs['k']`` of the function's own ``**kwargs``: that keyword in the calls; None for anything else."""
        function = op.frame.scope.node
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or not isinstance(
            node.slice, ast.Constant
        ):
            return None
        kept = function.args.kwarg.arg if function.args.kwarg is not None else None
        if not isinstance(node.value, ast.Name) or node.value.id != kept:
            return None
        name = node.slice.value
        if op.frame.arguments is not None:
            inside = op.frame.arguments.get(name)
            return [Source(inside)] if inside is not None else []
        found: list[Source] = []
        for arguments, call, caller in self.callers(op.frame):
            if name in arguments:
                note = f"`{arguments[name].text()}` is passed as `{name}`"
                found.append(Source(arguments[name], step=caller.evidence(call, note)))
        return found

    def items(self, container: Operand, key: ast.expr, depth: int = 0) -> Iterator[Source]:
        """The values that a constant key or position of a container may hold."""
        if not isinstance(key, ast.Constant) or depth > DEEPEST_CALL:
            return
        node = container.node
        module = container.module
        if isinstance(node, ast.Dict):
            for name, value in zip(node.keys, node.values, strict=True):
                if isinstance(name, ast.Constant) and name.value == key.value:
                    note = f"{key.value!r} is `{module.snippet(value)}`"
                    yield Source(container.sub(value), step=module.evidence(value, note))
        elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(key.value, int):
            if -len(node.elts) <= key.value < len(node.elts):
                yield Source(container.sub(node.elts[key.value]))
        elif isinstance(node, ast.DictComp):
            mapped = _mapped(node)
            if mapped is not None:
                yield from self._stored(container.sub(mapped), key, depth)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "dict":
                for keyword in node.keywords:
                    if keyword.arg == key.value:
                        yield Source(container.sub(keyword.value))
            for result in self.returns(container):
                yield from self._stored(result, key, depth)
        elif key_of(node) is not None:
            for source in self.sources(container):
                if source.operand is None:
                    continue
                if source.is_element:
                    for item in self.elements(source.operand, source.index):
                        if item.operand is not None and not item.index:
                            yield from self._stored(item.operand, key, depth)
                elif source.binding is not None and source.binding.kind is Kind.UPDATE:
                    for before in _ordered(_before_updates(source.binding)):
                        for earlier in self.of_binding(before, container.frame):
                            if earlier.operand is not None and not earlier.index:
                                yield from self._stored(earlier.operand, key, depth)
                elif not source.index:
                    yield from self._stored(source.operand, key, depth)

    def _stored(self, container: Operand, key: ast.Constant, depth: int) -> Iterator[Source]:
        """A container's items, with those stored into the name that holds it (``out['k'] = v``)."""
        name = key_of(container.node)
        if name is not None:
            for binding in container.frame.scope.bindings.get(f"{name}[{key.value!r}]", []):
                yield from self.of_binding(binding, container.frame)
        yield from self.items(container, key, depth + 1)

    def elements(self, op: Operand, index: tuple[int, ...] = ()) -> list[Source]:
        """What a loop over a value gives, at a path inside each element; see :func:`loaders.elements`."""
        from .loaders import elements

        mark = (id(op.node), id(op.frame.scope))
        if mark in self._iterated:
            return []
        self._iterated.add(mark)
        try:
            return elements(self, op, index)
        finally:
            self._iterated.discard(mark)

    def classes_of(self, op: Operand) -> list[Symbol]:
        """The project's classes of which a value may be an instance."""
        mark = (id(op.node), op.frame.mark)
        if mark in self._classes:
            return self._classes[mark][1]
        if mark in self._asked:  # an attribute that is set from itself, through another instance
            self._cut += 1
            return []
        self._asked.add(mark)
        cut = self._cut
        try:
            found = _unique(k.what for k in _Instances(self).evaluate(op))
        finally:
            self._asked.discard(mark)
        if cut == self._cut:  # what was found with a circle cut short holds inside that circle only
            self._classes[mark] = (op.node, found)
        return found

    # Calls.

    def callees(self, op: Operand) -> list[tuple[Module, Scope]]:
        """The project's functions that a call may enter: by name, ``self.method``, known receiver, module call."""
        call = op.node
        assert isinstance(call, ast.Call)
        symbols: list[Symbol] = []
        direct = self.project.resolve(op.module, call.func)
        if isinstance(direct, Symbol):
            symbols.append(direct)
        elif isinstance(call.func, ast.Attribute):
            for klass in self.classes_of(op.sub(call.func.value)):
                method = self.project.symbols.method(klass, call.func.attr)
                if method is not None:
                    symbols.append(method)
        if not symbols and direct is None:
            # An instance that is called: a module's forward.
            for klass in self.classes_of(op.sub(call.func)):
                for name in ("forward", "__call__") if self.is_module(klass) else ("__call__",):
                    method = self.project.symbols.method(klass, name)
                    if method is not None:
                        symbols.append(method)
                        break
        return [found for s in symbols if (found := self.function(s)) is not None]

    def is_module(self, klass: Symbol) -> bool:
        """Whether a class is a ``torch.nn.Module``."""
        return self.project.symbols.is_subclass(klass, _MODULE_BASES)

    def function(self, symbol: Symbol) -> tuple[Module, Scope] | None:
        """The file and scope of a function of the project; None for a class or anything else."""
        if self.project.symbols.function(symbol) is None:
            return None
        module = self.project.try_module(symbol.path)
        scope = module.scope_named(symbol.qualname) if module is not None else None
        return (module, scope) if module is not None and scope is not None else None

    def returns(self, op: Operand) -> list[Operand]:
        """The expressions that a call of the project's functions may return, in the callee's frame."""
        call = op.node
        if not isinstance(call, ast.Call) or op.frame.depth >= DEEPEST_CALL:
            return []
        found: list[Operand] = []
        for module, scope in self.callees(op):
            arguments = self.bind(call, op.frame, scope)
            frame = Frame(module, scope, self._with_defaults(arguments, Frame(module, scope)), op.frame.depth + 1)
            found += [Operand(value, frame) for value in self._returned_by(scope)]
        return found

    def _returned_by(self, scope: Scope) -> list[ast.expr]:
        kept = self._returned.get(id(scope))
        if kept is None:
            kept = self._returned[id(scope)] = (scope, returned(scope))
        return kept[1]

    def _with_defaults(self, arguments: dict[str, Operand], frame: Frame) -> dict[str, Operand]:
        for name in [k for k, bs in frame.scope.bindings.items() if any(b.kind is Kind.PARAMETER for b in bs)]:
            if name not in arguments:
                default = self.default_of(name, frame)
                if default is not None:
                    arguments[name] = default
        return arguments


class Evaluator(Generic[T]):
    """What a value may be, in one domain. Subclass it and say what is known outright; it looks through the rest.

    ``expression`` is asked first for every expression. Returning None means "look through": names to their bindings,
    calls to what they return, conditionals to both sides. Returning a sequence ends the search there.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.project = flow.project
        self._active: set[tuple[int, int]] = set()
        self._steps = 0

    def expression(self, op: Operand) -> Sequence[Known[T]] | None:
        """What the domain knows of an expression; None to look through it."""
        raise NotImplementedError

    def element(self, known: list[Known[T]], op: Operand, index: tuple[int, ...]) -> list[Known[T]]:
        """What unpacking, iterating or indexing makes of a value. As the whole, unless a domain says otherwise."""
        return known

    def update(self, known: list[Known[T]], binding: Binding, op: Operand) -> list[Known[T]]:
        """What an in-place change or augmented assignment makes of a value. ``op`` is what is put in or called."""
        return known

    def evaluate(self, op: Operand) -> list[Known[T]]:
        """Everything that the value may be; [] where nothing is known."""
        mark = (id(op.node), op.frame.mark)
        self._steps += 1
        if mark in self._active or self._steps > MOST_STEPS or self.flow.is_spent():
            return []
        self._active.add(mark)
        self.flow.nesting += 1
        try:
            outright = self.expression(op)
            return list(outright) if outright is not None else self._look_through(op)
        finally:
            self.flow.nesting -= 1
            self._active.discard(mark)

    def _look_through(self, op: Operand) -> list[Known[T]]:
        node = op.node
        if isinstance(node, ast.IfExp):
            return self._any(op, [node.body, node.orelse])
        if isinstance(node, ast.BoolOp):
            return self._any(op, node.values)
        if isinstance(node, (ast.NamedExpr, ast.Starred, ast.Await)):
            return self.evaluate(op.sub(node.value))
        if isinstance(node, ast.Call):
            return self._called(op)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
            place = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if isinstance(place, int) and place >= 0:
                return self._unpacked(op.sub(node.value), (place,))
        if isinstance(node, ast.Subscript) and key_of(node) is None:
            return self.element(self.evaluate(op.sub(node.value)), op, ())
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            sources = self.flow.sources(op)
            if sources:
                return _distinct([k for s in sources for k in self._from(s)])
            if isinstance(node, ast.Subscript):
                return self.element(self.evaluate(op.sub(node.value)), op, ())
        return []

    def _any(self, op: Operand, nodes: Sequence[ast.expr]) -> list[Known[T]]:
        return _distinct([k for n in nodes for k in self.evaluate(op.sub(n))])

    def _called(self, op: Operand) -> list[Known[T]]:
        found: list[Known[T]] = []
        for result in self.flow.returns(op):
            name = result.frame.scope.qualname
            step = result.module.evidence(result.node, f"`{name}` returns `{result.text()}`")
            found += [k.after(step) for k in self.evaluate(result)]
        return _distinct(found)

    def _from(self, source: Source) -> list[Known[T]]:
        op, binding = source.operand, source.binding
        if op is None:
            return []
        if binding is not None and binding.kind in (Kind.UPDATE, Kind.AUGMENT):
            # In a loop a change starts from itself, one turn earlier.
            mark = (id(binding), op.frame.mark)
            if mark in self._active:
                return []
            self._active.add(mark)
            try:
                before = [s for b in _ordered(binding.previous) for s in self.flow.of_binding(b, op.frame)]
                if not binding.previous:
                    before = self._before(binding, op)
                known = [k for s in before for k in self._from(s)]
            finally:
                self._active.discard(mark)
            return self.update(_distinct(known), binding, op)
        index = source.index
        if source.is_element:
            inside = self.flow.elements(op, index)
            if inside:
                known = _distinct([k for item in inside for k in self._from(item)])
                return [k.after(source.step) for k in known] if source.step is not None else known
        if index and not source.is_element and key_of(op.node) is not None:
            through = [s for s in self.flow.sources(op) if s.binding is None or s.binding.kind not in _CHANGES]
            if through:
                known = _distinct([k for s in through for k in self._from(replace(s, index=s.index + index))])
                return [k.after(source.step) for k in known] if source.step is not None else known
        if index and isinstance(op.node, (ast.Tuple, ast.List)) and index[0] < len(op.node.elts):
            return self._from(replace(source, operand=op.sub(op.node.elts[index[0]]), index=index[1:]))
        if index and isinstance(op.node, ast.Call):
            known = self._unpacked(op, index)
        else:
            known = self.evaluate(op)
            if index or source.is_element:
                known = self.element(known, op, index)
        return [k.after(source.step) for k in known] if source.step is not None else known

    def _before(self, binding: Binding, op: Operand) -> list[Source]:
        """What a value was that its own function only changes: ``self.items.append(x)`` in a later method."""
        for node in ast.walk(binding.node):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and key_of(node) == binding.key:
                return self.flow.from_outside(op.sub(node))
        return []

    def _unpacked(self, op: Operand, index: tuple[int, ...]) -> list[Known[T]]:
        """``a, b = f()``: element by element where f returns a tuple."""
        outright = self.expression(op)
        if outright is not None:
            return self.element(list(outright), op, index)
        found: list[Known[T]] = []
        for result in self.flow.returns(op):
            if isinstance(result.node, (ast.Tuple, ast.List)) and index[0] < len(result.node.elts):
                chosen = result.sub(result.node.elts[index[0]])
                step = chosen.module.evidence(
                    chosen.node, f"`{result.frame.scope.qualname}` returns `{chosen.text()}` at position {index[0]}"
                )
                found += [k.after(step) for k in self._from(Source(chosen, index=index[1:]))]
            else:
                found += self.element(self.evaluate(result), result, index)
        return _distinct(found)


class _Instances(Evaluator[Symbol]):
    """Of which classes of the project a value may be an instance."""

    def expression(self, op: Operand) -> Sequence[Known[Symbol]] | None:
        node = op.node
        if isinstance(node, ast.Name):
            scope = op.frame.scope.lookup(node.id)
            if (
                scope is not None
                and scope.method is scope
                and _self_name(scope) == node.id
                and scope.parent is not None
            ):
                return [Known(Symbol(op.module.path, scope.parent.qualname))]
            annotated = self._annotated(op, scope)
            if annotated is not None:
                return [Known(annotated)]
        if isinstance(node, ast.Call):
            symbol = self.project.resolve(op.module, node.func)
            if isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None:
                return [Known(symbol, (op.module.evidence(node, f"`{symbol.qualname}` is made here"),))]
            if isinstance(node.func, ast.Attribute) and node.func.attr in (
                "to",
                "cuda",
                "cpu",
                "train",
                "eval",
                "half",
                "float",
            ):
                return self.evaluate(op.sub(node.func.value))
            if isinstance(symbol, str) and node.args and symbol.rpartition(".")[2] in _WRAPPERS:
                return self.evaluate(op.sub(node.args[0]))
        if isinstance(node, ast.Attribute):
            fields = [k for owner in self.flow.classes_of(op.sub(node.value)) for k in self._of_field(owner, node.attr)]
            return fields or None
        return None

    def _of_field(self, owner: Symbol, name: str) -> list[Known[Symbol]]:
        """The class that a class body declares an attribute to be: ``optim: OptimConfig``."""
        for base in self.project.symbols.ancestry(owner):
            module = self.project.try_module(base.path) if isinstance(base, Symbol) else None
            scope = module.scope_named(base.qualname) if module is not None and isinstance(base, Symbol) else None
            for statement in _body(scope) if scope is not None else ():
                if module is None or not isinstance(statement, ast.AnnAssign) or key_of(statement.target) != name:
                    continue
                symbol = self._named_by(module, statement.annotation)
                return [Known(symbol, (module.evidence(statement, f"`{name}` is declared here"),))] if symbol else []
        return []

    def _annotated(self, op: Operand, scope: Scope | None) -> Symbol | None:
        for binding in scope.bindings[op.node.id] if scope is not None and isinstance(op.node, ast.Name) else ():
            annotation = getattr(binding.node, "annotation", None)
            symbol = self._named_by(op.module, annotation) if isinstance(annotation, ast.expr) else None
            if symbol is not None:
                return symbol
        return None

    def _named_by(self, module: Module, annotation: ast.expr) -> Symbol | None:
        """The project's class that an annotation names."""
        symbol: Symbol | str | None = None
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            symbol = self.project.symbols.local(module.path, annotation.value)
        elif isinstance(annotation, (ast.Name, ast.Attribute)):
            symbol = self.project.resolve(module, annotation)
        return symbol if isinstance(symbol, Symbol) and self.project.symbols.klass(symbol) is not None else None


_WRAPPERS = {"DataParallel", "DistributedDataParallel", "compile", "FullyShardedDataParallel", "script", "deepcopy"}


def _mapped(node: ast.DictComp) -> ast.expr | None:
    """The dictionary whose values ``{k: f(v) for k, v in d.items()}`` maps under the same keys."""
    if len(node.generators) != 1 or not isinstance(node.key, ast.Name):
        return None
    loop = node.generators[0]
    call, target = loop.iter, loop.target
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "items"
        and isinstance(target, ast.Tuple)
        and isinstance(target.elts[0], ast.Name)
        and target.elts[0].id == node.key.id
    ):
        return call.func.value
    return None


def returned(scope: Scope) -> list[ast.expr]:
    """The expressions that a function returns; of a generator, those it yields."""
    node = scope.node
    if isinstance(node, ast.Lambda):
        return [node.body]
    found: list[ast.expr] = []
    stack: list[ast.AST] = [*reversed(_body(scope))]
    while stack:
        current = stack.pop()
        if isinstance(current, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(current, (ast.Return, ast.Yield)) and current.value is not None:
            found.append(current.value)
        stack.extend(reversed(list(ast.iter_child_nodes(current))))
    return found


def _body(scope: Scope) -> list[ast.stmt]:
    return [] if isinstance(scope.node, ast.Lambda) else scope.node.body


def _self_name(scope: Scope) -> str | None:
    """The name of a method's first parameter (``self``), None for static methods and functions."""
    node = scope.node
    if (
        not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        or scope.parent is None
        or not scope.parent.is_class
    ):
        return None
    arguments = [*node.args.posonlyargs, *node.args.args]
    return arguments[0].arg if arguments and not _is_static(node) else None


def _is_static(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> bool:
    return not isinstance(node, ast.Lambda) and any(
        isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _first_line(module: Module, node: ast.AST) -> str:
    return module.line_text(node).strip()


def _ordered(bindings: frozenset[Binding] | set[Binding]) -> list[Binding]:
    return sorted(bindings, key=lambda b: (getattr(b.node, "lineno", 0), getattr(b.node, "col_offset", 0), b.key))


def _before_updates(binding: Binding) -> set[Binding]:
    """The bindings from which a chain of in-place changes started."""
    found, waiting = {binding}, [binding]
    while waiting:
        new = waiting.pop().previous - found
        found |= new
        waiting += new
    return {b for b in found if b.kind is not Kind.UPDATE}


def _unique(items: Iterator[Symbol]) -> list[Symbol]:
    return list(dict.fromkeys(items))


def _distinct(known: list[Known[T]]) -> list[Known[T]]:
    """Each thing once, by its shortest trail."""
    best: dict[T, Known[T]] = {}
    for item in known:
        kept = best.get(item.what)
        if kept is None or len(item.trail) < len(kept.trail):
            best[item.what] = item
    return list(best.values())
