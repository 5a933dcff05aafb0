"""`mlfix verify` and `mlfix probe` on small programs, with stand-ins for torch and the agent."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import Result
from mlfix.analyzer.runtime import experiment
from mlfix.analyzer.runtime.results import UNHEALTHY, ProbeReading
from mlfix.analyzer.runtime.trees import choose_method, scratch_folder
from mlfix.cli import verify_command
from mlfix.cli.live import Live
from rich.console import Console

from ..runtime.harness.projects import BOOT, digest, mounts, processes_with
from .conftest import Place

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "verify.schema.json").read_text())
PYTHON = sys.executable
LOOP = "for _ in range(9):\n    torch.step({loss})\n"
TRAIN = "import torch\n\n\ndef f(x):\n    return torch.old(x)\n\n\nf(1)\n" + LOOP.format(loss=1.0)
HANG = "import subprocess, time\nsubprocess.Popen(['sleep', '{}'])\ntime.sleep(99)\n"
BOTH = TRAIN.replace("f(1)\n", "f(1)\ntorch.slow(1)\n")


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The agent's stand-in, and temporary files in a folder of the test's own."""
    monkeypatch.setattr(experiment, "AGENT_BOOT", BOOT)
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def verify(place: Place, *options: str, code: int | None = None, seeds: int = 1, program: str = "train.py") -> Result:
    before, mounted = digest(place.root), mounts()
    found = place.mlfix("verify", "--seeds", str(seeds), "--steps", "5", *options, "--", PYTHON, program)
    assert digest(place.root) == before
    assert mounts() == mounted
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []
    assert code in (None, found.exit_code), found.output
    return found


def data_of(result: Result) -> dict:
    data = json.loads(result.stdout)
    jsonschema.validate(data, SCHEMA)
    return data


def labels(result: Result) -> dict[str, str]:
    return {v["rule"]: v["label"] for v in data_of(result)["verdicts"]}


def test_a_fix_is_verified(empty: Place) -> None:
    empty.write({"train.py": TRAIN})
    result = verify(empty, "--format", "json", code=0)
    (verdict,) = data_of(result)["verdicts"]
    assert verdict["label"] == "verified"
    assert (verdict["before"], verdict["after"], verdict["seeds"]) == ([1.0], [0.0], [0])
    assert [(r["tree"], r["repeat"], r["steps"]) for r in data_of(result)["runs"]] == [
        ("as-is", False, 5),
        ("as-is", True, 5),
        ("fixed", False, 5),
    ]
    assert "mlfix runs your command as you, about 3 times" in result.stderr


def test_a_program_without_the_defect(empty: Place) -> None:
    # The name is bound to something else when it runs, which no scan can know.
    program = TRAIN.replace("f(1)\n", "torch.old = torch.new\nf(1)\n")
    assert labels(verify(empty.write({"train.py": program}), "--format", "json", code=1)) == {
        "old-call": "not reproduced"
    }


def test_a_fix_that_changes_nothing(empty: Place) -> None:
    program = TRAIN.replace("f(1)\n", "torch.new = torch.old\nf(1)\n")
    assert labels(verify(empty.write({"train.py": program}), "--format", "json", code=1)) == {"old-call": "not fixed"}


def test_a_fix_in_code_that_never_runs(empty: Place) -> None:
    program = TRAIN.replace("f(1)\n", "if torch.step is None:\n    f(1)\n")
    result = verify(empty.write({"train.py": program}), code=1)
    assert "not reached  train.py:5  old-call" in result.stdout
    assert "train.py:5 never ran as is, within 5 steps" in result.stdout


def test_a_fix_that_brings_nan(empty: Place) -> None:
    program = TRAIN.replace(LOOP.format(loss=1.0), "real = torch.new\nloss = [1.0]\n").replace(
        "f(1)\n", "torch.new = lambda x: loss.append(float('nan'))\nloss = []\nf(1)\nloss = [*loss, 1.0]\n"
    )
    program = program.replace("real = torch.new\nloss = [1.0]\n", LOOP.format(loss="loss[0]"))
    result = verify(empty.write({"train.py": program}), "--format", "json", code=1)
    assert labels(result) == {"old-call": "harm"}
    assert "no finite number" in data_of(result)["verdicts"][0]["sentence"]


def test_a_fix_that_crashes(empty: Place) -> None:
    program = TRAIN.replace("f(1)\n", "def bad(x):\n    raise ValueError('no')\ntorch.new = bad\nf(1)\n")
    result = verify(empty.write({"train.py": program}), code=1)
    assert "harm  train.py:5" in result.stdout
    assert "ValueError: no (phase setup at train.py:9 bad)" in result.stdout


def test_each_rule_has_its_own_verdict_and_all_may_be_joint(empty: Place) -> None:
    empty.write({"train.py": BOTH})
    alone = verify(empty, "--format", "json", code=1)
    # Each fix leaves the other's old call, which the same mark in the trace shows.
    assert labels(alone) == {"old-call": "not fixed", "slow-call": "not fixed"}
    assert [r["rule"] for r in data_of(alone)["runs"]] == ["", "", "old-call", "slow-call"]
    together = verify(empty, "--format", "json", "--joint", code=0)
    assert labels(together) == {"old-call": "verified", "slow-call": "verified"}
    assert "all fixes were tried together" in data_of(together)["notes"][0]
    named = verify(empty, "--format", "json", "--rule", "slow-call")
    assert set(labels(named)) == {"slow-call"}


