"""A stand-in for the agent: writes the same trace for programs that import the stand-in for torch beside it."""

import atexit
import json
import os
import sys
import time
from pathlib import Path

SETTINGS = json.loads(os.environ.get("MLFIX_AGENT_SETTINGS", "{}"))
START = time.time()


class Trace:
    def __init__(self):
        self.file = None
        self.steps = 0
        self.phase = "setup"

    def begin(self):
        self.file = Path(os.environ["MLFIX_AGENT_TRACE"], f"rank0-{os.getpid()}.jsonl").open("a")  # noqa: SIM115
        self.write("proc", schema=1, rank=0, pid=os.getpid(), start="main", device="cpu", seed=SETTINGS.get("seed"))
        atexit.register(self.end)
        self.watch()

    def write(self, kind, **fields):
        row = {"k": kind, "s": self.steps, "m": self.steps, "t": round(time.time() - START, 4), **fields}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()

    def watch(self):
        wanted = {(os.path.realpath(p), n) for p, ns in (SETTINGS.get("reach") or {}).items() for n in ns}
        root = SETTINGS["root"]
        seen = set()

        def trace(frame, event, argument):
            place = (os.path.realpath(frame.f_code.co_filename), frame.f_lineno)
            if event == "line" and place in wanted and place not in seen:
                seen.add(place)
                self.write("reach", path=os.path.relpath(place[0], root), line=place[1])
            return trace

        if wanted:
            sys.settrace(trace)
            frame = sys._getframe()
            while frame is not None:
                frame.f_trace = trace
                frame = frame.f_back

    def end(self):
        error = getattr(sys, "last_value", None)
        if isinstance(error, Exception):
            at, trace = None, error.__traceback__
            while trace is not None:
                name = os.path.realpath(trace.tb_frame.f_code.co_filename)
                if name.startswith(SETTINGS["root"] + os.sep):
                    relative = os.path.relpath(name, SETTINGS["root"])
                    at = f"{relative}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}"
                trace = trace.tb_next
            self.write("exc", phase=self.phase, type=type(error).__name__, message=str(error), at=at)
        self.write("end")


TRACE = Trace()
