"""What each operation does with the types of its arguments under autocast: the table that the domain is asked with."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

# What torch calls the tensors that its losses and operations take, in the order that it takes them
# (torch-2.13.0: torch/nn/functional.py, torch/_torch_docs.py).
_TENSORS = ("input", "input1", "anchor", "input2", "other", "mat2", "positive", "target", "negative")


def tensors_given(call: ast.Call) -> list[ast.expr]:
    """What an operation of torch is given: by place, and then by the name of a tensor, in its order."""
    places = [a for a in call.args if not isinstance(a, ast.Starred)]
    if not call.keywords:
        return places
    named = {k.arg: k.value for k in call.keywords}
    return [*places, *(named[name] for name in _TENSORS if name in named)]


class Behaviour(Enum):
    """What an operation makes of its arguments' types."""

    LOWER = "lower"
    FLOAT32 = "float32"
    KEEPS = "keeps"
    EXACT = "exact"
    COMPLEX = "complex"


class Operations(NamedTuple):
    """Facts about torch's operations; the rules read them from their knowledge and hand them in.

    Attributes:
        behaviours: by the name of the function or method.
        modules: the function that a module of ``torch.nn`` stands for, by the module's class.
        losses: the same for the modules that are losses.
        decisive: how many of a loss's arguments decide its type, where it is not two.
    """

    behaviours: Mapping[str, Behaviour]
    modules: Mapping[str, str]
    losses: Mapping[str, str]
    decisive: Mapping[str, int]

    def of(self, name: str) -> Behaviour | None:
        """An operation's behaviour; None where it is not known."""
        return self.behaviours.get(name)

    def function(self, module: str) -> str | None:
        """The function that a class of ``torch.nn`` calls; None where it is not known."""
        return self.modules.get(module) or self.losses.get(module)

    def is_loss(self, function: str) -> bool:
        """Whether a function's value is a loss."""
        return function in self.losses.values()

    def inputs(self, loss: str) -> int:
        """How many of a loss's arguments, from the first on, decide its type."""
        return self.decisive.get(loss, 2)
