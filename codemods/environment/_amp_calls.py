"""The arguments of a mixed-precision call, moved from one spelling's parameters to another's."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst

from ...analyzer.checking import NoFix
from ...analyzer.source.module import Module
from ...analyzer.source.quiet import parse_expression
from ...analyzer.source.scopes import Kind
from ...analyzer.source.written import written

_DEVICES = ("device_type", "device")
# What the old spelling does when the argument is left out, so that it can be where the release lacks the parameter.
_DEFAULTS = {
    "dtype": {"None", "torch.float16", "torch.half"},
    "cache_enabled": {"None", "True"},
    "cast_inputs": {"None"},
}
_TIGHT = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.Compare)


@dataclass(frozen=True)
class Argument:
    """One argument of a call: its node, and the parameter that it lands in (``*`` and ``**`` for unpacked ones)."""

    node: ast.expr
    parameter: str
    is_named: bool


def bound_arguments(call: ast.Call, source: Sequence[str], skip: int = 0) -> list[Argument]:
    """The arguments of a call with the parameters they land in, in source order.

    Args:
        call: the call.
        source: the callee's parameters.
        skip: how many leading arguments are not the callee's own (1 for ``functools.partial``).

    Raises:
        NoFix: more positional arguments than parameters.
    """
    found: list[Argument] = []
    ordered = sorted([*call.args[skip:], *call.keywords], key=_position)
    position = 0
    for argument in ordered:
        if isinstance(argument, ast.keyword):
            found.append(Argument(argument.value, argument.arg or "**", True))
        elif isinstance(argument, ast.Starred):
            found.append(Argument(argument.value, "*", False))
        else:
            if position >= len(source):
                raise NoFix(f"line {call.lineno} gives more arguments than `{written(call.func)}` takes")
            found.append(Argument(argument, source[position], False))
            position += 1
    return found


def rewritten(module: Module, call: ast.Call, old: cst.Call, move: dict[str, Any], skip: int = 0) -> cst.Call:
    """A call with its arguments moved to the parameters of the new spelling; formatting of what stays is kept.

    Args:
        module: the file.
        call: the call.
        old: the same call as LibCST reads it.
        move: the source and target parameters and the device, as the rule found them.
        skip: how many leading arguments are not the callee's own.

    Raises:
        NoFix: an argument has no place in the new spelling.
    """
    targets: list[Sequence[str]] = list(move["parameters"])
    if all(tuple(t) == tuple(move["source"]) for t in targets):
        return old
    arguments = bound_arguments(call, move["source"], skip)
    if any(a.parameter == "*" for a in arguments):
        raise NoFix(f"line {call.lineno} gives its arguments by `*`: what they mean in the new spelling cannot be told")
    adds, drops = _devices(move)
    plan = _Plan(module, call, old, skip)
    condition = None
    for index, argument in enumerate(arguments):
        name = argument.parameter
        if name in _DEVICES and drops:
            condition = None if _is_off(arguments) else _on_cuda(module, call, argument)
            plan.remove(index)
        elif name == "**":
            if drops and not any(a.parameter in _DEVICES for a in arguments):
                raise NoFix(f"line {call.lineno} gives arguments by `**`: the device may be among them")
        elif not all(name in target or "**" in target for target in targets):
            _leave_out(module, call, argument)
            plan.remove(index)
    if condition is not None:
        _restrict(module, plan, arguments, condition)
    if adds:
        plan.add(adds, f'"{move["device"]}"', named=adds in move["keyword_only"])
    return plan.call(arguments, targets)


def _devices(move: dict[str, Any]) -> tuple[str, bool]:
    """The device parameter to fill in, and whether the one that is filled has to go."""
    has = any(d in move["source"] for d in _DEVICES)
    wants = [d for d in _DEVICES if all(d in target for target in move["parameters"])]
    return (wants[0] if wants and not has else ""), has and not wants


class _Plan:
    """A call's arguments under change."""

    def __init__(self, module: Module, call: ast.Call, old: cst.Call, skip: int) -> None:
        self.module = module
        self.node = call
        self.old = old
        self.skip = skip
        self.removed: set[int] = set()
        self.values: dict[int, str] = {}
        self.first: tuple[str, str, bool] | None = None
        self.last: tuple[str, str] | None = None

    def remove(self, index: int) -> None:
        self.removed.add(index)

    def add(self, name: str, code: str, *, named: bool) -> None:
        self.first = (name, code, named)

    def call(self, arguments: list[Argument], targets: list[Sequence[str]]) -> cst.Call:
        """The call with all changes; a positional argument that another parameter would get is named."""
        own = list(self.old.args[self.skip :])
        made: list[cst.Arg] = []
        position = 0
        naming = False
        if self.first is not None and not self.first[2]:
            made.append(cst.Arg(cst.parse_expression(self.first[1])))
            position += 1
        for index, (argument, node) in enumerate(zip(arguments, own, strict=True)):
            if index in self.removed:
                continue
            if index in self.values:
                node = node.with_changes(value=cst.parse_expression(self.values[index]))
            if not argument.is_named:
                fits = all(position < len(t) and t[position] == argument.parameter for t in targets)
                naming = naming or not fits
                if naming:
                    node = _named(argument.parameter, node)
                position += 1
            made.append(node)
        if self.first is not None and self.first[2]:
            made.append(_named(self.first[0], cst.Arg(cst.parse_expression(self.first[1]))))
        if self.last is not None:
            made.append(_named(self.last[0], cst.Arg(cst.parse_expression(self.last[1]))))
        return self.old.with_changes(args=_joined([*self.old.args[: self.skip], *made], self.old))


