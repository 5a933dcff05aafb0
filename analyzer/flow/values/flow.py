"""Where a value comes from, on demand: back through assignments, attributes, containers, calls and parameters.

Nothing is computed for code that no rule asks about. A rule (or a domain of this package) states what it knows
outright about an expression; :class:`~.evaluate.Evaluator` looks through everything else and keeps the trail as
evidence.
"""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from ...findings import Evidence
from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Binding, Kind, Scope, key_of
from .calls import Calls
from .classes import Classes
from .containers import Containers
from .frames import Frame, Operand, Source
from .members import Members
from .reaching import Reaching, ordered

if TYPE_CHECKING:
    from ...graph.project import Project
    from ..settings.programs import Programs

MOST_TOGETHER = 6000
"""Expressions that are looked at for one question, with all that it asks in turn."""
DEEPEST_QUESTION = 80
"""Questions asked inside one another: some ten of Python's calls each, of which a thousand are allowed."""


class Flow:
    """Value flow over a project: one step back from names, and the parts that go further.

    One instance a run; forgets a file when the project closes it. ``calls`` follows calls either way, ``members``
    knows objects' attributes, ``containers`` what dictionaries and lists hold, ``classes`` what a value is made of.
    ``nesting`` counts the questions asked inside one another, ``cut`` those that were left without an answer.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.calls = Calls(self)
        self.members = Members(self)
        self.containers = Containers(self)
        self.classes = Classes(self)
        self.nesting = 0
        self.cut = 0
        self._reaching: dict[int, tuple[Scope, Reaching]] = {}
        self._steps: dict[int, tuple[Binding, Evidence]] = {}
        self._spent = 0

    @cached_property
    def programs(self) -> Programs:
        """Which configuration is for which program."""
        from ..settings.programs import Programs

        return Programs(self.project)

    def forget(self) -> None:
        """Drop what was computed, after files were closed: their nodes' identities may be used again."""
        self._reaching.clear()
        self._steps.clear()
        self.calls.forget()
        self.classes.forget()
        self.programs.forget()

    def is_spent(self) -> bool:
        """Whether a question, with all that it asks in turn, has come to its end; counts one more step of it."""
        if self.nesting == 0:
            self._spent = 0
        self._spent += 1
        is_over = self._spent > MOST_TOGETHER or self.nesting >= DEEPEST_QUESTION
        self.cut += is_over
        return is_over

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

    def sources(self, op: Operand) -> list[Source]:
        """Where the value of a name, attribute chain or constant subscript comes from; [] where nothing is known."""
        key = key_of(op.node)
        if key is None:
            return []
        frame = op.frame
        bound = frame.scope.bindings.get(key)
        if bound is None:
            return self.from_outside(op)
        # A parameter that nothing sets anew is the same everywhere: most functions need no closer look.
        is_parameter = len(bound) == 1 and bound[0].kind is Kind.PARAMETER
        bindings = frozenset(bound) if is_parameter else self.reaching(frame.scope).at(op.node)
        if bindings:
            return [s for b in ordered(bindings) for s in self.of_binding(b, frame)]
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
            return self.members.of_access(op)
        if isinstance(op.node, ast.Subscript):
            return self.containers.of_subscript(op)
        return []

    def _free_name(self, name: str, op: Operand) -> list[Source]:
        frame = op.frame
        home = frame.scope.lookup(name)
        if home is None:
            symbol = self.project.symbols.local(frame.module.path, name)
            return self.of_symbol(symbol) if isinstance(symbol, Symbol) else []
        outer = frame if home is frame.scope else Frame(frame.module, home, None, frame.depth)
        found: list[Source] = []
        for binding in home.bindings[name]:
            found += self.of_binding(binding, outer)
        return found

    def of_symbol(self, symbol: Symbol) -> list[Source]:
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
        if binding.kind is Kind.PARAMETER:
            return self._of_parameter(binding, frame)
        if binding.kind is Kind.IMPORT:
            symbol = self.project.symbols.resolve(frame.module.path, binding.target)
            return self.of_symbol(symbol) if isinstance(symbol, Symbol) else []
        if binding.kind is Kind.DEFINE or binding.value is None:
            return [Source(None, binding)]
        operand = Operand(binding.value, frame)
        step = self._step(binding, binding.value, frame.module)
        return [Source(operand, binding, binding.index, binding.kind is Kind.ITERATE, step)]

    def _step(self, binding: Binding, value: ast.expr, module: Module) -> Evidence:
        """What to tell of a binding, worded once: values are followed through it again and again."""
        kept = self._steps.get(id(binding))
        if kept is None:
            if binding.kind is Kind.ITERATE:
                note = f"`{binding.key}` runs over `{module.snippet(value)}`"
            elif binding.kind is Kind.AUGMENT or binding.kind is Kind.UPDATE:
                note = f"`{binding.key}` is changed by `{module.line_text(binding.node).strip()}`"
            else:
                note = f"`{binding.key}` is set to `{module.snippet(value)}`"
            kept = self._steps[id(binding)] = (binding, module.evidence(binding.node, note))
        return kept[1]

    def _of_parameter(self, binding: Binding, frame: Frame) -> list[Source]:
        if frame.arguments is not None:
            given = frame.arguments.get(binding.key)
            return [] if given is None else [Source(given, binding)]
        found: list[Source] = []
        for arguments, call, caller in self.calls.callers(frame):
            given = arguments.get(binding.key)
            if given is not None:
                name = frame.scope.qualname.rpartition(".")[2]
                note = f"`{given.text()}` is passed to `{name}` as `{binding.key}`"
                found.append(Source(given, binding, step=caller.evidence(call, note)))
        default = self.calls.default_of(binding.key, frame)
        if default is not None and not found:
            note = f"`{binding.key}` is `{default.text()}` by default"
            found.append(Source(default, binding, step=frame.module.evidence(default.node, note)))
        return found
