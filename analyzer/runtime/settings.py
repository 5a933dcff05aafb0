"""What one run is told, by the harness, in one environment variable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

TRACE_VARIABLE = "MLFIX_AGENT_TRACE"
"""Names the folder into which each process of a run writes its trace."""
SETTINGS_VARIABLE = "MLFIX_AGENT_SETTINGS"
"""Holds :meth:`RunSettings.to_json`."""


@dataclass(frozen=True)
class RunSettings:
    """The bounds of one run and what is watched in it. The agent reads the same names from JSON."""

    seed: int = 0
    """Seeds torch, random and numpy when torch is imported."""
    force_seed: bool = True
    """Whether the program's own calls that seed are replaced by ones that follow ``seed``."""
    steps: int | None = 20
    """Optimizer steps after which the run ends."""
    backwards: int | None = None
    """Backward calls after which it ends where no optimizer ever steps."""
    seconds: float | None = None
    """The agent's own soft bound on the wall clock."""
    grace: float = 5.0
    """Seconds between the clean end, which a program may swallow, and the hard one."""
    train_batches: int | None = None
    """Batches after which a pass over a training loader ends; its ``len`` stays."""
    validation_batches: int | None = None
    overfit: int = 0
    """Each training loader replays its first so many batches; 0 is off."""
    device: str = "auto"
    """``auto``, ``cpu`` or ``cuda``."""
    watch: Mapping[str, str] = field(default_factory=dict)
    """Name to ``dotted.module.path`` or ``file.py:function:variable``."""
    reach: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Lines, by absolute path, whose first execution is recorded."""
    hide: tuple[str, ...] = ()
    """Names of torch that the user's files must not see, because the torch that they pin lacks them."""
    root: str = ""
    """The absolute path of the tree: code below it is the user's."""
    probes: tuple[str, ...] | None = None
    """Which probes are on; None is every default one."""
    keep_compile: bool = False

    def to_json(self) -> str:
        """One line of JSON with every field."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RunSettings:
        """The settings that :meth:`to_json` wrote; keys of another version are ignored.

        Raises:
            ValueError: the text is no JSON object.
        """
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("run settings must be a JSON object")
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name in ("hide", "probes"):
            if isinstance(known.get(name), list):
                known[name] = tuple(known[name])
        if isinstance(known.get("reach"), dict):
            known["reach"] = {path: tuple(lines) for path, lines in known["reach"].items()}
        return cls(**known)

    def with_extra(self, extra: Mapping[str, Any]) -> RunSettings:
        """The settings with some fields replaced: what a rule's proof asks for.

        Raises:
            TypeError: a field that does not exist.
        """
        return replace(self, **extra)
