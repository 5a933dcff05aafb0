"""Builds the model that was written or chosen, where it fits the place of its stand-in."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Mapping
from typing import Any

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.facts import IMPORT_STAR
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Scope
from ..surgery import insert_after, remove_statement, replace_node, replace_span

_VERBS = ("get_", "build_", "make_", "create_")


def fix(finding: Finding, project: Project) -> Fix:
    """Re-point a construction, a table's entry or an import.

    Raises:
        NoFix: the wanted class does not fit, or nothing of the wanted name exists.
    """
    repair = finding.repair or {}
    module = project.module(finding.location.path)
    kinds = {"choice": _repick, "import": _reimport, "construction": _rebuild}
    return kinds[repair["kind"]](module, project, repair)


def _repick(module: Module, project: Project, repair: Mapping[str, Any]) -> Fix:
    """Name the builder that the choice names; where there is none, advise to name the choice after the builder."""
    builder = _node_at(module, repair["offset"])
    right, texts = repair["right"], repair["texts"]
    if isinstance(builder, ast.Constant):
        if len(texts) > 1 or builder.value != repair["picked"]:
            raise NoFix(f"ask the library for {_either(texts)}")
        text = module.segment(builder).replace(repair["picked"], texts[0])
        return _unsafe(f'Ask for "{texts[0]}"', replace_node(module, builder, text))
    if not right:
        return _renaming(module, repair)
    if isinstance(builder, ast.Attribute):
        owner = project.resolve(module, builder.value)
        if not (isinstance(owner, Symbol) and project.symbols.local(owner.path, right) is not None):
            raise NoFix(f"`{right}` is not in the module that `{module.segment(builder.value)}` stands for")
        _, end = module.span(builder)
        return _unsafe(f"Build `{right}`", replace_span(module, end - len(builder.attr), end, right))
    if module.scope_of(builder).lookup(right) is None:
        raise NoFix(f"`{right}` is not imported here: import it and build it for this choice")
    return _unsafe(f"Build `{right}`", replace_node(module, builder, right))


def _renaming(module: Module, repair: Mapping[str, Any]) -> Fix:
    """Nothing of the chosen name exists: the choice should say what it builds."""
    key = _node_at(module, repair["key"])
    texts, name = repair["texts"], repair["picked"]
    for verb in _VERBS:
        name = name.removeprefix(verb)
    if len(texts) > 1 or not isinstance(key, ast.Constant):
        raise NoFix(f"nothing here builds {_either(texts)}: rename the choice, or write that builder")
    edit = replace_node(module, key, module.segment(key).replace(texts[0], name))
    return Fix(Applicability.ADVICE, f'Name the choice "{name}", here and wherever it is offered', (edit,))


def _reimport(module: Module, project: Project, repair: Mapping[str, Any]) -> Fix:
    """Import the class by the name that it has, and keep the name under which this file uses it."""
    del project
    start = repair["offset"]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.alias) and module.span(node)[0] == start:
            local = node.asname or node.name
            text = repair["right"] if local == repair["right"] else f"{repair['right']} as {local}"
            return _unsafe(f"Import `{repair['right']}`", replace_span(module, *module.span(node), text))
    raise NoFix("the import is not where it was")


def _rebuild(module: Module, project: Project, repair: Mapping[str, Any]) -> Fix:
    """Construct the wanted class with the same arguments, imported where it is not yet."""
    call = next((c for c in module.calls() if module.span(c)[0] == repair["offset"]), None)
    if call is None:
        raise NoFix("the construction is not where it was")
    wanted, built = Symbol(*repair["wanted"]), Symbol(*repair["built"])
    new, old = _scope_of(project, wanted), _scope_of(project, built)
    _check_arguments(call, _method(new, "__init__"), _method(old, "__init__"), wanted.qualname)
    _check_inputs(_method(new, "forward"), _method(old, "forward"), wanted.qualname)
    _check_attributes(module, new, old, wanted.qualname)
    name, edits = _imported(module, project, wanted, _spare_import(module, project, call.func))
    edits.append(replace_node(module, call.func, name))
    return _unsafe(f"Build `{name}` instead of `{module.segment(call.func)}`", *edits)


def _unsafe(title: str, *edits: Edit) -> Fix:
    return Fix(Applicability.UNSAFE, title, edits)


def _check_arguments(call: ast.Call, new: ast.FunctionDef, old: ast.FunctionDef, name: str) -> None:
    """All that is passed is taken, under the same meaning, and all that is needed is passed."""
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        raise NoFix(f"the arguments of the call are not all written out: check them against `{name}.__init__`")
    positional = [a.arg for a in (*new.args.posonlyargs, *new.args.args)][1:]
    before = [a.arg for a in (*old.args.posonlyargs, *old.args.args)][1:]
    count = len(call.args)
    if count > len(positional) or positional[:count] != before[:count]:
        raise NoFix(f"`{name}` takes other positional arguments ({', '.join(positional)}): pass them by name")
    given = {*positional[:count], *(k.arg for k in call.keywords if k.arg is not None)}
    keywords = {*positional, *(a.arg for a in new.args.kwonlyargs)}
    unknown = sorted(given - keywords)
    if unknown and new.args.kwarg is None:
        raise NoFix(f"`{name}` does not take {_listed(unknown)}: adapt the call")
    optional = set(positional[len(positional) - len(new.args.defaults) :]) if new.args.defaults else set()
    optional |= {a.arg for a, d in zip(new.args.kwonlyargs, new.args.kw_defaults, strict=True) if d is not None}
    missing = sorted(keywords - optional - given)
    if missing:
        raise NoFix(f"`{name}` also needs {_listed(missing)}: adapt the call")


def _check_inputs(new: ast.FunctionDef, old: ast.FunctionDef, name: str) -> None:
    def needed(function: ast.FunctionDef) -> int:
        return len(function.args.args) - len(function.args.defaults)

    if needed(new) > len(old.args.args) or len(new.args.args) < needed(old):
        raise NoFix(f"`{name}.forward` takes other inputs: adapt its callers")


def _check_attributes(module: Module, new: Scope, old: Scope, name: str) -> None:
    """What the file reads of the stand-in's own attributes, the wanted class has too."""
    inside = {id(n) for n in ast.walk(old.node)} if old in module.scopes() else set()
    read = {n.attr for n in ast.walk(module.tree) if isinstance(n, ast.Attribute) and id(n) not in inside}
    lacking = sorted(read & (_attributes(old) - _attributes(new)))
    if lacking:
        raise NoFix(f"`{name}` has no {_listed(lacking)}, which this file reads: add it, or adapt the reader")


