"""Surgery on imports: move, split and add them; remove one only when nothing else uses it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Mapping, Sequence

from ..analyzer.findings import Edit
from ..analyzer.graph.project import Project
from ..analyzer.source.module import Module
from ..analyzer.source.scopes import Kind
from .surgery import indent_of, line_span, newline_of, remove_statement, replace_span

ImportStatement = ast.Import | ast.ImportFrom


def stands_alone(module: Module, statement: ast.stmt) -> bool:
    """Whether a statement shares its lines with no other, so that lines can be put around it."""
    start, end = line_span(module, statement)
    first, last = module.span(statement)
    after = module.text[last:end].strip()
    return not module.text[start:first].strip() and (not after or after.startswith("#"))


def retarget(module: Module, statement: ast.ImportFrom, target: str) -> Edit:
    """Take the same names from another module; everything after the module's name stays as it is."""
    start, end = module.span(statement)
    old = statement.module or ""
    found = module.text.index(old, start + len("from"), end)
    return replace_span(module, found, found + len(old), target)


def without(module: Module, statement: ImportStatement, names: Collection[str]) -> str:
    """The lines of an import statement that binds some names no longer, formatting of the others kept.

    Args:
        module: the file.
        statement: an import that stands alone on its lines.
        names: the local names to leave out.

    Returns:
        The new lines, without their indent; empty where no name is left.
    """
    out = [a for a in statement.names if bound_name(a, statement) in names]
    if len(out) == len(statement.names):
        return ""
    start, end = line_span(module, statement)
    text, lead = module.text[start:end], indent_of(module, statement)
    for first, last in reversed(name_cuts(module, statement, out)):
        text = text[: first - start] + text[last - start :]
    return "".join(line.removeprefix(lead) for line in text.splitlines(keepends=True))


def name_cuts(module: Module, statement: ImportStatement, out: Collection[ast.alias]) -> list[tuple[int, int]]:
    """Where to cut, so that an import binds some of its names no longer and all else in it stays as it is.

    Args:
        module: the file.
        statement: the import.
        out: some of its names, not all.

    Returns:
        Spans in :attr:`Module.text`, in order, none of which overlap.
    """
    runs: list[list[int]] = []
    for number, alias in enumerate(statement.names):
        if alias in out:
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
    return [_cut(module, statement, run[0], run[-1]) for run in runs]


def _cut(module: Module, statement: ImportStatement, first: int, last: int) -> tuple[int, int]:
    """Where to cut for a run of neighbouring names, not all of the statement's."""
    names = statement.names
    start, end = module.span(names[first])[0], module.span(names[last])[1]
    line, last_line = (module.position(at)[0] for at in (start, end))
    line_start = module.line_starts[line - 1]
    rest_start = module.line_starts[last_line - 1]
    rest = module.line(last_line)[end - rest_start :]
    has_lines = not module.text[line_start:start].strip() and re.fullmatch(r"\s*,?\s*(#.*)?", rest) is not None
    if has_lines and module.segment(statement).endswith(")") and last_line < len(module.line_starts):
        return line_start, module.line_starts[last_line]
    before = module.span(names[first - 1])[1] if first else None
    behind = module.span(names[last + 1])[0] if last + 1 < len(names) else None
    comma = module.text.find(",", end, module.span(statement)[1] if behind is None else behind) + 1
    if behind is None:
        assert before is not None
        # A comment of the name before stays; what closes the bracket then stands on a line of its own.
        return (line_start, comma or end) if "#" in module.text[before:start] else (before, end)
    if before is not None and module.position(behind)[0] > last_line and module.position(before)[0] == line:
        return module.text.index(",", before) + 1, comma
    return start, behind


def bound_name(alias: ast.alias, statement: ImportStatement) -> str:
    """The name that one part of an import binds."""
    return alias.asname or (alias.name.partition(".")[0] if isinstance(statement, ast.Import) else alias.name)


def from_import(target: str, names: Sequence[tuple[str, str]]) -> str:
    """The line that imports names, each with the local name to give it."""
    parts = [name if name == local else f"{name} as {local}" for name, local in names]
    return f"from {target} import {', '.join(parts)}"


def guarded_import(first: Sequence[str], instead: str, reason: str, unit: str) -> list[str]:
    """The lines of an import that falls back on another one."""
    return ["try:", *(unit + line for line in first), f"except ImportError:  # {reason}", unit + instead]


def indent_unit(module: Module) -> str:
    """What one level of the file is indented by."""
    for node in ast.walk(module.tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.If, ast.For)) and isinstance(body, list):
            own, inner = indent_of(module, node), indent_of(module, body[0])
            if inner.startswith(own) and len(inner) > len(own) and body[0].lineno > node.lineno:
                return inner[len(own) :]
    return "    "


def replace_lines(module: Module, statement: ast.stmt, lines: Sequence[str]) -> Edit:
    """Put other lines in a statement's place, with its indent and the file's line ending."""
    start, end = line_span(module, statement)
    lead, ending = indent_of(module, statement), newline_of(module)
    text = "".join(f"{lead}{line}{ending}" for line in lines)
    if end == len(module.text) and not module.text.endswith(("\n", "\r")):
        text = text.removesuffix(ending)
    return replace_span(module, start, end, text)


