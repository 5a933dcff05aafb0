"""What is said of a rank that failed under torchrun, which itself says only that one of its children did."""

from pathlib import Path
from typing import Any

import pytest
from mlfix.analyzer.runtime.diagnosis import Diagnosis, diagnose
from mlfix.analyzer.runtime.launching import Ended
from mlfix.analyzer.runtime.settings import RunSettings
from mlfix.analyzer.runtime.trace import Event, ProcessTrace, Trace

ROOTS = (Path("/copy"), Path("/project"))
END: list[Event] = [{"k": "stop", "why": "finished"}, {"k": "end"}]
BOUND: list[Event] = [{"k": "stop", "why": "steps"}, {"k": "end"}]
SAYS = """\
terminate called without an active exception
E1126 12:00:00.000000 88 torch/distributed/elastic/multiprocessing/api.py:882] failed (exitcode: {code}) local_rank: 1
Traceback (most recent call last):
  File "/env/site-packages/torch/distributed/run.py", line 936, in main
    run(args)
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
======================================================
train.py FAILED
------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-26_12:00:00
  host      : here
  rank      : 0 (local_rank: 0)
  exitcode  : -15 (pid: 70)
  error_file: <N/A>
  traceback : Signal 15 (SIGTERM) received by PID 70
------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-26_12:00:00
  host      : here
  rank      : 1 (local_rank: 1)
  exitcode  : {code} (pid: 71)
  error_file: <N/A>
======================================================
"""


def judged(code: int, ends: list[Event], *more: Event) -> Diagnosis:
    """torchrun and two ranks, of which rank 1 failed with an exit code."""
    step: Event = {"k": "step", "s": 3, "m": 3}
    failed: Event = {"k": "exc", "type": "ChildFailedError", "message": "===", "phase": "setup", "at": None}
    processes = (
        process(0, 70, step, *ends),
        process(1, 71, step, *more, *ends),
        process(0, 69, failed, {"k": "end"}),
    )
    ended = Ended(exit=1, reason="exit", output=SAYS.format(code=code), seconds=9.0)
    return diagnose(ended, Trace(None, processes), RunSettings(steps=30), ROOTS, 60.0)


def process(rank: int, pid: int, *events: Event) -> ProcessTrace:
    header: dict[str, Any] = {"k": "proc", "rank": rank, "pid": pid}
    return ProcessTrace(Path(f"rank{rank}-{pid}.jsonl"), header, (header, *events))


def test_a_rank_that_a_signal_ended_after_all_its_work() -> None:
    cause = "rank 1 was ended by SIGABRT while Python shut down, after its program had ended"
    assert judged(-6, END) == Diagnosis(cause, "train")


@pytest.mark.parametrize(("code", "name"), [(-11, "SIGSEGV"), (-9, "SIGKILL (out of memory?)")])
def test_a_rank_that_a_signal_ended_in_its_work(code: int, name: str) -> None:
    assert judged(code, []) == Diagnosis(f"rank 1 was ended by {name}", "train")


def test_a_rank_that_ended_by_its_own_exit_code() -> None:
    assert judged(3, []).cause == "rank 1 ended with exit code 3"


def test_a_rank_that_raised() -> None:
    error: Event = {
        "k": "exc",
        "type": "ValueError",
        "message": "no such class",
        "phase": "train",
        "at": "train.py:7 f",
    }
    assert judged(1, [], error) == Diagnosis("ValueError: no such class", "train", "train.py:7 f")


def test_a_signal_after_mlfix_had_ended_the_training_is_noted() -> None:
    note = "rank 1 was ended by SIGABRT, after mlfix had ended its training"
    assert judged(-6, BOUND) == Diagnosis(notes=(note,))
