"""What each operation does with the types of its arguments under autocast: the table that the domain is asked with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


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
