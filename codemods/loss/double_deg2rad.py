"""Remove the second conversion to radians, or put the missing one before trigonometry."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.flow.angles.units import conversion, in_place_conversion
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ..surgery import remove_statement, replace_node, replace_span

_RADIANS_OF = {"math": "radians"}
_LIBRARIES = ("torch", "numpy", "jax", "cupy")
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.List, ast.Tuple, ast.Dict)


def fix(finding: Finding, project: Project) -> Fix:
    """The edit that leaves one conversion.

    Args:
        finding: of the rule ``double-deg2rad``; ``repair`` holds ``place`` and ``applicability``.
        project: the project it was found in.

    Returns:
        The fix.

    Raises:
        NoFix: the conversion has further arguments or factors.
    """
    assert finding.repair is not None
    module = project.module(finding.location.path)
    node = _node_at(module, finding)
    wanted = finding.repair["applicability"]
    if finding.repair["place"] == "trigonometry":
        return Fix(Applicability.UNSAFE, "Convert the degrees to radians first", (_wrap(module, node, project),))
    if wanted == "degrees":
        return Fix(Applicability.ADVICE, "Convert to degrees, as which it is used later", (_to_degrees(module, node),))
    applicability = Applicability.SAFE if wanted == "safe" else Applicability.UNSAFE
    return Fix(applicability, "Remove the second conversion", (_without(module, node, project, finding),))


def _node_at(module: Module, finding: Finding) -> ast.AST:
    kinds = (ast.Call, ast.BinOp, ast.AugAssign)
    for node in ast.walk(module.tree):
        if isinstance(node, kinds) and module.location(node) == finding.location:
            return node
    raise NoFix("the conversion is not where it was found any more")


def _without(module: Module, node: ast.AST, project: Project, finding: Finding) -> Edit:
    assert finding.repair is not None
    if isinstance(node, ast.AugAssign):
        if in_place_conversion(project.flow, module, node) is None:
            raise NoFix("the statement is no conversion")
        return remove_statement(module, node)
    assert isinstance(node, ast.expr)
    if finding.repair["place"] == "scaled":
        raise NoFix("the conversion is mixed with other factors: take pi / 180 out by hand")
    place = conversion(project.flow, project.flow.operand(module, node))
    if place is None or place.operand.module is not module:
        raise NoFix("the conversion cannot be told from the code around it")
    if isinstance(node, ast.Call) and len(node.args) + len(node.keywords) > 1:
        raise NoFix("the conversion has further arguments")
    kept = module.segment(place.operand.node)
    statement = module.parent(node)
    if isinstance(statement, ast.Assign) and [module.segment(t) for t in statement.targets] == [kept]:
        return remove_statement(module, statement)
    if isinstance(statement, ast.Expr):
        return remove_statement(module, statement)
    if place.scale < 0:
        kept = f"-{kept}" if isinstance(place.operand.node, _ATOMS) else f"-({kept})"
    if _needs_brackets(module, node, place.operand.node) or "\n" in kept or (place.scale < 0 and _binds(module, node)):
        kept = f"({kept})"
    return replace_node(module, node, kept)


def _needs_brackets(module: Module, node: ast.expr, kept: ast.expr) -> bool:
    return not isinstance(kept, _ATOMS) and _binds(module, node)


def _binds(module: Module, node: ast.expr) -> bool:
    """Whether the place around a node could read a bare operator differently."""
    above = module.parent(node)
    return isinstance(
        above, (ast.BinOp, ast.UnaryOp, ast.Attribute, ast.Subscript, ast.Compare, ast.Await, ast.Starred)
    )


def _to_degrees(module: Module, node: ast.AST) -> Edit:
    if not isinstance(node, ast.Call):
        raise NoFix("degrees seem to be meant here: multiply by 180 / pi instead")
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    other = {"radians": "degrees", "deg2rad": "rad2deg"}.get(name)
    if other is None or not isinstance(node.func, ast.Attribute):
        raise NoFix("degrees seem to be meant here: convert to degrees instead")
    end = module.span(node.func)[1]
    return replace_span(module, end - len(name), end, other)


def _wrap(module: Module, node: ast.AST, project: Project) -> Edit:
    assert isinstance(node, ast.Call)
    argument = node.args[0] if node.args else None
    if isinstance(argument, ast.Call) and conversion(project.flow, project.flow.operand(module, argument)) is not None:
        # What was meant, deg2rad or no conversion at all, depends on the unit of what goes in.
        raise NoFix("convert to radians instead, or not at all: it depends on the unit of the value that goes in")
    resolved = project.external(module, node.func)
    if resolved is None and isinstance(node.func, ast.Attribute) and not node.args:
        value = node.func.value
        text = module.segment(value)
        return replace_node(module, value, f"{text if isinstance(value, _ATOMS) else f'({text})'}.deg2rad()")
    if resolved is None or not isinstance(node.func, ast.Attribute) or len(node.args) != 1:
        raise NoFix("convert the argument to radians")
    library = resolved.partition(".")[0]
    if library not in _LIBRARIES and library not in _RADIANS_OF:
        raise NoFix("convert the argument to radians")
    prefix = f"{module.segment(node.func.value)}.{_RADIANS_OF.get(library, 'deg2rad')}"
    return replace_node(module, node.args[0], f"{prefix}({module.segment(node.args[0])})")
