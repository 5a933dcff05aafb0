"""Where a value is configured, and which configuration a value is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..values.frames import Known, Operand
from .configured import Configured
from .model import Files, Form, Held, Nodes, Options, Setting

if TYPE_CHECKING:
    from ...graph.project import Project

__all__ = ["Configured", "Files", "Form", "Held", "Nodes", "Options", "Setting", "settings_of"]


def settings_of(project: Project, op: Operand) -> list[Known[Setting]]:
    """The places in which the value of an expression is chosen, each with the lines that lead from there to it.

    Looks through names, calls, attributes and containers of the code; knows argparse's and click's options, dataclass
    fields, class attributes, plain literals, and the keys of YAML, JSON and TOML files that are read by ``yaml``,
    ``json``, ``toml``, OmegaConf, Hydra, anyconfig or yacs, as a mapping, by attributes or laid over options.

    Args:
        project: the repository.
        op: the expression, as ``project.flow.operand(module, node)`` makes it.

    Returns:
        Every setting that may give the value; one of form ``CODE`` is a literal in plain code, also the default of a
        parameter that no caller gives. Nothing where the value is computed.
    """
    found = Configured(project).evaluate(op)
    return [Known(k.what, k.trail) for k in found if isinstance(k.what, Setting)]
