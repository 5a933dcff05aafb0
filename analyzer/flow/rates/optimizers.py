"""Where optimizers are made: their kind, the settings of their rate, and whether what they train is a deep network."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import last_name
from ..settings import Setting, settings_of
from ..values.frames import Operand

if TYPE_CHECKING:
    from ...graph.project import Project

_PACKAGE = "torch.optim."
_DEEP = re.compile(
    r"torch\.nn\.(?:Lazy|Sync)?(?:Conv(?:Transpose)?[123]d|BatchNorm(?:[123]d)?|GroupNorm|LayerNorm|InstanceNorm[123]d"
    r"|MultiheadAttention|Transformer\w*)"
)
_LIBRARIES = ("torchvision.models.", "timm.create_model", "segmentation_models_pytorch.", "monai.networks.nets.")
_SCHEDULED = re.compile(r"warm_?up|one_?cycle|cyclic_?lr|lr_?finder|prodigy", re.IGNORECASE)
_WRITTEN = re.compile(r"""\[["']lr["']\]\s*(?:[*/+-]?=)(?!=)""")
_DEEPEST = 4


class Optimizer(NamedTuple):
    """An optimizer of ``torch.optim`` where it is made with a rate: ``parameters`` is what it is given to train."""

    module: Module
    call: ast.Call
    kind: str
    rate: Operand
    parameters: ast.expr | None


def optimizers(project: Project, module: Module) -> Iterator[Optimizer]:
    """The optimizers that a file makes with a rate of their own."""
    for call in module.calls():
        rate = next((k.value for k in call.keywords if k.arg == "lr"), call.args[1] if len(call.args) > 1 else None)
        if rate is None or isinstance(rate, ast.Starred):
            continue
        name = project.external(module, call.func)
        if name is None or not name.startswith(_PACKAGE):
            continue
        given = next((k.value for k in call.keywords if k.arg == "params"), call.args[0] if call.args else None)
        yield Optimizer(module, call, name.rpartition(".")[2], project.flow.operand(module, rate), given)


def is_shared(project: Project, optimizer: Optimizer, setting: Setting) -> bool:
    """Whether a place also sets the rate of an optimizer of another kind, or of one that is chosen by name.

    Such a rate is meant for one of them, and which one runs is up to the user.
    """
    for path, facts in project.files.items():
        lines = {c.line for c in facts.calls if _may_be_optimizer(c.callee)}
        module = project.try_module(path) if lines else None
        for line in sorted(lines):
            for call in module.calls_on(line) if module is not None else ():
                if module is None or call is optimizer.call or _kind(project, module, call) == optimizer.kind:
                    continue
                for given in [k.value for k in call.keywords if k.arg in ("lr", "learning_rate")] or call.args[1:2]:
                    places = [k.what.place for k in settings_of(project, project.flow.operand(module, given))]
                    if setting.place in places:
                        return True
    return False


def _may_be_optimizer(callee: str) -> bool:
    last = callee.rpartition(".")[2]
    return callee.startswith(_PACKAGE) or "optim" in callee.lower() or last in ("LARS", "LAMB", "Lion", "getattr")


def _kind(project: Project, module: Module, call: ast.Call) -> str:
    name = project.external(module, call.func)
    return name.rpartition(".")[2] if name is not None and name.startswith(_PACKAGE) else last_name(call.func)


def is_governed(project: Project, module: Module) -> bool:
    """Whether warm-up, a cycle or code of the program's own sets the rate anew, in the file or in what it imports."""
    around = project.graphs.imported_by(module.path) | project.graphs.importers_of(module.path)
    if _SCHEDULED.search(module.text) or _WRITTEN.search(module.text):
        return True
    for path in sorted(around - {module.path}):
        facts = project.files[path]
        if any(_SCHEDULED.search(c.callee) for c in facts.calls) or any(_SCHEDULED.search(w) for w in facts.words):
            return True
        other = project.try_module(path) if any("optim" in c.callee for c in facts.calls) else None
        if other is not None and (_SCHEDULED.search(other.text) or _WRITTEN.search(other.text)):
            return True
    return False


def trains_deep_network(project: Project, optimizer: Optimizer) -> bool:
    """Whether an optimizer gets all parameters of a module that has convolutions, norms or attention."""
    node = optimizer.parameters
    while isinstance(node, ast.Call) and last_name(node.func) in ("filter", "list", "tuple") and node.args:
        node = node.args[-1]
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        node = node.generators[0].iter
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "parameters":
        return False
    model = project.flow.operand(optimizer.module, node.func.value)
    if any(_is_deep(project, symbol, 0, set()) for symbol in project.flow.classes.of(model)):
        return True
    made = [s.operand for s in project.flow.sources(model) if s.operand is not None]
    return any(
        isinstance(op.node, ast.Call) and (project.external(op.module, op.node.func) or "").startswith(_LIBRARIES)
        for op in made
    )


def _is_deep(project: Project, symbol: Symbol, depth: int, seen: set[Symbol]) -> bool:
    if depth > _DEEPEST or symbol in seen or symbol.path not in project.files:
        return False
    seen.add(symbol)
    inside = [
        call
        for call in project.files[symbol.path].calls
        if call.scope == symbol.qualname or call.scope.startswith(f"{symbol.qualname}.")
    ]
    if any(_DEEP.fullmatch(call.callee) or call.callee.startswith(_LIBRARIES) for call in inside):
        return True
    parts = [s for call in inside if (s := project.called(symbol.path, call)) is not None]
    return any(_is_deep(project, part, depth + 1, seen) for part in parts)
