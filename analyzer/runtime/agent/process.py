"""One process of a run: from its first line of Python to its end."""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Dict, Optional

from .importing import AfterImport
from .settings import TRACE, Settings
from .writer import Writer

if TYPE_CHECKING:
    from .hiding import Hiding
    from .session import Session


class Process:
    """Waits for torch, then holds the session; writes how the process ended."""

    def __init__(self) -> None:
        self.settings = Settings.from_environment()
        self.rank = int(os.environ.get("RANK") or 0)
        folder = os.environ[TRACE]
        self.writer = Writer(folder, "rank%d-%d.jsonl" % (self.rank, os.getpid()))
        self.session: Optional[Session] = None
        self.hiding: Optional[Hiding] = None
        self.is_ended = False
        self._stack = None

    def arm(self) -> None:
        """Install what needs no torch."""
        from .sites import Sites

        self.sites = Sites(self.settings.root)
        self.header = self._header()
        self.writer.write(self.header)
        atexit.register(self.end)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)
        self._note_hangs()
        if self.settings.reach:
            from .reach import Reach

            Reach(self.settings.reach, self.sites, self.writer).start()
        if self.settings.hide:
            from .hiding import Hiding

            self.hiding = Hiding(self.settings.hide, self.sites)
            self.hiding.start(self.writer)
        AfterImport({"torch": self._torch_loaded, "numpy": self._numpy_loaded}).install()

    def _header(self) -> Dict[str, Any]:
        return {
            "k": "proc",
            "schema": 1,
            "argv": list(getattr(sys, "orig_argv", sys.argv if hasattr(sys, "argv") else [])),
            "cwd": os.getcwd(),
            "python": sys.version.split()[0],
            "seed": self.settings.seed,
            "rank": self.rank,
            "world": int(os.environ.get("WORLD_SIZE") or 1),
            "pid": os.getpid(),
        }

    def _note_hangs(self) -> None:
        """When the run is ended from outside, write where it stood."""
        import faulthandler
        import signal

        if hasattr(faulthandler, "register"):
            self._stack = open(self.writer.path.replace(".jsonl", ".stack"), "w")  # noqa: SIM115
            faulthandler.register(signal.SIGTERM, file=self._stack, all_threads=False, chain=True)

    def _torch_loaded(self, torch: ModuleType) -> None:
        from .session import Session

        if self.hiding is not None:
            self.hiding.torch_loaded()
        try:
            session = Session(torch, self)
            session.start()
            self.session = session
        except Exception:  # the agent's fault must not end the user's program
            self.writer.write({"k": "probe_err", "probe": "agent", "error": traceback.format_exc(limit=-3)})
        self.writer.is_held = False
        self.writer.flush()

    def _numpy_loaded(self, numpy: ModuleType) -> None:
        from .seeding import seed_numpy

        seed_numpy(numpy, self.settings)

    def _forked(self) -> None:
        """A forked loader worker has nothing of its own to tell."""
        self.writer.is_dead = True
        if self.session is not None:
            self.session.is_dead = True

    def end(self) -> None:
        """Write how the process ended; called once, at its exit or just before it is forced."""
        if self.is_ended or self.writer.is_dead:
            return
        self.is_ended = True
        error = getattr(sys, "last_value", None)
        is_error = isinstance(error, Exception)
        if is_error:
            self.writer.write(self._exception(error, getattr(sys, "last_traceback", None)))
        if self.session is not None:
            self.session.finish()
        elif not is_error and not self.writer.written:
            return  # a process that neither trained nor failed leaves no trace
        self.writer.is_held = False
        self.writer.flush()
        if not is_error and self._is_stopped_rank():
            self._leave()

    def _is_stopped_rank(self) -> bool:
        """Whether this process was stopped before its program could end its process group."""
        distributed = sys.modules.get("torch.distributed")
        if self.session is None or self.session.stopping.why is None or distributed is None:
            return False
        return bool(distributed.is_available() and distributed.is_initialized())

    def _leave(self) -> None:
        """End without Python's own ending, in which gloo's threads can abort (pytorch/pytorch#190489)."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(0)

    def _exception(self, error: BaseException, trace: Optional[TracebackType]) -> Dict[str, Any]:
        at = None
        trace = trace or error.__traceback__
        while trace is not None:
            if self.sites.relative(trace.tb_frame.f_code.co_filename) is not None:
                at = self.sites.describe(trace.tb_frame.f_code, trace.tb_lineno)
            trace = trace.tb_next
        phase = self.session.phase if self.session is not None else "setup"
        return {"k": "exc", "phase": phase, "type": type(error).__name__, "message": str(error)[:2000], "at": at}
