"""What an overlap is measured by: voxels of one component, whole volumes, and what a share is said to be of."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from ...analyzer.findings import Evidence
from ...analyzer.flow.empty.arrays import array_call
from ...analyzer.flow.empty.selections import Selections
from ...analyzer.flow.values.flow import Flow
from ...analyzer.flow.values.frames import Operand
from ...analyzer.source.module import Module
from ...analyzer.source.nodes import statements
from ...analyzer.source.scopes import Kind, key_of, last_name

_COUNTS = frozenset({"count_nonzero", "sum"})
_AXES = frozenset({"axis", "dim"})
_CASTS = frozenset({"float", "long", "int", "bool", "double", "to", "astype", "cpu", "numpy", "detach"})
_PLACES = frozenset({"argwhere", "nonzero", "flatnonzero"})
_SIDES = (2, 3)
_OF_CROP = re.compile(
    r"occupan|fill|densit|foreground|crop_(?:frac|share|ratio)|coverage|\biou\b|fraction_of_(?:crop|cube|patch)", re.I
)
_OVERLAP = re.compile(r"overlap|(?<!di)visib", re.I)
_SHARE = re.compile(
    r"(?:share|fraction|part|proportion|percent\w*|ratio|how much|enough)\s+of\s+"
    r"(?:(?:the|a|an|its|each|every|one|this|that)\s+(?P<whole>(?:original|whole|entire|full|complete|total)\s+)?"
    r"|(?P<bare>(?:original|whole|entire|full|complete|total)\s+))(?P<of>[\w-]+)",
    re.I,
)
_CROPS = re.compile(r"crop|cube|patch|window|volume|image|voxel|pixel|box|tile", re.I)
_STUFF = re.compile(
    r"(?:fore|back)ground|mask|tissue|area|region|slice|frame|sample|grid|view|scan|size"
    r"|data(?:set)?|length|number|array|tensor|map|set|batch|weight|intensity",
    re.I,
)
_LEFT = re.compile(
    r"present|visib|seen|preserv|retain|\bke(?:ep|pt)\b|\bleft\b|inside|within|remain|surviv|contain"
    r"|\bin (?:an?|the)\b",
    re.I,
)
_SENTENCE = re.compile(r"[^.]*(?:\.\w[^.]*)*")
_DEEPEST = 6


class Counted(NamedTuple):
    """The mask whose entries are counted: of one component, or (``is_mask``) of all that a volume shows."""

    array: Operand
    is_mask: bool


def counted_in(flow: Flow, op: Operand) -> Counted | None:
    """What a number counts: ``crop == label`` of ``np.count_nonzero(crop == label)``, ``x[0]`` of ``x[0].sum()``.

    What two arrays agree in is none, and neither is what is calculated.
    """
    array = _counted(flow, op)
    if array is None:
        return None
    component = _component(flow, array)
    if component is not None:
        return Counted(component, is_mask=False)
    return Counted(array, is_mask=True) if _is_mask(flow, array) else None


def _counted(flow: Flow, op: Operand, depth: int = 0) -> Operand | None:
    """The array all of whose entries are counted, through names."""
    node = op.node
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Call):
        if last_name(node.func) == "int" and node.args:
            return _counted(flow, op.sub(node.args[0]), depth + 1)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "item":
            return _counted(flow, op.sub(node.func.value), depth + 1)
        if last_name(node.func) not in _COUNTS:
            return None
        call = array_call(op, flow.project)
        return call.array if call is not None and not call.rest and _AXES.isdisjoint(call.keywords) else None
    if isinstance(node, ast.Name):
        reaching = flow.reaching(op.frame.scope).at(node)
        if reaching and all(b.kind is not Kind.ASSIGN for b in reaching):
            return None  # a parameter: before its callers are looked for
        sources = flow.sources(op)
        if len(sources) == 1 and sources[0].operand is not None and not sources[0].index:
            kind = sources[0].binding.kind if sources[0].binding is not None else Kind.ASSIGN
            return _counted(flow, sources[0].operand, depth + 1) if kind is Kind.ASSIGN else None
    return None


def _component(flow: Flow, op: Operand, depth: int = 0) -> Operand | None:
    """A mask of the entries that are equal to one label, which is no constant."""
    node = op.node
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
        return op if not isinstance(node.comparators[0], ast.Constant) else None
    if isinstance(node, ast.Name) and depth < _DEEPEST:
        sources = [s.operand for s in flow.sources(op) if s.operand is not None and not s.index and not s.is_element]
        return _component(flow, sources[0], depth + 1) if len(sources) == 1 else None
    return None


def _is_mask(flow: Flow, op: Operand, depth: int = 0) -> bool:
    """Whether an array may be a mask: a part of another one, what was given, or where one is above a constant."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1 and isinstance(node.comparators[0], ast.Constant)
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        return True
    if isinstance(node, ast.Call):
        call = array_call(op, flow.project)
        return call is not None and call.name in _CASTS and _is_mask(flow, call.array, depth + 1)
    if isinstance(node, ast.Name):
        reaching = flow.reaching(op.frame.scope).at(node)
        if reaching and all(b.kind is Kind.PARAMETER for b in reaching):
            return True
        sources = flow.sources(op)
        return bool(sources) and all(
            s.operand is not None and (bool(s.index) or s.is_element or _is_mask(flow, s.operand, depth + 1))
            for s in sources
        )
    return False


