"""What a value was made of: the call of an outside class (``torch.nn.Linear``) or of a class of the project."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from ...graph.symbols import Symbol
from .evaluate import Evaluator
from .frames import Known, Operand

_PASSING = frozenset({"to", "cuda", "cpu", "train", "eval", "half", "float", "double", "requires_grad_", "apply"})
_WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel", "compile", "SyncBatchNorm", "script", "deepcopy"})


class Made(NamedTuple):
    """The construction of an instance: the class, by symbol or dotted outside name, and the call that makes it."""

    of: Symbol | str
    call: Operand

    @property
    def name(self) -> str:
        """The class's own name."""
        return (self.of.qualname if isinstance(self.of, Symbol) else self.of).rpartition(".")[2]


class Constructions(Evaluator[Made]):
    """Which constructor calls a value may come from."""

    def expression(self, op: Operand) -> Sequence[Known[Made]] | None:
        """A call of a class is what is looked for; ``.to(device)`` and wrappers are looked through."""
        node = op.node
        if not isinstance(node, ast.Call):
            return None
        called = self.project.resolve(op.module, node.func)
        if isinstance(called, Symbol):
            return [self._made(called, op)] if self.project.symbols.klass(called) is not None else None
        if isinstance(called, str):
            last = called.rpartition(".")[2]
            if last in _WRAPPERS and node.args:
                return self.evaluate(op.sub(node.args[0]))
            return [self._made(called, op)] if last[:1].isupper() else []
        if isinstance(node.func, ast.Attribute) and node.func.attr in _PASSING:
            return self.evaluate(op.sub(node.func.value))
        return None

    def _made(self, of: Symbol | str, op: Operand) -> Known[Made]:
        return Known(Made(of, op), (op.module.evidence(op.node, f"made by `{op.text()}`"),))
