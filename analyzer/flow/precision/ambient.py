"""Whether autocast is at work where an expression is evaluated: around it, on its function, around the calls of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from ...findings import Evidence
from ...source.module import Module
from ...source.nodes import children
from ..values.flow import Flow
from ..values.frames import Frame, Known, Operand
from .contexts import AUTOCASTS, OFF, Autocast, Contexts

_FURTHEST = 6
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FOREIGN = frozenset({"autocast", "autocast_context", "forward_context", "maybe_autocast", "auto_mixed_precision"})


@dataclass(frozen=True)
class Ambient:
    """What autocast does at a place. ``autocast`` is None where it cannot be known."""

    autocast: Autocast | None
    trail: tuple[Evidence, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether autocast is on, or on at a switch."""
        return self.autocast is not None and self.autocast.is_on

    @property
    def is_off(self) -> bool:
        """Whether no autocast is at work."""
        return self.autocast is not None and not self.autocast.is_on


UNKNOWN = Ambient(None)
_NONE = Ambient(OFF)


def ambients(flow: Flow, op: Operand, depth: int = 0) -> list[Ambient]:
    """What autocast may do where an expression is evaluated.

    Args:
        flow: the project's value flow.
        op: the expression; a frame that a call was followed into asks about that call.
        depth: functions left so far.

    Returns:
        One answer for each way there; never empty.
    """
    inside = _around(flow, op)
    if inside is not None:
        return inside
    scope = op.frame.scope
    node = scope.node
    if isinstance(node, ast.Lambda) and scope.parent is not None and op.frame.call is None:
        return ambients(flow, Operand(node, Frame(op.module, scope.parent, None, op.frame.depth)), depth)
    if not isinstance(node, _FUNCTIONS):
        return [_NONE]
    decorated = _decorator(flow, op.module, node)
    if decorated is not None:
        return [decorated]
    if op.frame.call is not None:
        return ambients(flow, op.frame.call, depth + 1)
    return _from_callers(flow, op.frame, node, depth)


def _from_callers(flow: Flow, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef, depth: int) -> list[Ambient]:
    if opens_autocast(frame.module, node):
        return [_NONE]  # whoever opens it himself is not called inside of one
    if depth >= _FURTHEST:
        return [UNKNOWN]
    found: list[Ambient] = []
    for _, call, module in flow.calls.callers(frame):
        caller = Operand(call, Frame(module, flow.frame(module, call).scope, None, frame.depth + 1))
        name = frame.scope.qualname
        step = module.evidence(call, f"`{name}` is called here")
        for known in ambients(flow, caller, depth + 1):
            found.append(replace(known, trail=(*known.trail, step)) if known.is_on else known)
    return list(dict.fromkeys(found)) or [UNKNOWN]


def opens_autocast(module: Module, node: ast.AST, *, own: bool = False) -> bool:
    """Whether a function's own text enters an autocast that it does not merely switch off.

    Args:
        module: its file.
        node: the function, or the file's tree.
        own: leave nested functions and classes out.
    """
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, (ast.With, ast.AsyncWith)):
            texts = [module.segment(i.context_expr).replace(" ", "") for i in current.items]
            if any(("autocast" in t.lower() or "amp" in t.lower()) and "enabled=False" not in t for t in texts):
                return True
        below = [c for c in children(current) if isinstance(c, (ast.stmt, ast.ExceptHandler, ast.match_case))]
        waiting += [c for c in below if not (own and isinstance(c, (*_FUNCTIONS, ast.ClassDef)))]
    return False


def _around(flow: Flow, op: Operand) -> list[Ambient] | None:
    """The innermost autocast block around an expression in its own function; None where there is none."""
    child: ast.AST = op.node
    for above in op.module.ancestors(op.node):
        if isinstance(above, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            return None
        if isinstance(above, (ast.With, ast.AsyncWith)) and child in above.body:
            for item in reversed(above.items):
                known = entered(flow, op.sub(item.context_expr))
                if known:
                    return known
        child = above
    return None


def entered(flow: Flow, op: Operand) -> list[Ambient]:
    """What entering a context manager does to autocast; [] where it has nothing to do with it."""
    found = [Ambient(k.what, k.trail) for k in Contexts(flow).evaluate(op)]
    # A context that does nothing matters only as the other choice of one that does.
    if any(a.is_on for a in found) or any(a.autocast is not None and a.autocast.line for a in found):
        return found
    if _is_foreign(op):
        return [UNKNOWN]
    return []


def _is_foreign(op: Operand) -> bool:
    """``accelerator.autocast()``, ``self.autocast_ctx``: an autocast whose making is out of sight."""
    node = op.node.func if isinstance(op.node, ast.Call) else op.node
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in _FOREIGN or "autocast" in name.lower() or "amp" in name.lower().split("_")


def _decorator(flow: Flow, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Ambient | None:
    for decorator in node.decorator_list:
        maker = decorator.func if isinstance(decorator, ast.Call) else decorator
        if flow.project.external(module, maker) in AUTOCASTS:
            known: list[Known[Autocast]] = Contexts(flow).evaluate(flow.operand(module, decorator))
            if known:
                return Ambient(known[0].what, known[0].trail)
        if isinstance(maker, (ast.Name, ast.Attribute)) and "custom_fwd" in module.segment(maker):
            return UNKNOWN
    return None
