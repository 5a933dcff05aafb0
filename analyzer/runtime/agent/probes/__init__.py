"""All probes, a class a file."""

from __future__ import annotations

import importlib
import pkgutil
from typing import List

from ..probe import Probe


def all_probes() -> List[Probe]:
    """A fresh instance of every probe, in the order of their names."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(__name__ + "." + info.name)
        found += [
            value()
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Probe) and value.__module__ == module.__name__
        ]
    return sorted(found, key=lambda probe: probe.name)
