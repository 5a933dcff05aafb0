"""Names that inserted code uses: the file's own name of torch, and names that nothing has yet."""

from __future__ import annotations

import ast

from ..analyzer.findings import Edit
from ..analyzer.source.module import Module
from ..analyzer.source.scopes import Kind
from .surgery import insert_before


def torch_name(module: Module) -> tuple[str, list[Edit]]:
    """The name of ``torch`` in a file, with the edit that imports it where no import does."""
    name = _bound(module, "torch")
    if name is not None:
        return name, []
    first = next(
        s
        for s in module.tree.body
        if isinstance(s, (ast.Import, ast.ImportFrom)) and getattr(s, "module", None) != "__future__"
    )
    return "torch", [insert_before(module, first, "import torch")]


def nn_name(module: Module) -> tuple[str, list[Edit]]:
    """The name of ``torch.nn`` in a file: its own alias, else through ``torch``."""
    name = _bound(module, "torch.nn")
    if name is not None:
        return name, []
    torch, edits = torch_name(module)
    return f"{torch}.nn", edits


def _bound(module: Module, target: str) -> str | None:
    for name, bindings in module.root_scope.bindings.items():
        if any(b.kind is Kind.IMPORT and b.target == target for b in bindings):
            return name
    return None


def fresh_name(module: Module, node: ast.expr, wanted: str) -> str:
    """``wanted``, with a number where the scope of ``node`` has that name already."""
    scope = module.scope_of(node)
    name, number = wanted, 2
    while scope.lookup(name) is not None:
        name, number = f"{wanted}_{number}", number + 1
    return name
