"""Why a run cannot be compared: the cause, how far it came, and the frame in the user's code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .launching import Ended
from .settings import RunSettings
from .trace import Event, ProcessTrace, Trace

_FILE = re.compile(r'^\s*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:,)? in (?P<function>\S+)', re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last)"
_STACK = re.compile(r"^(?:(?:Current thread|Thread) 0x[0-9a-f]+.*|Stack) \(most recent call first\):", re.MULTILINE)
_SHOWN = 300  # characters of a message
_OWN_STOPS = ("steps", "backwards")
_LAUNCHER = "ChildFailedError"  # what torchrun raises when a rank fails: it says that, and not why
_ROOT = re.compile(
    r"Root Cause \(first observed failure\):.*?^\s*rank\s*: (?P<rank>\d+)\b.*?"
    r"^\s*exitcode\s*: (?P<code>-?\d+) \(pid: (?P<pid>\d+)\)",
    re.MULTILINE | re.DOTALL,
)


Roots = tuple[Path, ...]


@dataclass(frozen=True)
class Diagnosis:
    """Empty ``cause``: the run can be compared. ``notes``: what a reader should know even so."""

    cause: str = ""
    phase: str = ""
    frame: str = ""
    notes: tuple[str, ...] = ()


def diagnose(ended: Ended, trace: Trace, settings: RunSettings, roots: Roots, timeout: float) -> Diagnosis:
    """Judge whether a run trained, and if not, why.

    Args:
        ended: how the command ended.
        trace: what was recorded.
        settings: what the run was told.
        roots: the folders of the user's code, to which frames are relative: the tree's, and the one that it stands for.
        timeout: the run's limit in seconds.
    """
    if ended.reason == "missing":
        return Diagnosis(ended.error, "start")
    if ended.reason == "stopped":
        return Diagnosis("interrupted", _phase(trace))
    steps = trace.steps or trace.backwards
    wanted = settings.steps or settings.backwards
    if ended.reason == "disk":
        return Diagnosis(
            "the disk was about to be full, so the run was ended", _phase(trace), _frame(ended, trace, roots)
        )
    if settings.device == "cuda" and trace.header.get("device") == "cpu":
        return Diagnosis("--device cuda was asked for, and the program's torch finds no CUDA device", "setup")
    if ended.reason == "time" or _stopped_by(trace) == "seconds":
        if not steps:
            what = "no optimizer step" if trace.processes else "no process that imports torch"
            return Diagnosis(f"{what} within {timeout:g} s", _phase(trace), _frame(ended, trace, roots))
        note = f"the limit of {timeout:g} s ended it after {steps} of {wanted} steps" if wanted else ""
        return Diagnosis(notes=(note,) if note else ())
    if _stopped_by(trace) in _OWN_STOPS:
        died, _ = _signalled(ended, trace)
        return Diagnosis(notes=(f"{died}, after mlfix had ended its training",) if died else ())
    return _by_itself(ended, trace, roots)


def _by_itself(ended: Ended, trace: Trace, roots: Roots) -> Diagnosis:
    """A command that ended of its own accord: a crash, the end of its training, or no training at all."""
    errors = [e for e in (trace.last("exc"), *trace.all_events("exc")) if e is not None]
    error = next((e for e in errors if e.get("type") != _LAUNCHER), None)
    if ended.exit:
        if error is not None:
            return _raised(error, trace, roots)
        cause, process = _signalled(ended, trace)
        if process is not None and process.ended:
            return Diagnosis(f"{cause} while Python shut down, after its program had ended", _phase(trace))
        cause = cause or (_failed_rank(ended) if errors else "") or _said(ended)
        # What is known of places are those of the other ranks, which the launcher ended.
        frame = "" if cause.startswith("rank ") else _frame(ended, trace, roots)
        return Diagnosis(cause, _phase(trace), frame)
    if not trace.processes:
        hint = "it left processes behind, which were ended" if ended.left else "none of its processes imported torch"
        return Diagnosis(f"nothing was seen of the command: {hint}", "start")
    if not trace.steps and not trace.backwards:
        return Diagnosis("the command ended without a training step", _phase(trace))
    return Diagnosis()


def _raised(error: Event, trace: Trace, roots: Roots) -> Diagnosis:
    """An exception of the program. A loader's worker puts its own traceback into the message."""
    message, mark, inner = str(error.get("message") or "").partition(_TRACEBACK)
    frames = _users(_FILE.finditer(inner), roots) if mark else []
    if mark:
        message = f"{message.removesuffix('Original ').strip()} {inner.strip().splitlines()[-1]}"
    frame = frames[-1] if frames else str(error.get("at") or "")
    return Diagnosis(_short(f"{error.get('type')}: {message}"), str(error.get("phase") or _phase(trace)), frame)


