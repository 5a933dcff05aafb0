"""The agent in programs of every kind: they print the same numbers, and it counts their steps and ends them cleanly."""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlfix.analyzer.runtime.settings import RunSettings
from mlfix.analyzer.runtime.trace import Trace

from .launched import NO_TORCH, Outcome, copy_programs, plain_environment, run, run_with_agent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason=NO_TORCH),
    pytest.mark.skipif(os.name != "posix", reason="the environment of a run is made for POSIX shells"),
]
STEPS = 12  # of each program: the bound ends it after its last loss and before it says that it is done
ACTIVATE = Path(sys.prefix) / "bin" / "activate"


@dataclass(frozen=True)
class Case:
    """A program.

    Attributes:
        command: how it is started; `python` is this interpreter.
        like: the case whose plain run must have printed the same; None is this one.
        needs: a package without which it is skipped.
        skipped: how many of its steps the gradient scaler leaves out.
        ranks: processes that train.
        backwards: backward calls until the end; None where the number is the program's own affair.
    """

    command: tuple[str, ...]
    like: str | None = None
    needs: str = "torch"
    skipped: int = 0
    ranks: int = 1
    backwards: int | None = STEPS


CASES = {
    "plain": Case(("python", "plain.py")),
    "fork-workers": Case(("python", "plain.py", "--workers", "2", "--start", "fork")),
    "spawn-workers": Case(("python", "plain.py", "--workers", "2", "--start", "spawn"), like="fork-workers"),
    "forkserver-workers": Case(("python", "plain.py", "--workers", "2", "--start", "forkserver"), like="fork-workers"),
    "persistent-workers": Case(("python", "plain.py", "--workers", "2", "--start", "fork", "--persistent")),
    "module": Case(("python", "-m", "pkg.train")),
    "shell-resets-path": Case(("bash", "resets_path.sh", "--workers", "2", "--start", "fork"), like="fork-workers"),
    "shell-activates": Case(("bash", "activates.sh"), like="plain"),
    "ddp": Case(("python", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "ddp.py"), ranks=2),
    "accelerate": Case(("python", "accelerated.py"), needs="accelerate", backwards=24),
    "lightning": Case(("python", "lightning_module.py"), needs="lightning"),
    "transformers": Case(("python", "hf_trainer.py"), needs="transformers"),
    "hydra": Case(("python", "hydra_app.py"), needs="hydra"),
    "compile": Case(("python", "compiled.py")),
    "iterable": Case(("python", "stream.py")),
    "iterable-workers": Case(("python", "stream.py", "2")),
    "gan": Case(("python", "gan.py"), backwards=STEPS + 5),
    "accumulation": Case(("python", "accumulation.py"), backwards=3 * STEPS),
    "amp-skips": Case(("python", "amp_skips.py"), skipped=1),
    "lbfgs": Case(("python", "lbfgs.py"), backwards=None),
}
NO_OPTIMIZER = ("python", "no_optimizer.py")
VENV = {"VENV": sys.prefix}


@pytest.fixture(scope="module")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Outcome]:
    """What programs gave without the agent, by their command."""
    return {}


def expected(command: tuple[str, ...], known: dict[tuple[str, ...], Outcome], folder: Path) -> list[str]:
    if command not in known:
        known[command] = run(command, copy_programs("frameworks", folder), plain_environment(VENV))
    assert known[command].code == 0, known[command].err
    assert len(known[command].losses) >= STEPS
    return known[command].losses


def with_agent(command: tuple[str, ...], folder: Path, settings: RunSettings) -> tuple[Outcome, Trace]:
    outcome, trace = run_with_agent(command, copy_programs("frameworks", folder), folder / "run", settings, VENV)
    assert outcome.code == 0, outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.left == 0
    assert trace.probe_errors == {}
    assert all(p.ended for p in trace.processes if p.backwards)
    return outcome, trace


@pytest.mark.parametrize("name", CASES)
def test_a_bounded_run_gives_the_same_numbers_and_ends_clean(
    name: str, plainly: dict[tuple[str, ...], Outcome], tmp_path: Path
) -> None:
    case = CASES[name]
    if importlib.util.find_spec(case.needs) is None:
        pytest.skip(f"{case.needs} is not installed here")
    if case.command[0] == "bash" and shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    if name == "shell-activates" and not ACTIVATE.exists():
        pytest.skip("this Python is not in a virtual environment that could be activated")
    command = CASES[case.like].command if case.like else case.command
    losses = expected(command, plainly, tmp_path / "plain")
    outcome, trace = with_agent(case.command, tmp_path / "agent", RunSettings(steps=STEPS, grace=20))
    assert outcome.losses == losses[:STEPS]
    assert "done" not in outcome.out
    stop = trace.last("stop")
    assert stop is not None
    assert (stop["why"], stop["hard"]) == ("steps", False)
    assert trace.steps == STEPS - case.skipped
    assert sum(1 for e in trace.events("step") if e["skipped"]) == case.skipped
    assert case.backwards is None or trace.backwards == case.backwards
    assert len([p for p in trace.processes if p.steps]) == case.ranks


@pytest.mark.parametrize("name", ["plain", "gan", "ddp", "amp-skips"])
def test_a_whole_run_ends_as_it_would(name: str, plainly: dict[tuple[str, ...], Outcome], tmp_path: Path) -> None:
    case = CASES[name]
    losses = expected(case.command, plainly, tmp_path / "plain")
    outcome, trace = with_agent(case.command, tmp_path / "agent", RunSettings(steps=None))
    assert outcome.losses == losses
    assert "done" in outcome.out
    assert trace.steps == STEPS - case.skipped
    stop = trace.last("stop")
    assert stop is not None
    assert stop["why"] == "finished"


def test_without_an_optimizer_backward_calls_are_counted(tmp_path: Path) -> None:
    losses = expected(NO_OPTIMIZER, {}, tmp_path / "plain")
    outcome, trace = with_agent(NO_OPTIMIZER, tmp_path / "agent", RunSettings(steps=STEPS))
    assert outcome.losses == losses[:64]
    stop = trace.last("stop")
    assert stop is not None
    assert (stop["why"], trace.steps, trace.backwards) == ("backwards", 0, 64)


def test_a_kept_compile_is_not_disturbed(plainly: dict[tuple[str, ...], Outcome], tmp_path: Path) -> None:
    case = CASES["compile"]
    losses = expected(case.command, plainly, tmp_path / "plain")
    outcome, trace = with_agent(case.command, tmp_path / "agent", RunSettings(steps=None, keep_compile=True))
    assert outcome.losses == losses
    assert "done OptimizedModule" in outcome.out
    assert (trace.steps, trace.backwards) == (STEPS, STEPS)
