"""How far a run is, read from its trace while it grows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from .trace import number


@dataclass(frozen=True)
class Pulse:
    """The state of a run: optimizer steps, the last loss, steps a second. None is not known yet."""

    step: int = 0
    loss: float | None = None
    rate: float | None = None


@dataclass
class Tail:
    """Follows the traces of one run."""

    folder: Path
    _places: dict[Path, int] = field(default_factory=dict)
    _times: list[tuple[int, float]] = field(default_factory=list)
    _pulse: Pulse = field(default_factory=Pulse)

    def pulse(self) -> Pulse:
        """Read what is new."""
        for path in sorted(self.folder.glob("*.jsonl")) if self.folder.is_dir() else ():
            self._read(path)
        return self._pulse

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                file.seek(self._places.get(path, 0))
                data = file.read()
        except OSError:
            return
        whole, mark, _ = data.rpartition(b"\n")
        self._places[path] = self._places.get(path, 0) + len(whole) + len(mark)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            self._take(event)

    def _take(self, event: dict[str, object]) -> None:
        step = max(self._pulse.step, int(number(event.get("s")) or 0))
        loss = number(event.get("v")) if event.get("k") == "loss" else self._pulse.loss
        if event.get("k") == "step":
            self._times.append((step, number(event.get("t")) or 0.0))
        self._pulse = Pulse(step, loss, self._rate())

    def _rate(self) -> float | None:
        if len(self._times) < 2:
            return None
        (first, began), (last, now) = self._times[0], self._times[-1]
        return (last - first) / (now - began) if now > began else None
