"""Where a program trains: the backward pass, the loop over batches around it, and the calls that lead there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...graph.graphs import is_test
from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.facts import MAIN_PART
from ...source.module import Module
from ...source.scopes import Kind, Scope, last_name
from ..values.frames import Frame
from ..values.functions import self_name

_MOST_LEVELS = 6
_USUAL_PROGRAM = "train.py"


class Unclear(Exception):
    """Why something of a program cannot be told from its code."""


@dataclass(frozen=True, eq=False)
class Level:
    """One function on the way from a program's start to its backward pass.

    ``bound`` are its parameters as expressions of the level above, ``call`` is the call there. The first level has
    neither: its parameters must have defaults.
    """

    module: Module
    scope: Scope
    call: ast.Call | None
    bound: dict[str, ast.expr]

    @property
    def parameters(self) -> set[str]:
        """The names of its parameters."""
        return {k for k, bs in self.scope.bindings.items() if any(b.kind is Kind.PARAMETER for b in bs)}

    @property
    def name(self) -> str:
        """The function as a reader knows it."""
        return f"`{self.scope.qualname or 'the top level'}` in {self.module.path}"


@dataclass(frozen=True, eq=False)
class Step:
    """A training step: the levels, outermost first; the call of ``backward``; its loss; the loop over the batches."""

    levels: tuple[Level, ...]
    backward: ast.Call
    loss: ast.expr
    home: int
    """The level that holds the loop."""
    loop: ast.For

    @property
    def place(self) -> str:
        """Where the backward pass stands."""
        level = self.levels[-1]
        return f"{level.module.path}:{level.module.location(self.backward).line}"


def find_step(project: Project, program: str | None) -> Step:
    """The training step of a program (a relative path), or of the project's only or usual one.

    Raises:
        Unclear: there is none, or several.
    """
    found = _candidates(project)
    if not found:
        raise Unclear("no program here calls `.backward()` in code that its start leads to")
    chosen = program or _USUAL_PROGRAM
    if len(found) > 1 or program is not None:
        if chosen in project.files:
            reached = project.reach.from_parts([Symbol(chosen, ""), Symbol(chosen, MAIN_PART)])
            found = [(m, c) for m, c in found if Symbol(m.path, m.qualname(c)) in reached or m.path == chosen]
        elif program is not None:
            raise Unclear(f"there is no {program} here")
    functions = {(m.path, m.qualname(c)) for m, c in found}
    if len(functions) != 1 or len({m.segment(loss_of(c)) for m, c in found}) != 1:
        places = ", ".join(sorted({f"{m.path}:{m.location(c).line}" for m, c in found})[:4])
        several = f"there are several training steps ({places})"
        raise Unclear(f"{several}; `--entry` names the program" if places else f"{chosen} leads to no training step")
    module, backward = found[0]
    levels = _levels(project, module, backward)
    for home in range(len(levels) - 1, -1, -1):
        inner: ast.AST = backward if home == len(levels) - 1 else _call_below(levels, home)
        loop = _loop_around(levels[home], inner)
        if loop is not None:
            return Step(levels, backward, loss_of(backward), home, loop)
    raise Unclear(f"no loop over batches leads to the backward pass in {levels[-1].name}")


def loss_of(backward: ast.Call) -> ast.expr:
    """What a call of ``backward`` starts from; a gradient scaler is looked through."""
    assert isinstance(backward.func, ast.Attribute)
    loss = backward.args[0] if backward.args else backward.func.value
    if isinstance(loss, ast.Call) and last_name(loss.func) == "scale" and len(loss.args) == 1:
        return loss.args[0]
    return loss


def _candidates(project: Project) -> list[tuple[Module, ast.Call]]:
    found: list[tuple[Module, ast.Call]] = []
    for path, facts in project.files.items():
        if is_test(path) or "backward" not in facts.called:
            continue
        module = project.try_module(path)
        for call in module.calls() if module is not None else ():
            if isinstance(call.func, ast.Attribute) and call.func.attr == "backward" and not _is_super(call.func.value):
                name = module.qualname(call) if module is not None else ""
                if module is not None and (not name or Symbol(path, name) in project.reach.reached):
                    found.append((module, call))
    return found


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) == "super"


def _levels(project: Project, module: Module, backward: ast.Call) -> tuple[Level, ...]:
    levels: list[Level] = []
    inside: ast.AST = backward
    while len(levels) < _MOST_LEVELS:
        scope = project.flow.frame(module, inside).scope
        if not isinstance(scope.node, ast.FunctionDef):
            if not isinstance(scope.node, ast.Module):
                raise Unclear(f"`{scope.qualname}` in {module.path} is no plain function")
            return (Level(module, scope, None, {}), *levels)
        callers = [
            (given, call, caller)
            for given, call, caller in project.flow.calls.callers(Frame(module, scope))
            if not is_test(caller.path)
        ]
        if all(not given and not caller.qualname(call) for given, call, caller in callers):
            return (Level(module, scope, None, {}), *levels)
        if len(callers) > 1:
            places = ", ".join(f"{m.path}:{m.location(c).line}" for _, c, m in callers[:4])
            raise Unclear(f"`{scope.qualname}` in {module.path} is called at several places ({places})")
        given, call, caller = callers[0]
        bound = {name: op.node for name, op in given.items()}
        own = self_name(scope)
        if own is not None and own not in bound and isinstance(call.func, ast.Attribute):
            bound[own] = call.func.value
        levels.insert(0, Level(module, scope, call, bound))
        module, inside = caller, call
    raise Unclear(f"the backward pass in {levels[-1].name} is too many calls away from a program's start")


def _call_below(levels: Sequence[Level], home: int) -> ast.Call:
    call = levels[home + 1].call
    assert call is not None
    return call


def _loop_around(level: Level, node: ast.AST) -> ast.For | None:
    ancestors: Iterable[ast.AST] = level.module.ancestors(node)
    for ancestor in ancestors:
        if ancestor is level.scope.node:
            return None
        if isinstance(ancestor, ast.For):
            return ancestor
    return None
