"""Plans a scheduler in the steps that it is given, or moves its step to where its plan counts."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from ...analyzer.checking import NoFix
from ...analyzer.findings import Applicability, Edit, Finding, Fix
from ...analyzer.flow.steps.counts import Counts, Unit
from ...analyzer.flow.values.frames import Operand
from ...analyzer.flow.values.origins import Origin, origin
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Kind, Scope, key_of
from ..imports import ensure_import, is_free, name_of
from ..surgery import insert_after, remove_statement, replace_node

_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def fix(finding: Finding, project: Project) -> Fix:
    """Edits that bring plan and steps together.

    Args:
        finding: the finding; its repair names the plan's expressions, the accumulation factor, and the step calls.
        project: the repository.

    Raises:
        NoFix: the factor is not at hand where the plan is written, or the calls stand in different functions.
    """
    repair = finding.repair
    assert repair is not None
    module = project.module(finding.location.path)
    if repair["fault"] == "TOO_LONG":
        return _shortened(module, project, repair)
    if repair["fault"] == "TOO_SHORT":
        return _moved_to_optimizer(project, repair)
    if repair["fault"] == "EPOCHS_PER_BATCH":
        return _moved_behind_loop(project, repair)
    return _without_batches(module, project, repair)


# The plan is too long: divide it by the accumulation factor.


def _shortened(module: Module, project: Project, repair: Mapping[str, Any]) -> Fix:
    plans = [_node_at(module, start, end) for start, end in repair["plans"]]
    targets = [_definition(module, plan, plans) or plan for plan in plans]
    edits: list[Edit] = []
    for plan, target in zip(plans, targets, strict=True):
        others = [t for t in targets if t is not target]
        if not _follows(module, plan, others):
            edits += _divided(module, project, plan, target, repair)
    return Fix(Applicability.UNSAFE, "plan the schedule in optimizer steps", tuple(dict.fromkeys(edits)))


def _divided(
    module: Module, project: Project, plan: ast.expr, target: ast.expr, repair: Mapping[str, Any]
) -> list[Edit]:
    factor = repair["accumulation"]
    multiplied = _multiplied_by(module, project, target, factor)
    if multiplied is not None:
        product, other, side = multiplied
        processes = _processes(module, plan, repair)
        # Accelerate moves a prepared scheduler once for each process on every synchronised step.
        if processes is not None:
            return [replace_node(module, side, processes)]
        return [replace_node(module, product, module.segment(other))]
    name = _expression_for(module, project, plan, factor)
    length = _length_in(module, project, target)
    text, imports = _ceil(module, length, name)
    return [*imports, replace_node(module, length, text)]


def _processes(module: Module, place: ast.expr, repair: Mapping[str, Any]) -> str | None:
    accelerator = repair.get("accelerator")
    if accelerator is None:
        return None
    head = accelerator.partition(".")[0]
    return f"{accelerator}.num_processes" if any(n == head for n, _ in _names_in_sight(module, place)) else None


def _follows(module: Module, plan: ast.expr, mended: Sequence[ast.expr]) -> bool:
    """Whether a plan is computed from another one that is mended at its definition, and so is mended with it."""
    if not isinstance(plan, ast.Name):
        return False
    scope = module.scope_of(plan)
    own = [b.value for b in scope.bindings.get(plan.id, []) if b.value is not None]
    if len(own) != 1:
        return False
    used = {n.id for n in ast.walk(own[0]) if isinstance(n, ast.Name)}
    return any(b.value in mended for name in used for b in scope.bindings.get(name, []))


def _ceil(module: Module, length: ast.expr, divisor: str) -> tuple[str, list[Edit]]:
    """The code of a quotient rounded up, with the import that it needs."""
    text = module.segment(length)
    if (isinstance(length, ast.BinOp) and not isinstance(length.op, (ast.Mult, ast.Div))) or isinstance(
        length, (ast.IfExp, ast.BoolOp, ast.Lambda, ast.Compare, ast.NamedExpr)
    ):
        text = f"({text})"
    ceil = name_of(module, "math.ceil", length)
    if ceil is not None:
        return f"{ceil}({text} / {divisor})", []
    if name_of(module, "math", length) is None and not is_free(module, "math"):
        return f"-(-{text} // {divisor})", []
    name, imports = ensure_import(module, length, "math")
    return f"{name}.ceil({text} / {divisor})", imports


def _definition(module: Module, plan: ast.expr, plans: Sequence[ast.expr] = ()) -> ast.expr | None:
    """The one expression behind a plan's name, where that name serves the scheduler alone."""
    if not isinstance(plan, ast.Name):
        return None
    scope = module.scope_of(plan)
    bindings = scope.bindings.get(plan.id, [])
    if len(bindings) != 1 or bindings[0].kind is not Kind.ASSIGN or bindings[0].index or not scope.is_function:
        return None
    uses = [n for n in ast.walk(scope.node) if isinstance(n, ast.Name) and n.id == plan.id]
    others = [n for n in uses if isinstance(n.ctx, ast.Load) and n is not plan]
    # What else the name is used in may only be the definition of another of the scheduler's own arguments.
    names = {p.id for p in plans if isinstance(p, ast.Name)}
    for use in others:
        statement = module.statement(use)
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if not any(isinstance(t, ast.Name) and t.id in names for t in targets):
            return None
    return bindings[0].value


