"""The progress of runs: step, loss and rate of each."""

from __future__ import annotations

import atexit
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live as RichLive
from rich.table import Table

from ..analyzer.runtime.experiment import State
from ..analyzer.runtime.tailing import Tail


class Live:
    """A table on standard error without a thread of its own; it goes when all runs have ended."""

    def __init__(self, console: Console | None = None) -> None:
        self._live = RichLive(
            console=console or Console(stderr=True), auto_refresh=False, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._tails: dict[int, Tail] = {}
        self._is_on = False

    def __call__(self, states: Sequence[State], total: int) -> None:
        """Show how far the runs are."""
        done = sum(s.future.done() for s in states)
        if done == total and not self._is_on:
            return
        if not self._is_on:
            self._is_on = True
            self._live.start()
            # The table hides the cursor; a run that ends early must bring it back.
            atexit.register(self._live.stop)
        self._live.update(self._table(states, done, total), refresh=True)
        if done == total:
            self._live.stop()
            self._is_on = False

    def _table(self, states: Sequence[State], done: int, total: int) -> Table:
        table = Table(box=None, title=f"run {min(done + 1, total)} of {total}", title_justify="left", pad_edge=False)
        for name in ("run", "", "step", "loss", "steps/s"):
            table.add_column(name, justify="left" if name in ("run", "") else "right")
        for state in states:
            job, run = state.job, state.run
            if run is not None:
                table.add_row(
                    job.name, "ran" if run.ran else "failed", f"{run.steps}", _last_loss(run.trace.losses), ""
                )
            elif state.future.running():
                pulse = self._tails.setdefault(job.number, Tail(job.trace_folder)).pulse()
                loss = "" if pulse.loss is None else f"{pulse.loss:.4g}"
                rate = "" if pulse.rate is None else f"{pulse.rate:.2f}"
                table.add_row(job.name, "runs", f"{pulse.step}/{job.settings.steps}", loss, rate)
        return table


def _last_loss(losses: Sequence[tuple[int, float]]) -> str:
    return f"{losses[-1][1]:.4g}" if losses else ""