def last_of_imports(module: Module, statement: ast.stmt) -> ast.stmt:
    """The last import of the unbroken run of imports that a statement begins."""
    blocks = (getattr(module.parent(statement), field, None) for field in ("body", "orelse", "finalbody"))
    block = next((b for b in blocks if isinstance(b, list) and statement in b), [statement])
    last = statement
    for following in block[block.index(statement) + 1 :]:
        if not isinstance(following, (ast.Import, ast.ImportFrom)):
            break
        last = following
    return last


def is_free(module: Module, name: str) -> bool:
    """Whether no scope of a file binds a name, so that an import may."""
    return not any(name in scope.bindings for scope in module.scopes())


def name_of(module: Module, target: str, near: ast.AST) -> str | None:
    """The name that an import gives a module where a node stands; None where none does."""
    scope = module.scope_of(near)
    while scope is not None:
        for name, bindings in scope.bindings.items():
            imported = all(b.kind is Kind.IMPORT and b.target == target for b in bindings)
            if imported and module.scope_of(near).import_target(name) == target:
                return name
        scope = scope.parent
    return None


def ensure_import(module: Module, near: ast.AST, target: str) -> tuple[str, list[Edit]]:
    """The name of a module at a node, reused where the file has one, else with the edit that imports it.

    Args:
        module: the file.
        near: the node that needs it.
        target: the module's dotted name (`torch`).
    """
    found = name_of(module, target, near)
    if found is not None:
        return found, []
    if target.partition(".")[0] not in sys.stdlib_module_names:
        return target, [_import_beside(module, target)]
    first = next((s for s in module.tree.body if _may_precede(s)), None)
    line = f"import {target}{newline_of(module)}"
    start = module.line_starts[first.lineno - 1] if first is not None else len(module.text)
    return target, [replace_span(module, start, start, line)]


def _import_beside(module: Module, target: str) -> Edit:
    """``import target`` among the file's imports from outside the standard library: plain imports first, by name."""
    line = f"import {target}{newline_of(module)}"
    imports = [s for s in module.tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    outside = [s for s in imports if _home(s) not in {*sys.stdlib_module_names, "__future__"}]
    for statement in outside:
        if isinstance(statement, ast.ImportFrom) or statement.names[0].name > target:
            start = module.line_starts[statement.lineno - 1]
            return replace_span(module, start, start, line)
    if outside:
        end = line_span(module, outside[-1])[1]
        return replace_span(module, end, end, line)
    if imports:
        end = line_span(module, imports[-1])[1]
        return replace_span(module, end, end, newline_of(module) + line)
    first = next((s for s in module.tree.body if _may_precede(s)), None)
    start = module.line_starts[first.lineno - 1] if first is not None else len(module.text)
    return replace_span(module, start, start, line)


def _home(statement: ImportStatement) -> str:
    """The package that an import takes from, "." for a relative one."""
    if isinstance(statement, ast.Import):
        return statement.names[0].name.partition(".")[0]
    return "." if statement.level else (statement.module or "").partition(".")[0]


def _may_precede(statement: ast.stmt) -> bool:
    """Whether an import may stand before a statement: not before the docstring or imports from the future."""
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return False
    return not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def other_loads(
    module: Module, project: Project, statement: ImportStatement, name: str, known: Collection[int]
) -> bool:
    """Whether a name that an import binds is used beside some known nodes, exported, or taken by another file.

    Args:
        module: the file.
        project: the repository.
        statement: the import.
        name: the name it binds.
        known: identities of the `ast.Name` nodes that do not count.
    """
    home = module.scope_of(statement)
    if name in module.facts.exports:
        return True
    for node in ast.walk(module.tree):
        is_other = isinstance(node, ast.Name) and node.id == name and id(node) not in known
        if is_other and module.scope_of(node).lookup(name) is home:
            return True
    return home.parent is None and taken_elsewhere(project, module.path, name)


def taken_elsewhere(project: Project, path: str, name: str) -> bool:
    """Whether another file imports a name from a file, or reaches it through that file's module."""
    for other, facts in project.files.items():
        for item in facts.imports if other != path else ():
            base, _, last = item.target.rpartition(".")
            if last in (name, "*") and project.symbols.module_file(other, base or ".") == path:
                return True
            through = f"{item.target}.{name}"
            reached = item.local == "*" or any(n == through or n.startswith(f"{through}.") for n in facts.names)
            if reached and project.symbols.module_file(other, item.target) == path:
                return True
    return False


def drop(module: Module, statement: ImportStatement, name: str) -> Edit:
    """Bind a name no longer: leave it out of the statement, or remove the statement."""
    rest = without(module, statement, {name})
    if not rest:
        return remove_statement(module, statement)
    start, end = line_span(module, statement)
    lead = indent_of(module, statement)
    return replace_span(module, start, end, "".join(lead + line for line in rest.splitlines(keepends=True)))


def grouped(names: Mapping[str, str]) -> dict[str, list[str]]:
    """Local names by the module that they come from, in order."""
    found: dict[str, list[str]] = {}
    for local, target in names.items():
        found.setdefault(target, []).append(local)
    return found