def _joined(arguments: list[cst.Arg], old: cst.Call) -> list[cst.Arg]:
    """Commas between arguments as in the old call: one line each where it had them so."""
    opening = old.whitespace_before_args
    spread = isinstance(opening, cst.ParenthesizedWhitespace)
    between = cst.Comma(whitespace_after=opening if spread else cst.SimpleWhitespace(" "))
    final = old.args[-1].comma if old.args else cst.MaybeSentinel.DEFAULT
    joined: list[cst.Arg] = []
    for position, argument in enumerate(arguments):
        is_last = position == len(arguments) - 1
        was_last = bool(old.args) and argument.value is old.args[-1].value
        if is_last:
            argument = argument.with_changes(comma=final)
            if old.args and not was_last:
                argument = argument.with_changes(whitespace_after_arg=old.args[-1].whitespace_after_arg)
        elif argument.comma is cst.MaybeSentinel.DEFAULT or was_last:
            argument = argument.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace(""))
        joined.append(argument)
    return joined


def _named(name: str, argument: cst.Arg) -> cst.Arg:
    tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return argument.with_changes(keyword=cst.Name(name), equal=tight)


def _leave_out(module: Module, call: ast.Call, argument: Argument) -> None:
    """Refuse an argument that the new spelling lacks, unless it says what is so without it."""
    code = module.local_name(argument.node) or written(argument.node)
    if code not in _DEFAULTS.get(argument.parameter, set()):
        given = f"{argument.parameter}={module.snippet(argument.node)}"
        raise NoFix(f"line {call.lineno} gives `{given}`, which the spelling that this torch has does not take")


def _is_off(arguments: Sequence[Argument]) -> bool:
    """Whether mixed precision is turned off for good, so that the device does not matter."""
    given = [a.node for a in arguments if a.parameter == "enabled"]
    return bool(given) and isinstance(given[0], ast.Constant) and given[0].value is False


def _on_cuda(module: Module, call: ast.Call, argument: Argument) -> str | None:
    """The condition under which a device is CUDA; None where it always is.

    Raises:
        NoFix: it is another one for certain.
    """
    node = argument.node
    literal = _text(module, node)
    if literal is not None:
        if literal.partition(":")[0] == "cuda":
            return None
        raise NoFix(f"line {call.lineno} asks for {literal!r}, on which the oldest torch here has no mixed precision")
    code = module.segment(node)
    if isinstance(node, ast.IfExp):
        branches = (_text(module, node.body), _text(module, node.orelse))
        if all(branches) and branches[0] == "cuda" != branches[1]:
            return module.segment(node.test)
        code = f"({code})"
    if isinstance(node, ast.Attribute) and node.attr == "type":
        return f'{code} == "cuda"'
    if argument.parameter == "device_type":
        return f'{code} == "cuda"' if isinstance(node, _TIGHT) else f'({code}) == "cuda"'
    return f'str({code}).startswith("cuda")'


def _text(module: Module, node: ast.expr) -> str | None:
    """The string that an expression is: a literal, or a name that is bound once, to one."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        value = _only_value(module, node)
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None


def _only_value(module: Module, node: ast.Name) -> ast.expr | None:
    scope = module.scope_of(node).lookup(node.id)
    bindings = scope.bindings[node.id] if scope is not None else []
    only = bindings[0] if len(bindings) == 1 else None
    return only.value if only is not None and only.kind is Kind.ASSIGN and not only.index else None


def _restrict(module: Module, plan: _Plan, arguments: list[Argument], condition: str) -> None:
    """Turn mixed precision on only where the device is CUDA, unless the code says so already."""
    for index, argument in enumerate(arguments):
        if argument.parameter != "enabled":
            continue
        node = argument.node
        if isinstance(node, ast.Constant):
            if node.value is True:
                plan.values[index] = condition
            return
        if _says(module, node, condition):
            return
        code = module.segment(node)
        if "\n" in code or not isinstance(node, (*_TIGHT, ast.BoolOp, ast.UnaryOp)) or _is_or(node):
            code = f"({code})"
        wrapped = f"({condition})" if _is_loose(condition) else condition
        plan.values[index] = f"{code} and {wrapped}"
        return
    if any(a.parameter == "**" for a in arguments):
        raise NoFix("`enabled` may be among the arguments given by `**`, and has to depend on the device")
    plan.last = ("enabled", condition)


def _is_or(node: ast.expr) -> bool:
    return isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)


def _is_loose(code: str) -> bool:
    node = parse_expression(code)
    return _is_or(node) or isinstance(node, (ast.IfExp, ast.Lambda, ast.NamedExpr))


def _says(module: Module, node: ast.expr, condition: str) -> bool:
    """Whether an expression already holds the condition, in itself or in the one value of its name."""
    wanted = ast.dump(parse_expression(condition))
    parts = node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) else [node]
    if any(ast.dump(part) == wanted for part in parts):
        return True
    if isinstance(node, ast.Name):
        value = _only_value(module, node)
        if value is not None and not isinstance(value, ast.Name):
            return module.scope_of(value) is module.scope_of(node) and _says(module, value, condition)
    return False


def _position(node: ast.AST) -> tuple[int, int]:
    node = node.value if isinstance(node, ast.keyword) else node
    return (node.lineno, node.col_offset)  # pyright: ignore[reportAttributeAccessIssue]