def test_seeds_are_interleaved_and_runs_may_be_parallel(empty: Place) -> None:
    empty.write({"train.py": TRAIN})
    data = data_of(verify(empty, "--format", "json", "--jobs", "3", seeds=3, code=0))
    assert data["verdicts"][0]["seeds"] == [0, 1, 2]
    assert sorted((r["tree"], r["seed"]) for r in data["runs"]) == [
        *(("as-is", s) for s in (0, 0, 1, 2)),
        *(("fixed", s) for s in (0, 1, 2)),
    ]


def test_text_says_what_was_measured(empty: Place) -> None:
    empty.write({"train.py": TRAIN})
    result = verify(empty, code=0)
    assert "verified  train.py:5  old-call" in result.stdout
    assert "calls of old names: 1 as is, 0 with the fix (1 seed): the defect is gone" in result.stdout
    assert "1 verified; two runs as is were equal bit for bit; 3 of 3 runs trained" in result.stdout


def test_reports_and_kept_traces_go_where_asked(empty: Place, tmp_path: Path) -> None:
    empty.write({"train.py": TRAIN})
    report, keep, text = tmp_path / "report.html", tmp_path / "keep", tmp_path / "pr.md"
    verify(empty, "--report", str(report), "--keep", str(keep), "--format", "github-markdown", "--output", str(text))
    assert report.read_text().lstrip().lower().startswith("<!doctype html>")
    assert "**verified**" in text.read_text()
    assert sorted(p.name for p in keep.iterdir()) == ["00-as-is-0", "01-as-is-0-again", "02-fixed-old-call-0"]
    assert (keep / "02-fixed-old-call-0" / "tree" / "train.py").read_text() == TRAIN.replace("old", "new")


def test_the_verdict_goes_into_the_commit_message(empty: Place) -> None:
    empty.write({"train.py": TRAIN}).committed()
    verify(empty)
    empty.mlfix("apply", "--commit")
    assert "train.py:5: verified: calls of old names: 1 as is, 0 with the fix" in empty.git("log", "-1", "--format=%B")


def test_without_a_verify_a_commit_message_has_no_verdict(empty: Place) -> None:
    empty.write({"train.py": TRAIN}).committed()
    empty.mlfix("apply", "--commit")
    assert "mlfix verify" not in empty.git("log", "-1", "--format=%B")


def test_the_command_may_stand_in_the_configuration(empty: Place) -> None:
    config = empty.read("mlfix.toml").decode()
    empty.write({"train.py": TRAIN, "mlfix.toml": f'entry = "{PYTHON} train.py"\n{config}'})
    result = empty.mlfix("verify", "--seeds", "1", "--steps", "5", "--format", "json")
    assert data_of(result)["command"] == [PYTHON, "train.py"]
    assert result.exit_code == 0


def test_without_a_command_it_says_how_to_give_one(place: Place) -> None:
    result = place.process("verify")
    assert result.returncode == 2
    assert b"mlfix verify -- python train.py" in result.stderr


def test_nothing_to_verify_runs_nothing(empty: Place) -> None:
    empty.write({"train.py": "open('ran', 'w')\n"})
    result = verify(empty, code=0)
    assert "nothing to verify: no finding has a fix" in result.stdout
    assert "mlfix runs your command" not in result.stderr


@pytest.mark.parametrize("command", ["verify", "probe"])
def test_a_command_that_is_not_there(empty: Place, command: str) -> None:
    empty.write({"train.py": TRAIN})
    result = empty.mlfix(command, "--format", "json", "--", "no-such-program")
    data = data_of(result)
    assert result.exit_code == 2
    assert (data["runs"][0]["cause"], data["runs"][0]["phase"]) == ("no-such-program: command not found", "start")
    if command == "verify":
        assert data["verdicts"][0]["label"] == "not run"


def test_a_command_that_fails_as_is_is_run_once(empty: Place) -> None:
    empty.write({"train.py": "import torch\n\n\ndef f(x):\n    return torch.old(x)\n\n\nraise KeyError('DATA')\n"})
    data = data_of(verify(empty, "--format", "json", code=1, seeds=3))
    assert len(data["runs"]) == 1
    assert data["verdicts"][0]["label"] == "not run"
    assert (data["runs"][0]["frame"], data["runs"][0]["phase"]) == ("train.py:8 <module>", "setup")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("entry = 3", "'entry' must be a string"),
        ('entry = " "', "'entry' must be a command"),
        ('entry = "python \'train.py"', "'entry' must be a command line"),
        ("healthy = 1", "'healthy' must be a table of probe"),
        ("healthy = { finite = 1 }", "'healthy' must be a table of probe"),
        ("healthy = { no-such-probe = { max = 1 } }", "no probe 'no-such-probe'"),
        ("watch = { embedding = 1 }", "'watch' must be a table of name"),
        ('watch = { embedding = "not a path" }', "'watch' must be a table of name"),
    ],
)
def test_settings_that_mean_nothing_are_told(empty: Place, setting: str, words: str) -> None:
    empty.write({"mlfix.toml": f"{setting}\n{empty.read('mlfix.toml').decode()}"})
    result = empty.mlfix("probe", "--", PYTHON, "-c", "0")
    assert result.exit_code == 2
    assert words in result.stderr
    assert "mlfix.toml" in result.stderr