def _attributes(scope: Scope) -> set[str]:
    """Methods, class variables, and what methods set on ``self``."""
    found = {k for k in scope.bindings if k.isidentifier()}
    for method in scope.children:
        found |= {k[len("self.") :] for k in method.bindings if k.startswith("self.") and k.count(".") == 1}
    return found


def _spare_import(module: Module, project: Project, name: ast.expr) -> ast.ImportFrom | None:
    """The import that brings nothing but this one use of a name, in this file and for others."""
    if not isinstance(name, ast.Name) or name.id in module.facts.words:
        return None
    uses = [n for n in ast.walk(module.tree) if isinstance(n, ast.Name) and n.id == name.id]
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and [a.asname or a.name for a in statement.names] == [name.id]:
            return statement if len(uses) == 1 and not _is_imported_from(project, module.path, name.id) else None
    return None


def _is_imported_from(project: Project, path: str, name: str) -> bool:
    """Whether another file imports a name, or everything, from a file."""
    for other, facts in project.files.items():
        for item in facts.imports:
            if item.local == IMPORT_STAR and project.symbols.module_file(other, item.target) == path:
                return True
            base, _, last = item.target.rpartition(".")
            if last == name and project.symbols.module_file(other, base or ".") == path:
                return True
    return False


def _imported(module: Module, project: Project, wanted: Symbol, spare: ast.ImportFrom | None) -> tuple[str, list[Edit]]:
    """The name under which a file has a class, and the import that it takes to have it, in a spare one's place."""
    for item in module.facts.imports:
        if not item.scope and project.symbols.resolve(module.path, item.target) == wanted:
            return item.local, [remove_statement(module, spare)] if spare is not None else []
    if module.path == wanted.path:
        return wanted.qualname, []
    if module.path in project.graphs.imported_by(wanted.path):
        raise NoFix(f"{wanted.path} imports {module.path}: import `{wanted.qualname}` where that makes no circle")
    if wanted.qualname in module.root_scope.bindings:
        raise NoFix(f"`{wanted.qualname}` is already something else in {module.path}: import it under another name")
    after, source = _where(module, project, wanted.path)
    text = f"from {source} import {wanted.qualname}"
    if spare is not None:
        return wanted.qualname, [replace_node(module, spare, text)]
    return wanted.qualname, [insert_after(module, after, text)]


