"""Jobs are plain data for any executor; passes over loaders are cut where an accumulation ends."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from mlfix.analyzer.runtime.experiment import Experiment, State, whole_passes
from mlfix.analyzer.runtime.settings import RunSettings
from mlfix.analyzer.runtime.trace import Trace
from mlfix.analyzer.runtime.trials import FixGroup, Subject

from . import made
from .projects import BOOT


def stepping(*micros: int) -> Trace:
    return Trace.of([{"k": "step", "s": i + 1, "m": m} for i, m in enumerate(micros)])


@pytest.mark.parametrize(
    ("micros", "batches", "expected"),
    [
        ((1, 2, 3), 12, 12),
        ((8, 20, 32), 12, 16),  # 12 batches a pass, a step after the eighth: the last four are left over
        ((4, 8, 12), 10, 12),
        ((2, 2, 4, 4), 5, 6),  # two optimizers that step one after the other
        ((), 12, 12),
        ((16, 32), None, None),
    ],
)
def test_passes_end_with_an_accumulation(micros: tuple, batches: int | None, expected: int | None) -> None:
    assert whole_passes(stepping(*micros), batches) == expected


def test_runs_go_to_whatever_executor_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = tmp_path / "project"
    root.mkdir()
    (root / "train.py").write_text("import torch\nfor _ in range(9):\n    torch.step(2.0)\n")
    seen: list[tuple[int, int]] = []

    def watch(states: list[State], total: int) -> None:
        seen.append((sum(s.run is not None for s in states), total))

    experiment = Experiment(
        root, root, (sys.executable, "train.py"), RunSettings(steps=3), (0, 1), 60, 2,
        boot=BOOT, executor=ProcessPoolExecutor, watch=watch, copies=True,
    )  # fmt: skip
    group = FixGroup("toy", (Subject(made.finding(), made.proof()),), {"train.py": b"import torch\ntorch.gone()\n"})
    (trial,) = experiment.verify([group])
    assert [r.seed for r in trial.as_is] == [0]  # once its fix has failed, a group is not run any further
    assert trial.repeat is not None
    assert [r.cause.partition(":")[0] for r in trial.fixed] == ["AttributeError"]
    assert seen[-1] == (3, 3)
    left = [
        p.name for p in tmp_path.iterdir() if not p.name.startswith("pymp-")
    ]  # multiprocessing's own, until it ends
    assert left == ["project"]
