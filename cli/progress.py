"""The progress bar."""

from __future__ import annotations

import atexit
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

_PATIENCE = 0.5  # seconds


class Bar:
    """A bar without a thread of its own, so that worker processes can be forked while it shows."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
        self._bar = Progress(
            *columns,
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started = time.monotonic()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase is; the bar goes when all that was begun is done."""
        is_new = phase not in self._tasks
        if is_new and (done == total or time.monotonic() - self._started < _PATIENCE):
            return
        if is_new:
            self._bar.start()
            self._tasks[phase] = self._bar.add_task(phase, total=total)
            # The bar hides the cursor; a run that ends early must bring it back.
            atexit.register(self._bar.stop)
        self._bar.update(self._tasks[phase], completed=done)
        self._bar.refresh()
        if done == total:
            self._bar.remove_task(self._tasks.pop(phase))
            self._bar.stop()