def _where(module: Module, project: Project, path: str) -> tuple[ast.stmt, str]:
    """The top-level import to write after, and how a file's imports spell another file of the project.

    Raises:
        NoFix: no import, of the file or of those that import it, shows how the project's modules are named there.
    """
    example: tuple[ast.ImportFrom, str] | None = None
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom):
            source = "." * statement.level + (statement.module or "")
            file = project.symbols.module_file(module.path, source)
            if file is not None:
                example = (statement, file)
    name = _module_name(path)
    if example is None:
        return _as_importers_say(module, project, name)
    statement, file = example
    if statement.level:
        folder = posixpath.dirname(module.path)
        up = posixpath.relpath(path, folder or ".").split("/")
        dots = "." * (1 + up.count(".."))
        return statement, dots + ".".join(p for p in up if p != "..").removesuffix(".py").removesuffix(".__init__")
    root = _root(statement, file)
    if root is None or not name.startswith(root):
        raise NoFix(f"import the class from {path}: it lies outside of the folder from which this file imports")
    return statement, name.removeprefix(root)


def _as_importers_say(module: Module, project: Project, name: str) -> tuple[ast.stmt, str]:
    """As :func:`_where`, for a file that imports nothing of the project: as those spell it that import this file.

    They name it from the folder in which the program starts, and so its neighbours are named from there too.
    """
    roots: set[str | None] = set()
    for path in project.graphs.importers_of(module.path):
        importer = project.try_module(path)
        nodes = ast.walk(importer.tree) if importer is not None else ()
        for node in (n for n in nodes if isinstance(n, ast.ImportFrom) and not n.level):
            if project.symbols.module_file(path, node.module or "") == module.path:
                roots.add(_root(node, module.path))
    imports = [s for s in module.tree.body if isinstance(s, (ast.Import, ast.ImportFrom))]
    root = roots.pop() if len(roots) == 1 else None
    if root is None or not imports or not name.startswith(root):
        raise NoFix(f"import the class from {name}: nothing shows how this file can import from the project")
    return imports[-1], name.removeprefix(root)


def _root(statement: ast.ImportFrom, path: str) -> str | None:
    """What the name of a file has before the part that an absolute import of it spells."""
    known, spelled = _module_name(path), statement.module or ""
    return known.removesuffix(spelled) if known.endswith(spelled) else None


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _scope_of(project: Project, symbol: Symbol) -> Scope:
    module = project.try_module(symbol.path)
    scope = module.scope_named(symbol.qualname) if module is not None else None
    if scope is None:
        raise NoFix(f"`{symbol.qualname}` cannot be read")
    return scope


def _method(scope: Scope, name: str) -> ast.FunctionDef:
    for child in scope.children:
        if isinstance(child.node, ast.FunctionDef) and child.node.name == name:
            return child.node
    raise NoFix(f"`{scope.qualname}` inherits its `{name}`: check that it fits, and build it instead")


def _node_at(module: Module, offset: int) -> ast.expr:
    found = [
        n
        for n in ast.walk(module.tree)
        if isinstance(n, (ast.Name, ast.Attribute, ast.Constant)) and module.span(n)[0] == offset
    ]
    if not found:
        raise NoFix("the choice is not where it was")
    return max(found, key=lambda n: module.span(n)[1])


def _either(texts: list[str]) -> str:
    return " or ".join(f"`{t}`" for t in texts)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
