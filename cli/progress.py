"""The progress bar."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

_PATIENCE = 0.5  # seconds


class Bar:
    """A bar without a thread of its own, so that worker processes can be forked while it shows."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
        self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
        self._tasks: dict[str, int] = {}
        self._started = time.monotonic()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase is."""
        if time.monotonic() - self._started < _PATIENCE:
            return
        if phase not in self._tasks:
            self._tasks[phase] = self._bar.add_task(phase, total=total)
        self._bar.update(self._tasks[phase], completed=done)  # pyright: ignore[reportArgumentType]
        self._bar.refresh()
        if done == total:
            self._bar.stop()
