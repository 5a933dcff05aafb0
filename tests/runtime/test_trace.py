"""Settings survive the way into a run, and traces the way out, whatever happened to their files."""

from __future__ import annotations

import json
import math
from pathlib import Path

from mlfix.analyzer.runtime.settings import RunSettings
from mlfix.analyzer.runtime.trace import Trace, number

HEADER = {"k": "proc", "schema": 1, "rank": 0, "pid": 1, "s": 0, "m": 0, "t": 0.0, "start": "main"}


def write(folder: Path, name: str, *events: dict, tail: str = "") -> None:
    (folder / name).write_text("".join(json.dumps(e) + "\n" for e in events) + tail)


def test_settings_come_back_as_they_went() -> None:
    settings = RunSettings(seed=3, reach={"/a.py": (1, 2)}, hide=("torch.amp",), probes=("finite",), watch={"z": "m.p"})
    assert RunSettings.from_json(settings.to_json()) == settings


def test_settings_of_another_version_are_read() -> None:
    assert RunSettings.from_json('{"seed": 4, "of_tomorrow": 1}') == RunSettings(seed=4)


def test_numbers_that_json_lacks() -> None:
    assert math.isnan(number("nan") or 0.0)
    assert number("-inf") == -math.inf
    assert number("text") is None
    assert number(None) is None


def test_the_process_that_trained_is_the_main_one(tmp_path: Path) -> None:
    write(tmp_path, "rank0-1.jsonl", HEADER, {"k": "end", "s": 0, "m": 0, "t": 9})
    write(tmp_path, "rank1-3.jsonl", HEADER | {"rank": 1}, {"k": "step", "s": 5, "m": 5, "t": 2})
    write(tmp_path, "rank0-2.jsonl", HEADER, {"k": "step", "s": 5, "m": 5, "t": 2}, {"k": "loss", "v": "nan", "s": 5})
    trace = Trace.read(tmp_path)
    assert len(trace.processes) == 3
    assert trace.main is not None
    assert trace.main.path.name == "rank0-2.jsonl"
    assert trace.steps == 5
    assert not trace.main.ended
    assert math.isnan(trace.losses[0][1])


def test_a_trace_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write(tmp_path, "rank0-1.jsonl", HEADER, {"k": "step", "s": 1, "m": 1, "t": 1}, tail='{"k": "st')
    (tmp_path / "rank0-2.jsonl").write_bytes(b"\xff\xfe garbage\n")
    (tmp_path / "rank0-3.jsonl").write_bytes(b"")
    trace = Trace.read(tmp_path)
    assert [len(p.events) for p in trace.processes] == [2]


def test_no_folder_is_an_empty_trace(tmp_path: Path) -> None:
    trace = Trace.read(tmp_path / "missing")
    assert (trace.processes, trace.main, trace.steps, trace.events("loss")) == ((), None, 0, [])
