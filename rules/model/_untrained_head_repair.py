"""What the codemod of untrained-head needs to know of one training step, or why that place gets no fix."""

from __future__ import annotations

import ast
import re
from typing import Any

from ...analyzer.flow.outputs.untrained import Untrained
from ...analyzer.flow.values.construction import Constructions
from ...analyzer.flow.values.functions import own_calls
from ...analyzer.graph.project import Project
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import Scope, key_of, last_name

_EMBEDDING = re.compile(r"(?i)emb|proj|feat|descr|metric")
_UNUSED = re.compile(r"^_+\w*$")
_CROSS_ENTROPY = ("cross_entropy", "CrossEntropyLoss")


def plan(found: Untrained, project: Project) -> dict[str, Any] | str:
    """The repair of one head that is called in training.

    Returns:
        ``path`` of the training step, ``before`` (offset in the statement with the backward pass), ``loss`` (its code),
        ``terms`` (name of the dictionary that holds it, or None), ``embedding`` and ``labels`` (code of both),
        ``rename`` (span and new name of the variable that took the output, or None), and ``name`` of the new term; or
        the reason why there is no fix.
    """
    if found.site is None or found.backward is None:
        return "nothing calls it: call it in `forward` and give its result a loss, or take it out"
    if not _is_embedding(found, project):
        return "what this output should learn is not in the code: give it a loss of its own, or take the head out"
    module, call = found.site
    other, start = found.backward
    scope = module.scope_of(call)
    if other is not module or other.scope_of(start) is not scope:
        return "the backward pass starts in another function than the model's call: add the loss by hand"
    loss = _loss(start)
    taken = _taken(module, call, found.output)
    labels = _labels(module, scope, call, project)
    if loss is None:
        return "the loss has no name where the backward pass starts: give it one first"
    if labels is None:
        return "no class labels are at hand where the model is trained: the embedding needs a loss without them"
    if taken is None:
        return "the model's outputs have no name where they are made: give them one first"
    embedding, rename = taken
    terms = loss.value if isinstance(loss, ast.Subscript) and isinstance(loss.value, ast.Name) else None
    return {
        "path": module.path,
        "before": module.span(start)[0],
        "loss": module.segment(loss),
        "terms": terms.id if terms is not None else None,
        "embedding": embedding,
        "rename": rename,
        "labels": labels,
        "name": found.part.name if isinstance(found.output, int) or found.output is None else found.output,
    }


def _is_embedding(found: Untrained, project: Project) -> bool:
    """Whether the output is a vector to compare by: made a unit vector, or called so by the model itself."""
    if _EMBEDDING.search(found.part.name) or _EMBEDDING.search(str(found.output)):
        return True
    for made in found.part.made(project):
        if not isinstance(made.of, str):
            method = project.symbols.method(made.of, "forward")
            opened = project.flow.calls.function(method) if method is not None else None
            if opened is not None and any(last_name(c.func) == "normalize" for c in own_calls(opened[1])):
                return True
    return any(
        isinstance(above, ast.Call) and last_name(above.func) == "normalize"
        for module, call in found.calls
        for above in [module.parent(call)]
    )


def _loss(start: ast.AST) -> ast.expr | None:
    """``loss`` of ``scaler.scale(loss / n).backward()``."""
    node: ast.AST | None = start
    while isinstance(node, (ast.Attribute, ast.Call, ast.BinOp)):
        if key_of(node) is not None:
            break
        if isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Call):
            node = node.args[0] if node.args else node.func
        else:
            node = node.value
    return node if isinstance(node, ast.expr) and key_of(node) is not None else None


def _taken(module: Module, call: ast.Call, output: int | str | None) -> tuple[str, tuple[int, int, str] | None] | None:
    """The code by which the training step reads the output, and the variable that must get a name for it."""
    statement = module.parent(call)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or output is None:
        return None
    target = statement.targets[0]
    if isinstance(target, (ast.Tuple, ast.List)):
        if not isinstance(output, int) or output >= len(target.elts):
            return None
        name = target.elts[output]
        if not isinstance(name, ast.Name):
            return None
        if _UNUSED.match(name.id):
            return "embedding", (*module.span(name), "embedding")
        return name.id, None
    if key_of(target) is None:
        return None
    return f"{module.segment(target)}[{_quoted(output)}]", None


def _quoted(output: int | str) -> str:
    return f'"{output}"' if isinstance(output, str) else str(output)


def _labels(module: Module, scope: Scope, call: ast.Call, project: Project) -> str | None:
    """The code of the class labels with which the training step trains another output."""
    for other in own_calls(scope):
        if other is call or not other.args:
            continue
        target = _target(module, other, project)
        if target is None:
            target = _passed_on(module, other, project)
        if target is not None:
            return target
    return None


def _target(module: Module, call: ast.Call, project: Project) -> str | None:
    """The target of a cross entropy, where it is a plain name."""
    if not _is_cross_entropy(module, call, project):
        return None
    given = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "target"), None)
    return module.segment(given) if given is not None and key_of(given) is not None else None


def _is_cross_entropy(module: Module, call: ast.Call, project: Project) -> bool:
    name = project.external(module, call.func) or ""
    if name.startswith("torch.") and name.rpartition(".")[2] == "cross_entropy":
        return True
    if name or not call.args:
        return False
    made = Constructions(project.flow).evaluate(project.flow.operand(module, call.func))
    return bool(made) and all(k.what.name in _CROSS_ENTROPY for k in made)


def _passed_on(module: Module, call: ast.Call, project: Project) -> str | None:
    """The argument that a function of the project gives a cross entropy as its target."""
    for inner, scope in project.flow.calls.callees(project.flow.operand(module, call)):
        bound = project.flow.calls.bind(call, project.flow.frame(module, call), scope)
        for below in own_calls(scope):
            target = _target(inner, below, project)
            given = bound.get(target) if target is not None else None
            if given is not None and key_of(given.node) is not None:
                return module.segment(given.node)
    return None
