"""Places where a loss divides by a whole row of a self-similarity matrix, the vector's similarity with itself included.

Not every softmax over such a matrix is a contrastive loss: attention weights values with it, distillation compares
two of them, and with ``arange`` as target the diagonal is the class that is meant. Those are told apart here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...findings import Confidence
from ...graph.project import Project
from ...source.module import Module
from ..values.construction import Constructions
from ..values.frames import Known, Operand
from ..values.tensors import is_scalar, near_sources, operation
from ..values.uses import uses
from .candidates import may_hold
from .matrices import Similarities, Similarity, Stage
from .targets import Target, Targets

_LOGARITHMS = frozenset({"log", "log2", "log10", "log_", "log1p"})
_NORMALISERS = frozenset({"log_softmax", "logsumexp"})
SINKS = _LOGARITHMS | _NORMALISERS | {"cross_entropy"}
"""Last names of the calls in which a denominator may end."""
_CRITERION = "CrossEntropyLoss"
_DIAGONALS = frozenset({"diag", "diagonal", "trace"})
_MATCHING = frozenset({"kl_div", "KLDivLoss", "js_div", "binary_cross_entropy"})
_CARRIED = frozenset({"detach", "float", "t", "view", "reshape", "squeeze", "unsqueeze", "mean", "sum", "clone"})


class Denominator(NamedTuple):
    """One such place.

    ``node`` is where a reader should look: the sum, the softmax or the loss call. ``matrix`` is the expression from
    which self pairs have to be left out there. ``kind``: ``sum`` (of exponentials), ``softmax``, ``logsumexp``,
    ``log_softmax`` or ``cross_entropy``. ``target`` is the target's expression where there is one.
    """

    node: ast.expr
    kind: str
    matrix: Operand
    known: Known[Similarity]
    confidence: Confidence
    target: Operand | None = None
    targets: frozenset[Target] = frozenset()


def denominators(module: Module, project: Project, tokens: frozenset[bytes]) -> Iterator[Denominator]:
    """The unmasked denominators of one file.

    Args:
        module: the file.
        project: its project.
        tokens: see :class:`Similarities`.

    Yields:
        One entry a place, in source order.
    """
    if not may_hold(module, project, tokens):
        return
    seen: set[int] = set()
    has_criterion = _CRITERION.encode() in module.facts.tokens
    for call in module.calls():
        name = _last_name(call.func)
        found = None
        if name in _NORMALISERS:
            found = _normaliser(module, call, project, tokens, name)
        elif name in _LOGARITHMS:
            found = _logarithm(module, call, project, tokens)
        elif name == "cross_entropy" or (len(call.args) == 2 and has_criterion):
            found = _cross_entropy(module, call, project, tokens)
        if found is not None and id(found.node) not in seen:
            seen.add(id(found.node))
            yield found


def _normaliser(
    module: Module, call: ast.Call, project: Project, tokens: frozenset[bytes], name: str
) -> Denominator | None:
    """``log_softmax`` or ``logsumexp`` of the matrix."""
    op = project.flow.operand(module, call)
    called = operation(op, project)
    if called is None:
        return None
    known = _unmasked(called.tensor, project, tokens, {Stage.LOGITS})
    if known is None or _is_matched(module, call, project, tokens):
        return None
    confidence = _confidence(known.what)
    if name == "logsumexp" and known.what.is_distance and not _meets_a_positive(module, call, project, False):
        confidence = Confidence.LOW
    return Denominator(call, name, known.what.place or called.tensor, known, confidence)


def _logarithm(module: Module, call: ast.Call, project: Project, tokens: frozenset[bytes]) -> Denominator | None:
    """The logarithm of a row sum, of a share of it, or of a softmax."""
    op = project.flow.operand(module, call)
    called = operation(op, project)
    if called is None:
        return None
    known = _unmasked(called.tensor, project, tokens, {Stage.SUM, Stage.SHARE})
    if known is None:
        return None
    what = known.what
    origin, matrix = what.origin, what.place
    if origin is None or matrix is None:
        return None
    has_positive = what.stage is Stage.SHARE or _meets_a_positive(module, call, project, not what.is_distance)
    if not has_positive or (what.stage is Stage.SUM and what.is_masked):
        return None
    if _is_matched(module, call, project, tokens) or _is_of_diagonal(called.tensor, project):
        return None
    kind = "sum" if _last_name_of(origin) == "sum" else "softmax"
    node = origin.node if origin.module is module else call
    return Denominator(node, kind, matrix, known, _confidence(what))


def _cross_entropy(module: Module, call: ast.Call, project: Project, tokens: frozenset[bytes]) -> Denominator | None:
    """The cross entropy of the matrix, unless the target is the diagonal."""
    if not _is_cross_entropy(module, call, project):
        return None
    given = {k.arg: k.value for k in call.keywords}
    logits = call.args[0] if call.args else given.get("input")
    target = call.args[1] if len(call.args) > 1 else given.get("target")
    if logits is None or target is None or isinstance(logits, ast.Starred):
        return None
    matrix, wanted = project.flow.operand(module, logits), project.flow.operand(module, target)
    known = _unmasked(matrix, project, tokens, {Stage.LOGITS})
    if known is None:
        return None
    targets = frozenset(k.what for k in Targets(project.flow).evaluate(wanted))
    if Target.SELF in targets and not known.what.block:
        return None
    confidence = _confidence(known.what)
    if not targets:
        confidence = max(confidence, Confidence.MEDIUM)
    return Denominator(call, "cross_entropy", known.what.place or matrix, known, confidence, wanted, targets)


def cross_entropy_calls(project: Project) -> Iterator[tuple[Module, ast.Call, ast.expr]]:
    """Every cross entropy of a project: its file, the call, and the logits."""
    for path, facts in project.files.items():
        if not any(name.endswith(("cross_entropy", _CRITERION)) for name in facts.names):
            continue
        module = project.try_module(path)
        for call in module.calls() if module is not None else ():
            name = _last_name(call.func)
            likely = name == "cross_entropy" or (len(call.args) == 2 and not name[:1].isupper())
            if module is not None and likely and call.args and _is_cross_entropy(module, call, project):
                yield module, call, call.args[0]


def _is_cross_entropy(module: Module, call: ast.Call, project: Project) -> bool:
    outside = project.external(module, call.func)
    if outside is not None:
        return outside == "torch.nn.functional.cross_entropy"
    func = call.func
    if isinstance(func, ast.Attribute) and not (isinstance(func.value, ast.Name) and func.value.id == "self"):
        return False
    if not isinstance(func, (ast.Attribute, ast.Name, ast.Call)):
        return False
    made = Constructions(project.flow).evaluate(project.flow.operand(module, func))
    return bool(made) and all(m.what.name == _CRITERION and isinstance(m.what.of, str) for m in made)


def _unmasked(op: Operand, project: Project, tokens: frozenset[bytes], stages: set[Stage]) -> Known[Similarity] | None:
    """The matrix whose diagonal is in on every known path; None as soon as one path is not understood."""
    similarities = Similarities(project.flow, tokens)
    ways = near_sources(op, project) if isinstance(op.node, ast.Name) else []
    if any(k.what.stage not in stages for way in ways for k in similarities.follow(way)):
        return None
    known = similarities.evaluate(op)
    if not known or any(k.what.stage not in stages for k in known):
        return None
    return min(known, key=lambda k: (k.what.sameness.is_certain, -len(k.trail)))


def _confidence(what: Similarity) -> Confidence:
    if not what.sameness.shares_roots:
        return Confidence.LOW
    is_plain = what.sameness.is_certain and not what.is_distance and not what.is_masked
    return Confidence.HIGH if is_plain else Confidence.MEDIUM


# What becomes of the result.


def _is_matched(module: Module, call: ast.Call, project: Project, tokens: frozenset[bytes]) -> bool:
    """Whether the result is compared with another whole distribution, or only its diagonal is taken."""
    for parent, value in _all_uses(module, call, project):
        if isinstance(parent, ast.Call):
            if _last_name(parent.func) in _MATCHING | {"entropy"} and value is not parent.func:
                return True
            if _last_name(parent.func) in _DIAGONALS and len(parent.args) < 2 and not parent.keywords:
                return True
            made = Constructions(project.flow).evaluate(project.flow.operand(module, parent.func))
            if any(m.what.name in _MATCHING for m in made):
                return True
        if isinstance(parent, ast.Attribute) and parent.attr in _DIAGONALS:
            above = module.parent(parent)
            if isinstance(above, ast.Call) and not above.args and not above.keywords:
                return True
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult):
            other = parent.right if parent.left is value else parent.left
            shares = Similarities(project.flow, tokens).evaluate(project.flow.operand(module, other))
            soft = Targets(project.flow).evaluate(project.flow.operand(module, other))
            if any(k.what.stage is Stage.SHARE for k in shares) or _is_softmax(soft, other):
                return True
    return False


def _is_softmax(soft: list[Known[Target]], other: ast.expr) -> bool:
    return any(k.what is Target.SOFT for k in soft) and "softmax" in ast.dump(other)


def _all_uses(module: Module, node: ast.expr, project: Project, depth: int = 0) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Uses of a value, through a sign, casts, reductions and arithmetic."""
    for parent, value in uses(project.flow, module, node):
        yield parent, value
        if depth >= 4:
            continue
        above = module.parent(parent)
        if isinstance(parent, ast.Attribute) and parent.attr in _CARRIED and isinstance(above, ast.Call):
            yield from _all_uses(module, above, project, depth + 1)
        elif isinstance(parent, (ast.UnaryOp, ast.BinOp)):
            yield from _all_uses(module, parent, project, depth + 1)