def _stopped_by(trace: Trace) -> str:
    stop = trace.last("stop")
    return str(stop.get("why")) if stop is not None else ""


def _phase(trace: Trace) -> str:
    """How far a run came, by what its trace holds."""
    if not trace.processes:
        return "setup" if _stacks(trace) is not None else "start"
    if trace.steps:
        return "train"
    if trace.backwards or trace.events("loss"):
        return "first-step"
    if trace.events("model") or trace.events("batch"):
        return "first-batch"
    return "setup"


def _said(ended: Ended) -> str:
    """What a command that failed said last."""
    code = ended.exit or 0
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return _short(f"exit code {code}: {last}" if last else f"exit code {code}, and no output")


def _failed_rank(ended: Ended) -> str:
    """The rank that torchrun saw fail first, where it failed by its own exit code."""
    found = _ROOT.search(ended.output)
    return f"rank {found['rank']} ended with exit code {found['code']}" if found else ""


def _signalled(ended: Ended, trace: Trace) -> tuple[str, ProcessTrace | None]:
    """That a signal ended the command or a rank of it, else an empty text; and what that process wrote, where known.

    torchrun's own exit code is 1 whatever became of its ranks; its output says which one failed first, and how.
    """
    found = _ROOT.search(ended.output) if ended.exit and ended.exit > 0 else None
    code = int(found["code"]) if found else ended.exit or 0
    if code >= 0:
        return "", None
    import signal

    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    more = " (out of memory?)" if name == "SIGKILL" else ""
    if found is None:
        return f"the command was ended by {name}{more}", trace.main if len(trace.processes) == 1 else None
    process = next((p for p in trace.processes if p.header.get("pid") == int(found["pid"])), None)
    return f"rank {found['rank']} was ended by {name}{more}", process


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _frame(ended: Ended, trace: Trace, roots: Roots) -> str:
    """The deepest frame in the user's code: by the agent, else by the last traceback or stack that was printed."""
    error = trace.last("exc")
    if error is not None and error.get("at"):
        return str(error["at"])
    for text in (_stacks(trace) or "", ended.output):
        # The main thread is printed last, each stack with its deepest frame first.
        for stack in reversed(_STACK.split(text)[1:]):
            found = _users(_FILE.finditer(stack), roots)
            if found:
                return found[0]
    _, mark, last = ended.output.rpartition(_TRACEBACK)
    found = _users(_FILE.finditer(last), roots) if mark else []
    return found[-1] if found else ""


def _stacks(trace: Trace) -> str | None:
    """The stacks that the agent wrote at the signal to end; None where no Python process had the agent in it."""
    files = sorted(trace.folder.glob("*.stack")) if trace.folder is not None else []
    return "\n".join(f.read_text(errors="replace") for f in files) if files else None


def _users(frames: Iterable[re.Match[str]], roots: Roots) -> list[str]:
    found = []
    for frame in frames:
        path = Path(frame["path"])
        path = path if path.is_absolute() else roots[0] / path
        root = next((r for r in roots if path.is_relative_to(r)), None)
        if root is not None and "site-packages" not in path.parts:
            found.append(f"{path.relative_to(root).as_posix()}:{frame['line']} {frame['function']}")
    return found
