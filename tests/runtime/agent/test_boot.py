"""The agent before torch is imported: chaining, hiding names, noting lines and errors, leaving other processes alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlfix.analyzer.runtime.agent
import pytest

BOOT = Path(mlfix.analyzer.runtime.agent.__file__).parent / "boot"


def run(
    folder: Path, source: str, *, path: str = "", **settings: object
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    """Run a script under the agent, without a site-packages that could hold torch."""
    (folder / "main.py").write_text(source)
    traces = folder / "traces"
    traces.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(BOOT), str(folder / "libs"), *([path] if path else [])]),
        "MLFIX_AGENT_TRACE": str(traces),
        "MLFIX_AGENT_SETTINGS": json.dumps({"root": str(folder), **settings}),
    }
    command = [sys.executable, "main.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    events = [json.loads(line) for file in sorted(traces.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return done, events


def library(folder: Path, files: dict[str, str]) -> None:
    """Modules outside of the user's code, as an environment has them."""
    for name, text in files.items():
        target = folder / "libs" / "site-packages" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@pytest.fixture
def other(tmp_path: Path) -> str:
    return str(tmp_path / "libs" / "site-packages")


def test_a_process_that_neither_trains_nor_fails_leaves_no_trace(tmp_path: Path) -> None:
    done, events = run(tmp_path, "print('hello')\n")
    assert (done.returncode, done.stdout, done.stderr, events) == (0, "hello\n", "", [])


def test_the_shadowed_sitecustomize_runs(tmp_path: Path, other: str) -> None:
    library(tmp_path, {"sitecustomize.py": "import builtins\nbuiltins.greeting = 'from the other one'\n"})
    done, _ = run(tmp_path, "import sitecustomize\nprint(greeting, sitecustomize.__file__)\n", path=other)
    assert done.stdout.startswith("from the other one")
    assert "site-packages" in done.stdout


def test_without_its_variable_the_agent_stays_out(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import sys\nprint('_mlfix_agent' in sys.modules)\n")
    environment = {**os.environ, "PYTHONPATH": str(BOOT)}
    environment.pop("MLFIX_AGENT_TRACE", None)
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_an_error_before_training_is_noted_where_the_user_wrote_it(tmp_path: Path, other: str) -> None:
    library(tmp_path, {"reader.py": "def load(name):\n    return open(name)\n"})
    source = "import reader\n\ndef main():\n    reader.load('missing.csv')\n\nmain()\n"
    done, events = run(tmp_path, source, path=other)
    assert done.returncode == 1
    assert 'File "' in done.stderr
    [error] = [e for e in events if e["k"] == "exc"]
    assert (error["phase"], error["type"], error["at"]) == ("setup", "FileNotFoundError", "main.py:4 main")
    assert "missing.csv" in error["message"]


def test_an_own_excepthook_hides_nothing(tmp_path: Path) -> None:
    source = "import sys\nsys.excepthook = lambda *_: print('mine')\nraise KeyError('DATA')\n"
    done, events = run(tmp_path, source)
    assert (done.returncode, done.stdout) == (1, "mine\n")
    assert [e["type"] for e in events if e["k"] == "exc"] == ["KeyError"]


def test_lines_are_noted_once_and_only_when_executed(tmp_path: Path) -> None:
    source = (
        "def used(n):\n    for i in range(n):\n        n += i\n    return n\n\ndef unused():\n    return 0\n\n"
        "used(3)\nraise SystemError\n"
    )
    main = str(tmp_path / "main.py")
    _, events = run(tmp_path, source, reach={main: [3, 7, 9]})
    assert [(e["path"], e["line"]) for e in events if e["k"] == "reach"] == [("main.py", 9), ("main.py", 3)]


NAMES = "class new: pass\n"


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("from torch.amp import GradScaler", "ModuleNotFoundError: No module named 'torch.amp'"),
        ("import torch.amp", "ModuleNotFoundError: No module named 'torch.amp'"),
        ("from torch import Scaler", "ImportError: cannot import name 'Scaler' from 'torch'"),
        ("import torch; torch.Scaler", "AttributeError: module 'torch' has no attribute 'Scaler'"),
        ("import torch; torch.amp.GradScaler", "AttributeError: module 'torch' has no attribute 'amp'"),
        ("import user; import torch; print(torch.old)", ""),
    ],
)
def test_hidden_names_fail_for_the_user_alone(tmp_path: Path, other: str, statement: str, error: str) -> None:
    library(
        tmp_path,
        {
            "torch/__init__.py": "old = 1\nclass Scaler: pass\nfrom . import amp\n",
            "torch/amp.py": "class GradScaler: pass\n",
            "user.py": "import torch.amp\nfrom torch import Scaler\ntorch.amp.GradScaler()\n",
        },
    )
    done, events = run(tmp_path, statement + "\n", path=other, hide=["torch.amp", "torch.Scaler"])
    if error:
        assert done.stderr.strip().splitlines()[-1] == error
        assert done.returncode == 1
    else:
        assert (done.returncode, done.stdout) == (0, "1\n")
    assert any(e["k"] == "deviation" and "torch.Scaler" in e["what"] for e in events)