def _meets_a_positive(module: Module, call: ast.Call, project: Project, may_return: bool) -> bool:
    """Whether something that is no constant is subtracted from the result, or it from something: the positive pair.

    ``may_return``: a result that is handed to the caller counts too.
    """
    for parent, value in _all_uses(module, call, project):
        if isinstance(parent, ast.Return) and may_return:
            return True
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Sub, ast.Add)):
            other = parent.right if parent.left is value else parent.left
            if not is_scalar(project.flow.operand(module, other), project):
                return True
    return False


def _is_of_diagonal(op: Operand, project: Project) -> bool:
    """``diag(e) / e.sum(1)``: the diagonal is the pair that is meant."""
    node = op.node
    if isinstance(node, ast.Name):
        return any(
            s.operand is not None and not s.index and _is_of_diagonal(s.operand, project)
            for s in project.flow.sources(op)
        )
    if not isinstance(node, ast.BinOp):
        return False
    if not isinstance(node.op, ast.Div):
        return _is_of_diagonal(op.sub(node.left), project)
    return _takes_diagonal(op.sub(node.left), project, 0)


def _takes_diagonal(op: Operand, project: Project, depth: int) -> bool:
    node = op.node
    if isinstance(node, ast.Call):
        called = operation(op, project)
        if called is None:
            return False
        if called.name in _DIAGONALS:
            return not called.rest and not called.keywords
        return _takes_diagonal(called.tensor, project, depth + 1)
    if isinstance(node, ast.BinOp):
        return _takes_diagonal(op.sub(node.left), project, depth + 1)
    if isinstance(node, ast.Name) and depth < 8:
        return any(
            s.operand is not None and not s.index and _takes_diagonal(s.operand, project, depth + 1)
            for s in project.flow.sources(op)
        )
    return False


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _last_name_of(op: Operand) -> str:
    return _last_name(op.node.func) if isinstance(op.node, ast.Call) else ""
