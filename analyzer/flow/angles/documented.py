"""What a person wrote about a value's unit: in a docstring, or in a comment on the line that gives it its value."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ...findings import Evidence
from ...source.scopes import Binding, Kind, Scope, key_of

if TYPE_CHECKING:
    from ...source.module import Module
    from ..values.flow import Flow
    from ..values.frames import Operand

_RADIANS = re.compile(r"\bradians?\b|[\[(]rads?[\])]|\bin rad\b|^\s*rads?\s*$", re.IGNORECASE)
_DEGREES = re.compile(r"\bdegrees?\b|\bdegs?\b|°|\bdeg2rad\b", re.IGNORECASE)
_TURNING = re.compile(r"\bto rad|\binto rad|\bconver", re.IGNORECASE)


def documented_unit(flow: Flow, op: Operand) -> tuple[str, Evidence] | None:
    """The unit that a docstring or comment states for this very value.

    Args:
        flow: the project's value flow.
        op: a name, attribute or constant subscript.

    Returns:
        ``radians`` or ``degrees`` with the line that says so; None where nothing or something ambiguous is written.
    """
    if key_of(op.node) is None:
        return None
    bindings = flow.reaching(op.frame.scope).at(op.node)
    for binding in sorted(bindings or (), key=lambda b: getattr(b.node, "lineno", 0)):
        found = _of_binding(op.module, op.frame.scope, binding)
        if found is not None:
            return found
    return None


def _of_binding(module: Module, scope: Scope, binding: Binding) -> tuple[str, Evidence] | None:
    if binding.kind is Kind.PARAMETER:
        text, line = _parameter_text(scope, binding.key)
        unit = stated_unit(text)
        if unit is not None:
            note = f"the docstring of `{scope.qualname}` gives `{binding.key}` in {unit}"
            return unit, Evidence(module.path, line, note)
    if binding.kind not in (Kind.PARAMETER, Kind.ASSIGN):
        return None
    line = getattr(binding.node, "end_lineno", 0) or 0
    comment = _comment(module.line(line)) if line else ""
    unit = stated_unit(comment)
    if unit is None:
        return None
    return unit, Evidence(module.path, line, f"the comment says that `{binding.key}` is in {unit}")


@lru_cache(maxsize=512)
def stated_unit(text: str) -> str | None:
    """The one unit that a piece of text names; None where it names none, both, or speaks of a conversion."""
    radians, degrees = bool(_RADIANS.search(text)), bool(_DEGREES.search(text))
    if radians == degrees or _TURNING.search(text):
        return None
    return "radians" if radians else "degrees"


def _comment(line: str) -> str:
    """The comment at the end of a line; text inside of strings is taken for one only where no quote follows."""
    _, mark, rest = line.partition("#")
    return rest if mark and '"' not in rest and "'" not in rest else ""


def _parameter_text(scope: Scope, name: str) -> tuple[str, int]:
    """What the docstring says of one parameter (Google, NumPy and Sphinx style), with its line."""
    node = scope.node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "", 0
    text = ast.get_docstring(node, clean=False)
    if text is None and node.name == "__init__" and scope.parent and isinstance(scope.parent.node, ast.ClassDef):
        node = scope.parent.node
        text = ast.get_docstring(node, clean=False)
    if not text:
        return "", 0
    start = re.compile(rf"^(\s*)(?::param[^:]*\s)?[`*]*{re.escape(name)}[`*]*\s*(?:\([^)]*\)|\[[^\]]*\])?\s*:")
    lines = text.split("\n")
    for position, line in enumerate(lines):
        opened = start.match(line)
        if opened is None:
            continue
        indent = len(opened.group(1))
        part = [line[opened.end() :]]
        for following in lines[position + 1 :]:
            if not following.strip() or len(following) - len(following.lstrip()) <= indent:
                break
            part.append(following)
        return " ".join(part), node.body[0].lineno + position
    return "", 0
