"""Findings, proofs and runs written by hand."""

from __future__ import annotations

from typing import Any

from mlfix.analyzer.findings import Applicability, Confidence, Edit, Finding, Fix, Level, Location
from mlfix.analyzer.rule import Proof
from mlfix.analyzer.runtime.edited_lines import EditedFile
from mlfix.analyzer.runtime.results import AS_IS, FIXED, HEALTHY, ProbeReading, Run
from mlfix.analyzer.runtime.trace import Event, Trace
from mlfix.analyzer.runtime.trials import FixGroup, Subject, Trial

EDITED = (EditedFile("train.py", ((3,),), ((4,),)),)


def finding(rule: str = "toy", confidence: Confidence = Confidence.HIGH, line: int = 3) -> Finding:
    edit = Edit("train.py", (line, 1), (line, 2), "x")
    return Finding(
        rule, "TOY1", Level.BREAKS, confidence, Location("train.py", line, 1, line, 2), "it is wrong", "you see it",
        subject=f"line {line}", fix=Fix(Applicability.UNSAFE, "Mend it", (edit,)),
    )  # fmt: skip


def proof(**more: Any) -> Proof:
    """The quantity is what the event ``toy`` says; above 0 is the defect."""
    values = {
        "measure": lambda trace, _: None if trace.last("toy") is None else trace.last("toy")["v"],
        "violated": lambda v: v > 0,
        "satisfied": lambda v: v == 0,
        **more,
    }
    return Proof("toy-probe", "share of toys", **values)


def reading(probe: str = "finite", status: str = HEALTHY, **more: Any) -> ProbeReading:
    return ProbeReading(probe, status, 1.0, f"{probe} is {status}", **more)


def events(value: float | None, steps: int = 5, loss: float | str = 1.0, line: int | None = 3) -> list[Event]:
    rows: list[Event] = [{"k": "model", "s": 0, "m": 0, "t": 0, "cls": "Net", "hash": "h", "params": 10}]
    if line is not None:
        rows.append({"k": "reach", "path": "train.py", "line": line})
    for step in range(steps):
        rows.append({"k": "loss", "s": step, "m": step, "t": step, "v": loss})
        rows.append({"k": "step", "s": step + 1, "m": step + 1, "t": step, "dt": 0.1})
    if value is not None:
        rows.append({"k": "toy", "s": steps, "m": steps, "t": steps, "v": value})
    return rows


def as_is(value: float | None = 1.0, seed: int = 0, **more: Any) -> Run:
    return _run(AS_IS, value, seed, 3, more)


def fixed(value: float | None = 0.0, seed: int = 0, **more: Any) -> Run:
    return _run(FIXED, value, seed, 4, more)


def _run(tree: str, value: float | None, seed: int, line: int, more: dict[str, Any]) -> Run:
    fields = {k: more.pop(k) for k in ("steps", "loss", "line") if k in more}
    trace = Trace.of(events(value, **{"line": line, **fields}))
    values = {"readings": (reading(),), "exit": 0, "steps": trace.steps, "device": "cpu", "seconds": 1.0, **more}
    return Run(tree, "" if tree == AS_IS else "toy", seed, trace, **values)


def trial(
    before: list[Run], after: list[Run], repeat: Run | bool | None = True, subject: Subject | None = None, **more: Any
) -> Trial:
    chosen = subject or Subject(finding(), proof(**more), edited=EDITED)
    second = before[0] if repeat is True and before else repeat
    return Trial(FixGroup("toy", (chosen,), {}), tuple(before), second or None, tuple(after))  # pyright: ignore
