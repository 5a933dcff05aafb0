"""Runs programs under the agent as forks of one Python that has torch already: the import is paid once.

Called as ``nursery.py BOOT`` with the jobs as JSON on standard input; prints each one's exit code as JSON.
"""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import runpy
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

SECONDS = 90


def become(boot: str, job: dict) -> None:
    """Be the program, from the boot file to the end; never comes back to the nursery's own work."""
    os.setsid()
    output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.environ.update(MLFIX_AGENT_TRACE=job["trace"], MLFIX_AGENT_SETTINGS=job["settings"])
    os.chdir(job["cwd"])
    sys.argv = list(job["argv"])
    sys.path[0] = job["cwd"]
    runpy.run_path(str(Path(boot, "sitecustomize.py")))
    script = Path(job["cwd"], job["argv"][0])
    main = sys.modules["__main__"] = ModuleType("__main__")  # stays until the end, unlike that of runpy
    main.__file__ = str(script)
    exec(compile(script.read_text(), str(script), "exec", dont_inherit=True), main.__dict__)


def code_of(child: int) -> int:
    """Wait for a program, not forever; whatever it left behind in its session ends with it."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
    else:
        status = signal.SIGKILL
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    import numpy  # noqa: F401
    import torch
    import torch._dynamo  # noqa: F401  (the first optimizer imports it: more than a second)

    # The programs do not guard their main code, so their workers are forks, which Python 3.14 makes only if it is told.
    multiprocessing.set_start_method("fork")
    gc.freeze()  # so that no program's end has to look through all of torch
    codes = {}
    for name, job in json.loads(sys.stdin.read()).items():
        child = os.fork()
        if child == 0:
            become(sys.argv[1], job)
            sys.exit(0)
        codes[name] = code_of(child)
    print(json.dumps(codes))
