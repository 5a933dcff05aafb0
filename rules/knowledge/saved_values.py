"""What torch's autograd saves, read from ``saved_values.yaml``."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

from ...analyzer.flow.autograd.saved import Table
from . import _load


@cache
def saved_values() -> Table:
    """Give the operations that save their result or their input, and the layers of ``torch.nn`` that apply them."""
    table = _load("saved_values.yaml")
    rows = table["operations"]
    return Table(
        results=frozenset(name for row in rows if "result" in row["saves"] for name in row["names"]),
        inputs=frozenset(name for row in rows if "input" in row["saves"] for name in row["names"]),
        layers=MappingProxyType({name: row["operation"] for row in table["layers"] for name in row["names"]}),
    )
