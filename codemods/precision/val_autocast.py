"""Compute the loss in float32, on inputs that are made ``float()``."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..surgery import indent_of, line_span, newline_of, replace_span

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_TITLE = "Compute the loss in float32"
_GENERAL = {"torch.autocast", "torch.amp.autocast", "torch.amp.autocast_mode.autocast"}
_OF_DEVICE = {"torch.cuda.amp.autocast", "torch.cuda.amp.autocast_mode.autocast", "torch.cpu.amp.autocast"}


def fix(finding: Finding, project: Project) -> Fix:
    """Cast what goes into the loss, and take a loss written by hand out of the autocast block.

    Args:
        finding: of the rule ``val-autocast``; ``repair`` holds the arguments to cast, and the block for a loss inside.
        project: the project it was found in.

    Raises:
        NoFix: the code is not where it was found, or the block's own switch cannot be turned off.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    casts = [(start, end, _cast(module, start, end, kind)) for start, end, kind in repair["casts"]]
    if repair["block"] is None:
        return Fix(Applicability.UNSAFE, _TITLE, tuple(replace_span(module, *c) for c in casts))
    block = next((n for n in ast.walk(module.tree) if isinstance(n, ast.With) and n.lineno == repair["block"]), None)
    statement = next((s for s in block.body if s.lineno == repair["statement"]), None) if block is not None else None
    if block is None or statement is None:
        raise NoFix("the file changed since it was scanned: scan again")
    return Fix(Applicability.UNSAFE, _TITLE, _moved(module, block, statement, casts))


def _cast(module: Module, start: int, end: int, kind: str) -> str:
    text = module.text[start:end]
    node = next((n for n in ast.walk(module.tree) if isinstance(n, ast.expr) and module.span(n) == (start, end)), None)
    if node is None:
        raise NoFix("the file changed since it was scanned: scan again")
    if kind == "dict":
        return f"{{name: value.float() for name, value in {text}.items()}}"
    return f"{text}.float()" if isinstance(node, _ATOMS) else f"({text}).float()"


def _moved(module: Module, block: ast.With, statement: ast.stmt, casts: list[tuple[int, int, str]]) -> tuple[Edit, ...]:
    """The statement after the block where it is the last one and the block is nothing but autocast; else in its own."""
    if any(isinstance(n, (ast.Constant, ast.JoinedStr)) and n.end_lineno != n.lineno for n in ast.walk(statement)):
        raise NoFix("the statement holds a string over several lines: take it out of the autocast block by hand")
    start, end = line_span(module, statement)
    text = module.text[start:end]
    for first, last, new in sorted(casts, reverse=True):
        text = text[: first - start] + new + text[last - start :]
    lines = text.splitlines(keepends=True)
    inner, outer = indent_of(module, statement), indent_of(module, block)
    if block.body[-1] is statement and len(block.body) > 1 and len(block.items) == 1:
        moved = "".join(outer + line.removeprefix(inner) for line in lines)
        return (replace_span(module, start, end, moved),)
    step = inner.removeprefix(outer) or "    "
    header = f"{inner}with {_switched_off(module, block)}:{newline_of(module)}"
    return (replace_span(module, start, end, header + "".join(step + line for line in lines)),)


def _switched_off(module: Module, block: ast.With) -> str:
    """The block's autocast with ``enabled=False``."""
    for item in block.items:
        call = item.context_expr
        if not isinstance(call, ast.Call):
            continue
        name = module.local_name(call.func)
        function = module.segment(call.func)
        if name in _OF_DEVICE:
            return f"{function}(enabled=False)"
        device = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "device_type"), None)
        if name in _GENERAL and device is not None:
            return f"{function}(device_type={module.segment(device)}, enabled=False)"
    raise NoFix("the autocast is made elsewhere: compute the loss in a block with `enabled=False`")
