"""Leave NaN out of a choice, and return what the function returns for no candidates where all are NaN."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of, last_name
from ..imports import ensure_import, indent_unit
from ..names import fresh_name
from ..surgery import insert_before, replace_node

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr, ast.AugAssign)
_MEASURES = {"len", "any", "sum", "size", "numel", "count_nonzero"}


def fix(finding: Finding, project: Project) -> Fix:
    """NumPy's ``nanargmin`` and ``nanargmax``; torch's with NaN replaced by infinity.

    Args:
        finding: of the rule ``nan-argmin``; ``repair`` holds where the call stands and whose array it takes.
        project: the project it was found in.

    Raises:
        NoFix: the call is not where it was found.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    call = next((c for c in module.calls() if list(module.span(c)) == list(repair["call"])), None)
    if call is None:
        raise NoFix("the file changed since it was scanned: scan again")
    is_method = not _is_function(module, call, project)
    array = call.func.value if is_method and isinstance(call.func, ast.Attribute) else _first(call)
    edits: list[Edit] = []
    text = module.segment(array)
    empty = _empty_case(module, call) if _is_flat(call, is_method) else None
    if empty is not None:
        if key_of(array) is None:
            text = fresh_name(module, call, "distances")
        numpy, imports = ensure_import(module, call, "numpy") if repair["library"] == "numpy" else ("", [])
        edits += imports
        test = f"{numpy}.isnan({text}).all()" if numpy else f"{text}.isnan().all()"
        lines = [f"if {test}:", f"{indent_unit(module)}return {empty}"]
        if key_of(array) is None:
            lines.insert(0, f"{text} = {module.segment(array)}")
        edits.append(insert_before(module, module.statement(call), *lines))
    if repair["library"] == "numpy":
        edits += _with_numpy(module, call, array, text, is_method)
    else:
        edits.append(_with_torch(module, call, array, text))
    return Fix(Applicability.UNSAFE, "Leave NaN out of the choice", _once(edits))


def _once(edits: list[Edit]) -> tuple[Edit, ...]:
    """Each edit once: two parts of the fix may want the same import."""
    return tuple(dict.fromkeys(edits))


def _is_function(module: Module, call: ast.Call, project: Project) -> bool:
    return project.resolve(module, call.func) is not None


def _first(call: ast.Call) -> ast.expr:
    if call.args:
        return call.args[0]
    found = next((k.value for k in call.keywords if k.arg in ("a", "input")), None)
    if found is None:
        raise NoFix("what it chooses from is not written in the call")
    return found


def _is_flat(call: ast.Call, is_method: bool) -> bool:
    """Whether one choice is made of all values: no axis is given."""
    return len(call.args) == (0 if is_method else 1) and all(k.arg in ("a", "input") for k in call.keywords)


def _with_numpy(module: Module, call: ast.Call, array: ast.expr, text: str, is_method: bool) -> list[Edit]:
    name = f"nan{last_name(call.func)}"
    if not is_method and isinstance(call.func, ast.Attribute):
        start = replace_node(module, call.func, f"{module.segment(call.func.value)}.{name}")
        return [start] if text == module.segment(array) else [start, replace_node(module, array, text)]
    numpy, imports = ensure_import(module, call, "numpy")
    given = [module.segment(a) for a in call.args] + [f"{k.arg}={module.segment(k.value)}" for k in call.keywords]
    arguments = [text, *given] if is_method else [text, *given[1:]]
    return [*imports, replace_node(module, call, f"{numpy}.{name}({', '.join(arguments)})")]


def _with_torch(module: Module, call: ast.Call, array: ast.expr, text: str) -> Edit:
    worst = "inf" if last_name(call.func) == "argmin" else "-inf"
    is_atom = isinstance(array, _ATOMS) or text != module.segment(array)
    shown = text if is_atom else f"({text})"
    start, _ = module.span(array)
    if not is_atom and module.text[:start].endswith("(") and isinstance(module.parent(array), ast.Attribute):
        shown = f"({text})"  # its own brackets stay around what is put here
    return replace_node(module, array, f'{shown}.nan_to_num(nan=float("{worst}"))')


def _empty_case(module: Module, call: ast.Call) -> str | None:
    """What the function returns where it has nothing to choose from: its own early return; None where it has none."""
    statement = module.statement(call)
    function = next((a for a in module.ancestors(call) if isinstance(a, (ast.FunctionDef, ast.AsyncFunctionDef))), None)
    if function is None or not isinstance(statement, _SIMPLE) or module.parent(statement) is not function:
        return None
    for earlier in function.body[: function.body.index(statement)]:
        if not isinstance(earlier, ast.If) or earlier.orelse or len(earlier.body) != 1:
            continue
        left = earlier.body[0]
        if isinstance(left, ast.Return) and left.value is not None and _asks_for_nothing(earlier.test):
            return module.segment(left.value)
    return None


def _asks_for_nothing(test: ast.expr) -> bool:
    """``len(x) == 0``, ``x.size == 0``, ``not mask.any()``, ``not candidates``."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _is_measure(test.operand) or key_of(test.operand) is not None
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Eq, ast.Lt))):
        return False
    bound = test.comparators[0]
    wanted = 0 if isinstance(test.ops[0], ast.Eq) else 1
    return isinstance(bound, ast.Constant) and bound.value == wanted and _is_measure(test.left)


def _is_measure(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return last_name(node.func) in _MEASURES
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    return isinstance(node, ast.Attribute) and node.attr == "size"
