"""Mix the epoch into the seed: the dataset gets `set_epoch`, and the loop over epochs calls it."""

from __future__ import annotations

import ast

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.flow.items.epochs import Unclear, epoch_loops
from ...analyzer.flow.values.functions import self_name
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Scope
from ..imports import indent_unit
from ..surgery import indent_of, insert_after, insert_before, replace_node
from ._seed_places import equal_seeds, only_assignment, seed_at

_TITLE = "Mix the epoch into the seed, and tell it to the dataset"
_APART = 2654435761  # odd and large: the seeds of neighbouring items and epochs do not meet


def fix(finding: Finding, project: Project) -> Fix:
    """Thread the epoch through the dataset and the loop.

    Args:
        finding: of the rule ``fixed-seed-augmentation``; ``repair`` holds the seed's place and the dataset's class.
        project: the project it was found in.

    Returns:
        The fix, unsafe. Views repeat from run to run, whatever else draws from torch's generator.

    Raises:
        NoFix: the seed is not made by the dataset, it has an epoch already, its loop is not found, or its workers
            would not see the epoch.
    """
    assert finding.repair is not None
    module = project.module(finding.repair["path"])
    klass = Symbol(*finding.repair["dataset"])
    seed = seed_at(module, finding.repair["seed"])
    method, owner = _method(module, seed, klass, project)
    _refuse_epoch_of_its_own(project, klass)
    try:
        loops = epoch_loops(project.flow, klass)
    except Unclear as reason:
        raise NoFix(f"{reason}: pass the epoch by hand, or apply without --style") from None
    edits = [*_mixed(module, seed, f"{self_name(method)}.epoch"), *_class_edits(module, owner)]
    for loop in loops:
        call = f"{loop.loader}.dataset.set_epoch({loop.counter})"
        edits.append(insert_before(loop.module, loop.node.body[0], call))
    return Fix(Applicability.UNSAFE, _TITLE, tuple(edits))


def _method(module: Module, seed: ast.expr, klass: Symbol, project: Project) -> tuple[Scope, ast.ClassDef]:
    """The method in which the seed stands, and its class."""
    method = module.scope_of(seed).method
    owner = method.parent if method is not None else None
    is_own = owner is not None and Symbol(module.path, owner.qualname) in project.symbols.ancestry(klass)
    decorators = getattr(method.node, "decorator_list", []) if method is not None else []
    is_bound = not any(ast.unparse(d) == "classmethod" for d in decorators)
    if method is None or owner is None or not is_own or not is_bound or self_name(method) is None:
        raise NoFix(f"the seed is made outside of `{klass.qualname}`'s methods: pass the epoch there by hand")
    assert isinstance(owner.node, ast.ClassDef)
    return method, owner.node


def _refuse_epoch_of_its_own(project: Project, klass: Symbol) -> None:
    for base in project.symbols.ancestry(klass):
        found = project.try_module(base.path) if isinstance(base, Symbol) else None
        scope = found.scope_named(base.qualname) if found is not None and isinstance(base, Symbol) else None
        for node in ast.walk(scope.node) if scope is not None else ():
            is_method = isinstance(node, ast.FunctionDef) and node.name in ("set_epoch", "epoch")
            if is_method or (isinstance(node, ast.Attribute) and node.attr == "epoch"):
                raise NoFix(f"`{klass.qualname}` has an epoch already: mix it into the seed by hand")


def _mixed(module: Module, seed: ast.expr, epoch: str) -> list[Edit]:
    """The seed, and those that must stay equal to it, with the epoch in them."""
    scope = module.scope_of(seed)
    assigned = only_assignment(scope, seed.id) if isinstance(seed, ast.Name) else None
    places = [assigned] if assigned is not None else equal_seeds(module, scope, seed) or [seed]
    return [replace_node(module, place, _with_epoch(module, place, epoch)) for place in places]


def _with_epoch(module: Module, seed: ast.expr, epoch: str) -> str:
    text = module.segment(seed)
    if isinstance(seed, (ast.List, ast.Tuple)):
        last = module.text[: module.span(seed)[1] - 1].rstrip()
        return f"{text[:-1].rstrip()}{'' if last.endswith(',') else ','} {epoch}{text[-1]}"
    if isinstance(seed, ast.JoinedStr) or (isinstance(seed, ast.Constant) and isinstance(seed.value, str)):
        return f'{text} f"-{{{epoch}}}"'
    tight = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.BinOp)
    is_sum = not isinstance(seed, ast.BinOp) or isinstance(seed.op, (ast.Add, ast.Sub, ast.Mult))
    inner = text if isinstance(seed, tight) and is_sum and "\n" not in text else f"({text})"
    return f"({inner} + {_APART} * {epoch}) % 2**32"


def _class_edits(module: Module, klass: ast.ClassDef) -> list[Edit]:
    """``self.epoch = 0`` in the constructor, and the method ``set_epoch`` after it."""
    unit = indent_unit(module)
    init = next((s for s in klass.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"), None)
    first = next(s for s in klass.body if not _is_docstring(s))
    if first.lineno == klass.lineno or (init is not None and init.body[0].lineno == init.lineno):
        raise NoFix(f"`{klass.name}` is written on one line")
    typed = init is not None and any(a.annotation is not None for a in init.args.args)
    lines = ["def set_epoch(self, epoch: int) -> None:" if typed else "def set_epoch(self, epoch):"]
    lines += [f"{unit}self.epoch = epoch"]
    if init is None:
        return [insert_before(module, first, "epoch = 0", "", *lines, "")]
    me = init.args.args[0].arg if init.args.args else "self"
    after = next((s for s in reversed(init.body[:2]) if _is_docstring(s) or _calls_super(s)), None)
    start = f"{me}.epoch = 0"
    put = insert_after(module, after, start) if after is not None else insert_before(module, init.body[0], start)
    assert indent_of(module, init) == indent_of(module, first)
    return [put, insert_after(module, init, "", *lines)]


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _calls_super(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and "__init__" in ast.unparse(statement.value)
