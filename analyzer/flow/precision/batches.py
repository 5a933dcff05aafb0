"""How many samples a device gets at once: the batch size of a training file, as far as it is written down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...findings import Evidence
from ...graph.project import Project
from ...graph.symbols import Symbol
from ...source.module import Module
from ..settings import settings_of
from ..values.frames import Operand
from ..values.loaders import LOADERS

_NAMES = ("batch_size", "train_batch_size", "per_device_train_batch_size", "batch_size_per_gpu", "bs")
_DEEPEST = 3


class Batch(NamedTuple):
    """A batch size and the lines that give it."""

    size: float
    trail: tuple[Evidence, ...]


def training_batch(project: Project, module: Module) -> Batch | None:
    """The largest batch size that a file's loaders may have by its own settings; None where it is not known.

    Args:
        project: the repository.
        module: the file that trains.

    Returns:
        The largest, since what is said of small batches must hold for all of them. A division by the number of devices
        is left out: the size is then an upper bound.
    """
    found: list[Batch] = []
    for call in module.calls():
        for given in _given(project, module, call):
            found += _sizes(project, given)
    return max(found, key=lambda b: b.size, default=None)


def _given(project: Project, module: Module, call: ast.Call) -> Iterator[Operand]:
    """The batch size that a call is given: of a DataLoader, or of a function of the project that takes one."""
    called = project.resolve(module, call.func)
    if called in LOADERS:
        value = next((k.value for k in call.keywords if k.arg == "batch_size"), None)
        value = value if value is not None or len(call.args) < 2 else call.args[1]
        if value is not None:
            yield project.flow.operand(module, value)
    elif isinstance(called, Symbol):
        target = called
        if project.symbols.klass(called) is not None:
            target = project.symbols.method(called, "__init__") or called
        opened = project.flow.calls.function(target)
        if opened is not None:
            bound = project.flow.calls.bind(call, project.flow.frame(module, call), opened[1])
            yield from (bound[name] for name in _NAMES if name in bound)


def _sizes(project: Project, op: Operand, depth: int = 0) -> list[Batch]:
    node = op.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.FloorDiv)) and depth < _DEEPEST:
        return _sizes(project, op.sub(node.left), depth + 1)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("int", "max") and node.args and depth < _DEEPEST:
        return _sizes(project, op.sub(node.args[0]), depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and depth < _DEEPEST:
        return []  # twice the batch, for validation
    found: list[Batch] = []
    for known in settings_of(project, op):
        number = known.what.number
        if number is not None and number >= 1:
            note = f"`{known.what.name}` is {number:g}" if known.what.name else f"the batch size is {number:g}"
            found.append(
                Batch(number, (*known.trail, Evidence(known.what.location.path, known.what.location.line, note)))
            )
    return found
