"""One run's trace: the JSON lines that the agent wrote, one file a process."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

SCHEMA = 1
Event = dict[str, Any]
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def number(value: object) -> float | None:
    """A number of a trace, in which NaN and infinities are the strings ``nan``, ``inf`` and ``-inf``.

    Returns:
        The number, or None for anything that is none.
    """
    if isinstance(value, str):
        return _SPECIAL.get(value)
    if isinstance(value, (int, float)):
        return float(value)
    return None


@dataclass(frozen=True)
class ProcessTrace:
    """What one process of a run wrote. ``header`` is its first event (``proc``)."""

    path: Path
    header: Event
    events: tuple[Event, ...]

    @property
    def ended(self) -> bool:
        """Whether it wrote its last line; one that crashed in native code or was killed did not."""
        return bool(self.events) and self.events[-1].get("k") == "end"

    @cached_property
    def steps(self) -> int:
        """Optimizer steps finished."""
        return max((int(e.get("s") or 0) for e in self.events), default=0)

    @cached_property
    def backwards(self) -> int:
        """Backward calls finished."""
        return max((int(e.get("m") or 0) for e in self.events), default=0)

    @property
    def rank(self) -> int:
        """Its rank in a distributed run, else 0."""
        return int(self.header.get("rank") or 0)

    @property
    def seconds(self) -> float:
        """Time of its last event since its start."""
        return max((number(e.get("t")) or 0.0 for e in self.events), default=0.0)


@dataclass(frozen=True)
class Trace:
    """All processes of one run."""

    folder: Path | None = None
    processes: tuple[ProcessTrace, ...] = field(default=())

    @classmethod
    def read(cls, folder: Path, renamed: tuple[str, str] | None = None) -> Trace:
        """Read a folder of traces.

        Lines that are cut short (a process that was killed) and files without a header are left out.

        Args:
            folder: what ``MLFIX_AGENT_TRACE`` named. One that is missing gives an empty trace.
            renamed: a path in the events, and what stands for it: a copy's folder and the user's own.
        """
        found = []
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
            events = tuple(_events(path, renamed))
            if events and events[0].get("k") == "proc":
                found.append(ProcessTrace(path, events[0], events))
        return cls(folder, tuple(found))

    @classmethod
    def of(cls, events: list[Event]) -> Trace:
        """A trace of one process from its events, for tests and other tools."""
        header: Event = {"k": "proc", "schema": SCHEMA, "rank": 0, "pid": 0, "s": 0, "m": 0, "t": 0.0}
        if events and events[0].get("k") == "proc":
            header, events = events[0], events[1:]
        return cls(None, (ProcessTrace(Path("rank0-0.jsonl"), header, (header, *events)),))

    @cached_property
    def main(self) -> ProcessTrace | None:
        """The process that trained: most steps, then most backward calls, then the lowest rank; None without any."""
        if not self.processes:
            return None
        return max(self.processes, key=lambda p: (p.steps, p.backwards, -p.rank, p.header.get("start") == "main"))

    def events(self, kind: str) -> list[Event]:
        """The main process's events of a kind, in order."""
        return self._by_kind.get(kind, [])

    def all_events(self, kind: str) -> list[Event]:
        """Every process's events of a kind."""
        return [e for p in self.processes for e in p.events if e.get("k") == kind]

    def first(self, kind: str) -> Event | None:
        """The main process's first event of a kind."""
        found = self.events(kind)
        return found[0] if found else None

    def last(self, kind: str) -> Event | None:
        """The main process's last event of a kind."""
        found = self.events(kind)
        return found[-1] if found else None

    @property
    def header(self) -> Event:
        """The first event of the main process; empty where there is none."""
        return self.main.header if self.main is not None else {}

    @property
    def steps(self) -> int:
        """Optimizer steps that the main process finished."""
        return self.main.steps if self.main is not None else 0

    @property
    def backwards(self) -> int:
        """Backward calls that the main process finished."""
        return self.main.backwards if self.main is not None else 0

    @property
    def seconds(self) -> float:
        """Seconds that the main process ran."""
        return self.main.seconds if self.main is not None else 0.0

    @cached_property
    def losses(self) -> list[tuple[int, float]]:
        """Optimizer step and value of each recorded loss."""
        rows = ((int(e.get("s") or 0), number(e.get("v"))) for e in self.events("loss"))
        return [(step, value) for step, value in rows if value is not None]

    @cached_property
    def reached(self) -> frozenset[tuple[str, int]]:
        """Watched lines that ran, in any process: path and line."""
        return frozenset((str(e.get("path")), int(e.get("line") or 0)) for e in self.all_events("reach"))

    @cached_property
    def probe_errors(self) -> Mapping[str, str]:
        """The error of each probe that failed, and is off from then on."""
        return {str(e.get("probe")): str(e.get("error")) for e in self.all_events("probe_err")}

    @cached_property
    def _by_kind(self) -> dict[str, list[Event]]:
        kinds: dict[str, list[Event]] = {}
        for event in self.main.events if self.main is not None else ():
            kinds.setdefault(str(event.get("k")), []).append(event)
        return kinds


def _events(path: Path, renamed: tuple[str, str] | None) -> Iterator[Event]:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if renamed is not None:
                    line = line.replace(_as_json(renamed[0]), _as_json(renamed[1]))
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    yield event
    except OSError:
        return


def _as_json(text: str) -> str:
    return json.dumps(text)[1:-1]