def is_volume(flow: Flow, op: Operand, depth: int = 0) -> bool:
    """Whether a number is the size of a whole array: ``side ** 3``, ``crop.size``, ``np.prod(shape)``."""
    node = op.node
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return isinstance(node.right, ast.Constant) and node.right.value in _SIDES and key_of(node.left) is not None
    if isinstance(node, ast.Attribute):
        return node.attr == "size" and not _is_set(flow, op) and not _is_selected(flow, op.sub(node.value))
    if isinstance(node, ast.Call):
        name = last_name(node.func)
        if name == "prod" and node.args:
            return "shape" in ast.unparse(node.args[0]) or "size" in ast.unparse(node.args[0])
        if name != "numel" or node.args or not isinstance(node.func, ast.Attribute):
            return False
        return not _is_selected(flow, op.sub(node.func.value))
    if isinstance(node, ast.Name):
        sources = [s.operand for s in flow.sources(op) if s.operand is not None and not s.index and not s.is_element]
        return len(sources) == 1 and is_volume(flow, sources[0], depth + 1)
    return False


def _is_set(flow: Flow, op: Operand) -> bool:
    """Whether the project gives the attribute its value itself: then it is no array's ``size``."""
    return bool(flow.sources(op))


def _is_selected(flow: Flow, op: Operand) -> bool:
    """Whether an array is what a condition selects: its size is a component's own (``whole[whole == label].size``)."""
    call = array_call(op, flow.project)
    return (call is not None and call.name in _PLACES) or bool(Selections(flow).evaluate(op))


def lines_that_say(module: Module) -> list[range]:
    """The lines where :func:`says_own_share` may hold: all, if a name may say it; else those that are documented so."""
    if _OVERLAP.search(module.text):
        return [range(1, len(module.line_starts) + 1)]
    return [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in statements(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and _SHARE.search(ast.get_docstring(node, clean=False) or "")
    ]


def says_own_share(module: Module, node: ast.AST, share: Operand, is_mask: bool) -> Evidence | None:
    """Where the share is said to be one of the component: its documentation, else its name; None where nothing is.

    A documentation that speaks of a share of the crop says the opposite, and so does a name. Where a whole mask is
    counted (``is_mask``), a share of *the object* is often meant as that of the crop which it fills: only a share of
    the *original* or *whole* object that is left somewhere is its own.
    """
    name = last_name(share.node) or key_of(share.node) or ""
    if _OF_CROP.search(name):
        return None
    for owner, text in _documents(module, node, name):
        said = _SHARE.search(text)
        if said is not None:
            noun = said.group("of").lower().rstrip("s")
            if _CROPS.fullmatch(noun) is not None:
                return None
            if is_mask and not _is_own_whole(noun, said):
                return None
            return module.evidence(owner, f"the documentation speaks of `{' '.join(said.group(0).split())}`")
    if _OVERLAP.search(name) and not is_mask:
        return module.evidence(node, f"`{name}` speaks of the overlap with the component")
    return None


def _is_own_whole(noun: str, said: re.Match[str]) -> bool:
    """Whether a documentation speaks of a share of a whole object that is left, and not of what a crop is made of."""
    rest = _SENTENCE.match(said.string, said.end())
    is_left = rest is not None and _LEFT.search(rest.group(0)) is not None
    return is_left and bool(said.group("whole") or said.group("bare")) and _STUFF.fullmatch(noun) is None


def _documents(module: Module, node: ast.AST, name: str) -> list[tuple[ast.AST, str]]:
    """What is written of a parameter: its line in the class's documentation, comments beside it, the function's."""
    found: list[tuple[ast.AST, str]] = []
    for above in module.ancestors(node):
        if not isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        text = ast.get_docstring(above) or ""
        about = re.search(rf"\b{re.escape(name)}\b[^\n]*(?:\n\s{{6,}}[^\n]*)*", text)
        if about is not None:
            found.append((above, about.group(0)))
        elif isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append((above, text))
    return found
