"""The trace: one JSON object a line, appended to a file that appears with the first event worth keeping."""

from __future__ import annotations

import json
import math
import os
import time
from typing import Any, Dict, List

FLUSH_SECONDS = 1.0


class Writer:
    """Buffers events and writes them about once a second; a killed process loses little.

    Tensors among the values are turned into numbers when written, so that a GPU is waited for once a flush.

    Args:
        folder: an existing folder.
        name: the file's name there.
    """

    def __init__(self, folder: str, name: str) -> None:
        self.path = os.path.join(folder, name)
        self.started = time.perf_counter()
        self.is_dead = False
        self.is_held = True  # until torch is there or the process ends, so that the header can be completed
        self.written = 0
        self._buffer: List[Dict[str, Any]] = []
        self._flushed = 0.0

    def write(self, event: Dict[str, Any]) -> None:
        """Note one event."""
        if self.is_dead:
            return
        now = time.perf_counter() - self.started
        event["t"] = round(now, 6)
        self._buffer.append(event)
        if now - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered. A full disk costs the events, never the run."""
        if self.is_dead or self.is_held or not self._buffer:
            return
        events, self._buffer = self._buffer, []
        self._flushed = time.perf_counter() - self.started
        lines = "".join(json.dumps(plain(event), separators=(",", ":")) + "\n" for event in events)
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(lines)
        except OSError:
            return
        self.written += len(events)


def plain(value: Any) -> Any:
    """A value as JSON knows it: tensors as numbers or lists, NaN and infinities as strings."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if hasattr(value, "detach"):
        return plain(value.detach().tolist())
    if isinstance(value, complex):
        return [_number(value.real), _number(value.imag)]
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)


def _number(value: float) -> Any:
    if math.isfinite(value):
        return float("%.9g" % value)
    return "nan" if value != value else "inf" if value > 0 else "-inf"
