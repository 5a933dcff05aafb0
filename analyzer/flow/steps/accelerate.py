"""Hugging Face Accelerate: where an ``Accelerator`` is made, and by what factor it accumulates."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..values.evaluate import Evaluator
from ..values.frames import Known, Operand


@dataclass(frozen=True)
class MadeAccelerator:
    """An ``Accelerator``, where it is made; without an operand where that is not found."""

    path: str
    line: int
    operand: Operand | None = field(compare=False)


class Unsettled(Exception):
    """How often something runs cannot be told from the code."""


class Accelerators(Evaluator[MadeAccelerator]):
    """Where an ``accelerate.Accelerator`` is made."""

    def expression(self, op: Operand) -> Sequence[Known[MadeAccelerator]] | None:
        """A call of the class."""
        if isinstance(op.node, ast.Call):
            symbol = self.project.resolve(op.module, op.node.func)
            if isinstance(symbol, str) and symbol.startswith("accelerate") and symbol.endswith(".Accelerator"):
                return [Known(MadeAccelerator(op.module.path, op.node.lineno, op))]
        return None


class Accumulating(Evaluator[MadeAccelerator]):
    """Whether a context is ``accelerator.accumulate(...)``, and of which accelerator."""

    def expression(self, op: Operand) -> Sequence[Known[MadeAccelerator]] | None:
        """A call of ``accumulate``."""
        node = op.node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "accumulate":
            found = Accelerators(self.flow).evaluate(op.sub(node.func.value))
            return found or [Known(MadeAccelerator(op.module.path, node.lineno, None))]
        return None


def accumulation_of(made: Operand) -> Operand | None:
    """The accumulation factor that an ``Accelerator(...)`` is made with."""
    assert isinstance(made.node, ast.Call)
    for keyword in made.node.keywords:
        if keyword.arg == "gradient_accumulation_steps":
            return made.sub(keyword.value)
        if keyword.arg == "gradient_accumulation_plugin" and isinstance(keyword.value, ast.Call):
            for inner in keyword.value.keywords:
                if inner.arg == "num_steps":
                    return made.sub(inner.value)
    return None
