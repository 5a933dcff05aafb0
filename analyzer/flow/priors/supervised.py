"""Whether a program learns from its labels as they are: both classes are marked, and none stands for "unknown"."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...findings import Evidence
from ...source.module import Module
from ...source.scopes import Kind
from ..values.frames import Operand

if TYPE_CHECKING:
    from ...graph.project import Project

_FUNCTIONS = frozenset(
    f"torch.nn.functional.{name}"
    for name in ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
)
_CLASSES = frozenset(f"torch.nn.{n}" for n in ("CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss"))
_NAMES = frozenset(n.rpartition(".")[2] for n in (*_FUNCTIONS, *_CLASSES))
_KEEPING = frozenset({"to", "cuda", "cpu", "float", "long", "view", "reshape", "squeeze", "unsqueeze", "flatten"})
_FURTHEST = 5


def learnt_from(project: Project, paths: Iterable[str]) -> Evidence | None:
    """A supervised loss whose targets are a loader's labels, in the programs that use some files; None without one.

    Args:
        project: the repository.
        paths: the files that read the labels.
    """
    around = sorted({p for path in paths for p in (path, *project.graphs.importers_of(path))})
    for path in around:
        facts = project.files[path]
        if facts.called.isdisjoint(_NAMES):
            continue
        module = project.try_module(path)
        for call in module.calls() if module is not None else ():
            if module is not None and len(call.args) > 1 and _is_loss(project, module, call):
                target = project.flow.operand(module, call.args[1])
                if _is_of_loader(project, target):
                    return module.evidence(
                        call, f"`{target.text()}` are learnt from as they are: both classes are marked"
                    )
    return None


def _is_loss(project: Project, module: Module, call: ast.Call) -> bool:
    if project.external(module, call.func) in _FUNCTIONS:
        return True
    sources = project.flow.sources(project.flow.operand(module, call.func))
    made = [s.operand for s in sources if s.operand is not None and isinstance(s.operand.node, ast.Call)]
    return any(isinstance(op.node, ast.Call) and project.external(op.module, op.node.func) in _CLASSES for op in made)


def _is_of_loader(project: Project, op: Operand, depth: int = 0) -> bool:
    node = op.node
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _KEEPING:
        node = node.func.value
    if depth > _FURTHEST or not isinstance(node, ast.Name):
        return False
    for source in project.flow.sources(op.sub(node)):
        if source.binding is not None and source.binding.kind is Kind.ITERATE:
            return True
        inner = source.operand
        if inner is None:
            continue
        if source.index and isinstance(inner.node, ast.Tuple) and source.index[0] < len(inner.node.elts):
            inner = inner.sub(inner.node.elts[source.index[0]])
        elif source.index and isinstance(inner.node, ast.Name):
            if _is_of_loader(project, inner, depth + 1):
                return True
            continue
        if _is_of_loader(project, inner, depth + 1):
            return True
    return False