def _multiplied_by(
    module: Module, project: Project, node: ast.expr, factor: Mapping[str, Any]
) -> tuple[ast.BinOp, ast.expr, ast.expr] | None:
    """A product in which the factor itself is one side: the product, the other side, the factor."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div, ast.FloorDiv)):
        if isinstance(node.op, ast.Mult):
            for side, other in ((node.right, node.left), (node.left, node.right)):
                if _is_factor(module, project, side, factor):
                    return node, other, side
        node = node.left
    return None


def _is_factor(module: Module, project: Project, node: ast.expr, factor: Mapping[str, Any]) -> bool:
    if factor["origin"] is None:
        return module.segment(node) == factor["text"]
    return key_of(node) is not None and origin(project.flow, project.flow.operand(module, node)) == _origin(factor)


def _length_in(module: Module, project: Project, node: ast.expr) -> ast.expr:
    """The part of a product that is the length of an epoch, else the whole expression."""
    queue: list[ast.expr] = [node]
    while queue:
        part = queue.pop(0)
        if _is_length(module, project, part):
            return part
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
            queue += [part.left, part.right]
    return node


def _expression_for(module: Module, project: Project, place: ast.expr, factor: Mapping[str, Any]) -> str:
    """How the accumulation factor is written where the plan stands.

    Raises:
        NoFix: nothing in sight there holds it.
    """
    if factor["origin"] is None:
        if factor["text"].isdecimal():
            return factor["text"]
        raise NoFix(f"`{factor['text']}` is computed where it is used: name it, and divide the plan by it")
    wanted = _origin(factor)
    for name, node in _names_in_sight(module, place):
        home = origin(project.flow, Operand(node, project.flow.frame(module, place)))
        if home is None or (home.path, home.home) != (wanted.path, wanted.home):
            continue
        if home.chain == wanted.chain:
            return name
        if wanted.chain.startswith(f"{home.chain}."):
            return name + wanted.chain[len(home.chain) :]
    raise NoFix(f"`{factor['text']}` is not at hand where the schedule is planned: pass it there")


def _names_in_sight(module: Module, place: ast.expr) -> list[tuple[str, ast.Name]]:
    """Names bound before an expression in its scope and the ones around it."""
    found: list[tuple[str, ast.Name]] = []
    scope: Scope | None = module.scope_of(place)
    first = True
    while scope is not None:
        for key, bindings in scope.bindings.items():
            early = [b for b in bindings if not first or getattr(b.node, "lineno", 0) < place.lineno]
            if key.isidentifier() and early and all(b.kind in (Kind.ASSIGN, Kind.PARAMETER) for b in early):
                found.append((key, ast.Name(key, ast.Load())))
        scope, first = scope.parent, False
    return found


def _origin(factor: Mapping[str, Any]) -> Origin:
    return Origin(*factor["origin"])


# The step stands in the wrong place: move it.


def _moved_to_optimizer(project: Project, repair: Mapping[str, Any]) -> Fix:
    if "optimizer_step" not in repair:
        raise NoFix("the optimizer's step was not found: call the scheduler's step right after it")
    module, step = _statement_at(project, repair["step"])
    other, optimizer = _statement_at(project, repair["optimizer_step"])
    if module.path != other.path or module.scope_of(step) is not other.scope_of(optimizer):
        raise NoFix("the optimizer steps in another function: call the scheduler's step right after it there")
    if module.parent(step) is module.parent(optimizer):
        raise NoFix("Accelerate skips the optimizer's step: hand the scheduler to `accelerator.prepare` too")
    edits = (remove_statement(module, step), insert_after(module, optimizer, module.segment(step)))
    return Fix(Applicability.UNSAFE, "move the scheduler when the optimizer steps", edits)


def _moved_behind_loop(project: Project, repair: Mapping[str, Any]) -> Fix:
    module, step = _statement_at(project, repair["step"])
    path, line = repair["loop"]
    loop = next((a for a in module.ancestors(step) if isinstance(a, _LOOPS) and a.lineno == line), None)
    if path != module.path or loop is None:
        raise NoFix("the step is called from the loop over batches in another function: call it after that loop")
    edits = (remove_statement(module, step), insert_after(module, loop, module.segment(step)))
    return Fix(Applicability.UNSAFE, "move the scheduler once an epoch, as its plan counts", edits)


def _statement_at(project: Project, place: Sequence[Any]) -> tuple[Module, ast.stmt]:
    module = project.module(place[0])
    statement = module.statement(_node_at(module, place[1], place[2]))
    if not isinstance(statement, ast.Expr):
        raise NoFix("the step is part of a larger statement: move it by hand")
    return module, statement


# The plan counts batches, and the scheduler moves once an epoch: take the batches out.


def _without_batches(module: Module, project: Project, repair: Mapping[str, Any]) -> Fix:
    edits: list[Edit] = []
    for start, end in repair["plans"]:
        plan = _node_at(module, start, end)
        target = _definition(module, plan) or plan
        edits.append(replace_node(module, target, _epochs_of(module, project, target, repair)))
    return Fix(Applicability.UNSAFE, "plan the schedule in epochs, as it is moved", tuple(edits))


def _epochs_of(module: Module, project: Project, plan: ast.expr, repair: Mapping[str, Any]) -> str:
    """The epochs in a plan of ``epochs * batches``; of a plan that only names batches, those of the loop."""
    sides = [(plan.left, plan.right), (plan.right, plan.left)] if _is_product(plan) else []  # pyright: ignore[reportAttributeAccessIssue]
    for side, other in sides:
        if _is_length(module, project, side):
            return module.segment(other)
    if _is_length(module, project, plan) and "epochs" in repair:
        return _expression_for(module, project, plan, repair["epochs"])
    raise NoFix("the plan's epochs cannot be told from its batches: plan as many steps as the scheduler is moved")


def _is_product(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _is_length(module: Module, project: Project, node: ast.expr) -> bool:
    """Whether an expression is a number of batches and nothing else."""
    known = Counts(project.flow).evaluate(project.flow.operand(module, node))
    lengths = (Unit.BATCHES, Unit.LENGTH)
    return any([(a.unit in lengths, p) for a, p in k.what.powers] == [(True, 1)] and k.what.scale == 1 for k in known)


def _node_at(module: Module, start: int, end: int) -> ast.expr:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.expr) and module.span(node) == (start, end):
            return node
    raise NoFix("the plan is no longer where it was found: scan again")
