"""How a head's class initialises its linear layer, written for that layer alone."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.flow.layers.heads import Head
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of

_INITIALISERS = frozenset(
    {
        *("trunc_normal_", "normal_", "uniform_", "constant_", "zeros_", "ones_", "orthogonal_", "eye_", "sparse_"),
        *("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"),
    }
)
_PARAMETERS = ("weight", "bias")


def initialisation(head: Head, project: Project, call: Operand, target: str | None, nn: str) -> list[str]:
    """The statements that initialise ``target`` as the head's class did its linear layer.

    Raises:
        NoFix: the class initialises it in a way that cannot be written here.
    """
    made = head.unit.linear.made
    if made is None:
        return []
    scope, module = made.call.frame.scope, made.call.module
    names = {f"self.{head.unit.linear.name}"}
    for bindings in scope.bindings.values():
        names |= {b.key for b in bindings if b.value is made.call.node}
    lines: list[str] = []
    for node in ast.walk(scope.node):
        if not isinstance(node, ast.Call) or not isinstance(module.parent(node), ast.Expr):
            continue
        parameter = _initialised(node, names)
        if parameter is None:
            continue
        if target is None:
            raise NoFix("the new layer has no name to initialise it by: replace the head by hand")
        if parameter == "bias" and _without_bias(head, project, call):
            continue
        if not _is_plain(node, scope.node, module, names):
            raise NoFix("the head's class initialises its layer under a condition: replace the head by hand")
        lines.append(_written(made.call.sub(node), node, parameter, project, call, target, nn))
    return lines


def _initialised(call: ast.Call, names: set[str]) -> str | None:
    """``weight`` or ``bias`` where a call initialises that of the linear layer."""
    first = call.args[0] if call.args else None
    if isinstance(call.func, ast.Attribute) and call.func.attr in _INITIALISERS | {"zero_", "fill_"}:
        inner = call.func.value
        if isinstance(inner, ast.Attribute) and inner.attr == "data":
            inner = inner.value
        if isinstance(inner, ast.Attribute) and inner.attr in _PARAMETERS and key_of(inner.value) in names:
            return inner.attr
    if isinstance(first, ast.Attribute) and first.attr in _PARAMETERS and key_of(first.value) in names:
        return first.attr
    return None


def _without_bias(head: Head, project: Project, call: Operand) -> bool:
    from .batchnorm_head import text_at

    made = head.unit.linear.made
    node = made.call.node if made is not None else None
    given = [k.value for k in node.keywords if k.arg == "bias"] if isinstance(node, ast.Call) else []
    return bool(given) and made is not None and text_at(made.call.sub(given[0]), call, project) == "False"


def _is_plain(node: ast.Call, function: ast.AST, module: Module, names: set[str]) -> bool:
    """Whether a call runs always, or as soon as there is a bias."""
    for above in module.ancestors(node):
        if above is function:
            return True
        if isinstance(above, ast.If):
            asks = {key_of(n) for n in ast.walk(above.test) if isinstance(n, (ast.Name, ast.Attribute))}
            if not asks & ({"bias"} | {f"{name}.bias" for name in names}):
                return False
        elif isinstance(above, (ast.For, ast.While, ast.Try)):
            return False
    return True


def _written(op: Operand, call: ast.Call, parameter: str, project: Project, at: Operand, target: str, nn: str) -> str:
    from .batchnorm_head import text_at

    is_function = bool(call.args) and _last(call.args[0]) == parameter
    if is_function:
        name = (project.external(op.module, call.func) or "").rpartition(".")[2]
        if name not in _INITIALISERS:
            raise NoFix(f"`{op.module.snippet(call.func)}` is not known to torch.nn.init: replace the head by hand")
        given = [f"{target}.{parameter}", *(text_at(op.sub(a), at, project) for a in call.args[1:])]
        head = f"{nn}.init.{name}"
    else:
        assert isinstance(call.func, ast.Attribute)
        data = ".data" if _last(call.func.value) == "data" else ""
        given = [text_at(op.sub(a), at, project) for a in call.args]
        head = f"{target}.{parameter}{data}.{call.func.attr}"
    given += [f"{k.arg}={text_at(op.sub(k.value), at, project)}" for k in call.keywords if k.arg is not None]
    return f"{head}({', '.join(given)})"


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""