def test_probe_links_what_is_unhealthy_to_its_cause(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sick = ProbeReading("toy", UNHEALTHY, 1.0, "toys are old", rules=("old-call",), look_next="Look at the toys.")
    monkeypatch.setattr("mlfix.analyzer.runtime.jobs.collect", lambda *_: (sick,))
    empty.write({"train.py": TRAIN})
    result = empty.mlfix("probe", "--steps", "5", "--", PYTHON, "train.py")
    assert result.exit_code == 1
    assert "unhealthy  toy  toys are old" in result.stdout
    assert "explained by train.py:5  TOY101 old-call" in result.stdout
    unscanned = empty.mlfix("probe", "--no-scan", "--steps", "5", "--", PYTHON, "train.py")
    assert "look next: Look at the toys." in unscanned.stdout
    data = data_of(empty.mlfix("probe", "--format", "json", "--steps", "5", "--", PYTHON, "train.py"))
    assert [f["rule"] for f in data["symptoms"][0]["findings"]] == ["old-call"]
    assert "toys are old" in empty.mlfix("probe", "--format", "html", "--steps", "5", "--", PYTHON, "train.py").stdout


def test_probe_of_a_healthy_run(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlfix.analyzer.runtime.jobs.collect", lambda *_: ())
    empty.write({"train.py": TRAIN})
    assert empty.mlfix("probe", "--steps", "5", "--", PYTHON, "train.py").exit_code == 0


def test_a_probe_may_be_added(empty: Place) -> None:
    empty.write({"train.py": TRAIN})

    def names(*options: str) -> set[str]:
        result = empty.mlfix("probe", "--format", "json", "--steps", "5", *options, "--", PYTHON, "train.py")
        (run,) = data_of(result)["runs"]
        return {reading["probe"] for reading in run["readings"]}

    assert names("--with", "baseline") - names() == {"baseline"}
    unknown = empty.mlfix("probe", "--with", "no-such-probe", "--", PYTHON, "train.py")
    assert unknown.exit_code == 2
    assert "no probe 'no-such-probe'" in unknown.stderr


@pytest.mark.slow
@pytest.mark.parametrize("program", ["", "import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)\n"])
def test_ctrl_c_ends_all_and_leaves_nothing(
    empty: Place, stand_ins: Path, interrupt: Callable[[subprocess.Popen[bytes]], tuple[bytes, bytes]], program: str
) -> None:
    empty.write({"train.py": program + HANG.format(88.75) + TRAIN})
    before, mounted = digest(empty.root), mounts()
    process = empty.started("verify", "--", PYTHON, "train.py")
    until = time.monotonic() + 40
    while not processes_with("88.75") and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_with("88.75")
    _, err = interrupt(process)
    assert process.returncode == 2, err
    assert b"mlfix: error: interrupted" in err
    assert b"Traceback" not in err
    assert processes_with("88.75") == []
    assert list(stand_ins.iterdir()) == []
    assert (digest(empty.root), mounts()) == (before, mounted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_where_mlfix_itself_is_ended(empty: Place, stand_ins: Path, kind: signal.Signals) -> None:
    empty.write({"train.py": HANG.format(87.25) + TRAIN})
    process = empty.started("verify", "--", PYTHON, "train.py")
    until = time.monotonic() + 40
    while not processes_with("87.25") and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_with("87.25")
    os.kill(process.pid, kind)
    process.communicate(timeout=20)
    until = time.monotonic() + 20
    while (processes_with("87.25") or any(stand_ins.iterdir())) and time.monotonic() < until:
        time.sleep(0.1)
    assert processes_with("87.25") == []
    assert list(stand_ins.iterdir()) == []


def test_the_progress_of_runs_is_shown(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    live = Live(Console(file=stream, force_terminal=True, width=100))
    monkeypatch.setattr(verify_command, "watched", lambda e: replace(e, watch=live))
    slow = TRAIN.replace("torch.step(1.0)", "torch.step(0.125); time.sleep(0.2)").replace(
        "import torch", "import time\nimport torch"
    )
    verify(empty.write({"train.py": slow}), code=0)
    shown = stream.getvalue()
    for text in ("run 1 of 3", "as-is-0", "fixed-old-call-0", "0.125", "/5"):
        assert text in shown


def test_an_overlay_is_used_where_it_can_be(empty: Place) -> None:
    scratch = scratch_folder(empty.root)
    method = choose_method(empty.root, scratch)
    scratch.rmdir()
    if not method:
        pytest.skip("no overlay can be mounted here")
    result = verify(empty.write({"train.py": TRAIN}), code=0)
    assert "copy" not in result.stdout
