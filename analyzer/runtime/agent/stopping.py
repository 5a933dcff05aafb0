"""End the program after so many steps, cleanly where it lets us, hard where it does not."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .session import Session

BACKWARDS_WITHOUT_A_STEP = 64  # from here on a program is taken for one without an optimizer


class Stop(SystemExit):
    """Raised in the user's program; a ``SystemExit`` with code 0 ends every launcher without an alarm."""


class Stopping:
    """The bounds of a run.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.why: Optional[str] = None

    def after_step(self, attempts: int) -> None:
        """An optimizer has stepped, or its step was skipped.

        Args:
            attempts: how often it did so; a program with two optimizers has taken as many steps as its busier one.
        """
        steps = self.session.settings.steps
        if steps is not None and attempts >= steps:
            self.stop("steps")
        self.check_time()

    def after_backward(self) -> None:
        """``backward`` has run."""
        settings, micro = self.session.settings, self.session.micro
        limit = settings.backwards
        if limit is None and settings.steps is not None and self.session.step == 0:
            limit = max(BACKWARDS_WITHOUT_A_STEP, settings.steps)
        if limit is not None and micro >= limit and self.session.step == 0:
            self.stop("backwards")
        self.check_time()

    def check_time(self) -> None:
        """Stop where the run's own time is over."""
        seconds = self.session.settings.seconds
        if seconds is not None and time.perf_counter() - self.session.writer.started > seconds:
            self.stop("seconds")

    def insist(self) -> None:
        """End a program without ceremony that swallowed the end and trains on."""
        if self.why is not None and not self.session.is_dead:
            self._end_hard()

    def stop(self, why: str) -> None:
        """End the program.

        Raises:
            Stop: always, but in a forked worker.
        """
        session = self.session
        if session.is_dead:
            return
        self.why = why
        session.emit("stop", why=why, hard=False)
        session.finish()
        thread = threading.Thread(target=self._watch, name="mlfix-watchdog", daemon=True)
        thread.start()
        raise Stop(0)

    def _watch(self) -> None:
        time.sleep(self.session.settings.grace)
        self._end_hard()

    def _end_hard(self) -> None:
        self.session.emit("stop", why=self.why, hard=True)
        self.session.writer.flush()
        os._exit(0)
