"""What one run is told, read from its environment."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Mapping, Optional

TRACE = "MLFIX_AGENT_TRACE"
SETTINGS = "MLFIX_AGENT_SETTINGS"


class Settings:
    """The agent's side of ``runtime.settings.RunSettings``; unknown keys are ignored, missing ones have defaults.

    Args:
        values: the decoded JSON object.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.seed: int = values.get("seed", 0)
        self.force_seed: bool = values.get("force_seed", False)
        self.steps: Optional[int] = values.get("steps")
        self.backwards: Optional[int] = values.get("backwards")
        self.seconds: Optional[float] = values.get("seconds")
        self.grace: float = values.get("grace", 10.0)
        self.train_batches: Optional[int] = values.get("train_batches")
        self.validation_batches: Optional[int] = values.get("validation_batches")
        self.overfit: int = values.get("overfit", 0)
        self.device: str = values.get("device", "auto")
        self.watch: Dict[str, str] = values.get("watch") or {}
        self.reach: Dict[str, List[int]] = values.get("reach") or {}
        self.hide: List[str] = values.get("hide") or []
        self.root: str = os.path.realpath(values.get("root") or os.getcwd())
        self.probes: Optional[List[str]] = values.get("probes")
        self.keep_compile: bool = values.get("keep_compile", False)

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this process's run."""
        return cls(json.loads(os.environ.get(SETTINGS) or "{}"))
