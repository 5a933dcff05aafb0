"""Scale an image before it is cast to uint8, and subtract in signed numbers."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..surgery import replace_node, replace_span

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_SAFE_AROUND = (ast.Assign, ast.Return, ast.Call, ast.keyword)


def fix(finding: Finding, project: Project) -> Fix:
    """Scale by 255 and round before the cast, or leave the unsigned type before the difference.

    Args:
        finding: of the rule ``dtype-roundtrip``; ``repair`` holds its ``kind``.
        project: the project it was found in.

    Returns:
        The fix, unsafe.

    Raises:
        NoFix: the place is not where it was found, or is written over several lines.
    """
    assert finding.repair is not None
    module = project.module(finding.location.path)
    nodes = (n for n in module.nodes if isinstance(n, ast.expr) and module.location(n) == finding.location)
    if finding.repair["kind"] == "scale":
        call = next((n for n in nodes if isinstance(n, ast.Call)), None)
        if call is None:
            raise NoFix("the cast is not where it was found any more")
        edit = _scaled(module, call, finding.repair["bounded"])
        return Fix(Applicability.UNSAFE, "Scale to 0..255 before the cast", (edit,))
    if finding.repair["kind"] == "unit":
        call = next((n for n in nodes if isinstance(n, ast.Call) and n.args), None)
        if call is None:
            raise NoFix("the call is not where it was found any more")
        end = module.span(call.args[0])[1]  # ``a * 255`` is divided as a whole, since both bind alike
        return Fix(Applicability.UNSAFE, "Bring it back to 0..1", (replace_span(module, end, end, " / 255"),))
    node = next((n for n in nodes if isinstance(n, (ast.BinOp, ast.UnaryOp))), None)
    if isinstance(node, ast.UnaryOp):
        return Fix(Applicability.UNSAFE, "Negate as a float", (_negated(module, node),))
    if isinstance(node, ast.BinOp):
        left = _atom(module, node.left)
        edit = replace_span(module, module.span(node)[0], _end(module, node.left, node), f'{left}.astype("int16")')
        return Fix(Applicability.UNSAFE, "Subtract in signed numbers", (edit,))
    raise NoFix("the difference is not where it was found any more")


def _atom(module: Module, node: ast.expr) -> str:
    text = module.segment(node)
    return text if isinstance(node, _ATOMS) else f"({text})"


def _end(module: Module, left: ast.expr, whole: ast.BinOp) -> int:
    """Where the left side ends, brackets around it included."""
    end = module.span(left)[1]
    between = module.text[end : module.span(whole.right)[0]]
    return end + len(between[: between.index("-")].rstrip())


def _scaled(module: Module, call: ast.Call, bounded: bool) -> Edit:
    clip = "" if bounded else ".clip(0, 255)"
    if isinstance(call.func, ast.Attribute) and call.func.attr not in ("uint8",):
        value = f"({_atom(module, call.func.value)} * 255).round(){clip}"
        start, end = module.span(call)
        rest = module.text[module.span(call.func)[1] - len(call.func.attr) : end]
        between = module.text[module.span(call.func.value)[1] : module.span(call.func)[1]]
        if "\n" in between or "\r" in between:
            raise NoFix("the cast is written over several lines")
        return replace_span(module, start, end, f"{value}.{rest}")
    value = call.args[0]
    return replace_node(module, value, f"({_atom(module, value)} * 255).round(){clip}")


def _negated(module: Module, node: ast.UnaryOp) -> Edit:
    parent = module.parent(node)
    text = f"-1.0 * {module.segment(node.operand)}"
    is_factor = isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Mult, ast.Div)) and parent.left is node
    return replace_node(module, node, text if is_factor or isinstance(parent, _SAFE_AROUND) else f"({text})")
